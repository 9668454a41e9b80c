"""What is unwise is loaded and said."""

import pytest

UNWISE = [
    ("validated_by: \"8 interviews, 2026-09\"", "", "not signed off"),
    ("top_share: 0.12", "top_share: 0.4", "top_share 40% is outside the healthy 5% to 15%"),
    ("top_share: 0.12", "top_share: 0.01", "outside the healthy"),
    ("event: Board Created", "event: Logged In", "boards_created counts Logged In"),
    ("event: Board Created", "event: user_login", "boards_created counts user_login"),
    ("event: Board Created", "event: userSignedIn", "boards_created counts userSignedIn"),
    ("competitors: [rivalboards.com, paperwall.io]", "competitors: []",
     "competitors is empty: nobody is excluded"),
    ("exclude: [competitors", "exclude: [competitor",
     "competitor is empty: nobody is excluded (did you mean competitors?)"),
    ("in @education", "in @competitors", None),
    ("{usage_depth: 35, frequency: 25,", "{usage_depth: 60,",
     "sessions earns no points: frequency has weight 0"),
    ("contact_within: 24h", "contact_within: 4d", "tier 2 waits more than 3 days"),
    ("region: EMEA", "region: DACH", "region DACH is none of AMER, EMEA, APAC"),
    (", by: head of growth, on: 2026-09-15", "", "live without a recorded decision"),
    ("stage: live, by: head of growth, on: 2026-09-15", "stage: shadow", None),
    ("enter: auto", "enter: 80", "single_user_cap 75 is below the threshold of 80"),
    ("enter: auto", "enter: 75", None),
    ("motion: new_business", "motion: expansion\nprofile: trial",
     "profile trial of an expansion program"),
    ("    event: Board Created\n", "    event: Board Created\n    where: {paid: [a, Yes]}\n",
     "boards_created wants paid to be the text Yes: write true"),
    ("event: Board Created", "event: B\u043eard Created", "is CYRILLIC SMALL LETTER O"),
    ("event: Board Created", "event: Tableau Cre\u0301e\u0301", "COMBINING ACUTE ACCENT"),
    ("event: Board Created", "event: Tableau Cr\u00e9\u00e9", None),
    ("event: Board Created", "event: \u0434\u043e\u0441\u043a\u0430", None),
    ("category: viral", "category: frequency",
     "viral has weight 15 but no signal: nobody can earn these points"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "warning"), UNWISE)
def test_an_unwise_choice_is_loaded_with_a_warning(edited, old, new, warning):
    warnings = edited((old, new)).warnings
    if warning is None:
        assert warnings == ()
    else:
        assert [text for text in warnings if warning in text], warnings


def test_more_than_five_signals_warn_and_are_never_refused(edited):
    sixth = "  - {name: sixth, category: viral, event: Board Shared, measure: count, "
    sixth += "window_days: 30, threshold: 2, says: shared}\n"
    loaded = edited(("signals:\n", "signals:\n" + sixth))
    assert loaded.warnings[0].startswith("6 signals: 3-5 are enough")


def test_a_single_category_and_an_unreachable_tier_are_warned_about(edited):
    loaded = edited(
        ("category: frequency", "category: usage_depth"),
        ("category: feature_adoption", "category: usage_depth"),
        ("category: viral", "category: usage_depth"),
    )
    assert "only usage_depth is used: no single category is enough to tell who will buy" in (
        loaded.warnings
    )
    assert "tier 1 is never reached: the highest possible score is 55" in loaded.warnings


def test_a_program_without_an_aha_moment_or_a_speakable_signal_is_warned_about(edited, boards_text):
    aha = next(line for line in boards_text.splitlines() if line.startswith("aha:"))
    speakable = ("    speakable: true\n", "")
    warnings = edited((aha, ""), *[speakable] * boards_text.count("speakable")).warnings
    assert [text.split(":")[0] for text in warnings] == ["no signal is speakable", "no aha moment"]


@pytest.mark.parametrize(
    "event", ["Design Inspected", "Signed Up", "Blog Inserted", "Sign Invoice"]
)
def test_an_event_that_only_sounds_like_a_login_is_not_called_vanity(edited, event):
    assert edited(("event: Board Created", f"event: {event}")).warnings == ()
