"""Every refusal names the file, the line, the field, and what to write instead."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pql_platform.errors import PqlError
from pql_platform.program.load import load_program

TIER_2 = "{tier: 2, when: {score_at_least: 65}, contact_within: 24h}"
MID_MARKET = "  - {segment: mid_market, owner: ae.midmarket}\n"
RULE = "{users_over_threshold: 3}"
WHERE = "    event: Board Created\n"
MISTAKES = [
    # (old, new, field, message, hint)
    ("half_life_days:", "half_life_dais:", "half_life_dais", "unknown key", "`half_life_days`"),
    ("threshold: 3", "thresold: 3", "signals[0].thresold", "unknown key", "`threshold`"),
    ("top_share:", "top_shar:", "threshold.top_shar", "unknown key", "`top_share`"),
    ("{from:", "{form:", "accounts.form", "unknown key", "`from`"),
    ("nurture: trial-tips", "nurtur: t", "tiers[2].nurtur", "unknown key", "`nurture`"),
    ("score_at_least: 80", "score: 80", "tiers[0].when.score", "unknown key", "score_at_least"),
    ("    threshold: 3\n", "", "signals[0].threshold", "missing", "Add `threshold:`"),
    ("half_life_days: 7", "half_life_days: 0", "half_life_days", "or equal to 0.25", "0.25"),
    ("half_life_days: 7", "half_life_days: '7'", "half_life_days", "not a number", "quotes"),
    ("half_life_days: 7", "half_life_days: .inf", "half_life_days", "out of range", "at most"),
    ("{usage_depth: 35", "{usage_depth: 1.0e+300", "weights.usage_depth", "out of range", ""),
    ("enter: auto", "enter: .nan", "threshold.enter", "out of range", ""),
    ("threshold: 3", "threshold: 0", "signals[0].threshold", "greater than 0", ""),
    ("threshold: 3", "threshold: 0.0000001", "signals[0].threshold", "out of range", "at least"),
    ("threshold: 3", "threshold: true", "signals[0].threshold", "not a number", ""),
    ("window_days: 14", "window_days: 366", "signals[0].window_days", "365", ""),
    ("window_days: 14", "window_days: 0", "signals[0].window_days", "1", ""),
    ("window_days: 14", "window_days: 1.5", "signals[0].window_days", "whole number", ""),
    ("measure: count", "measure: cuont", "signals[0].measure", "not a measure", "`count`"),
    ("measure: count", "measure: 'sum:'", "signals[0].measure", "no property", "sum:amount"),
    ("usage_depth\n", "usage_dept\n", "signals[0].category", "not one of", "`usage_depth`"),
    ("name: integrations", "name: Our Tools", "signals[1].name", "lower-case", "our_tools"),
    ("name: integrations", "name: sessions", "signals[2].name", "already signals[1]", "unique"),
    ("name: integrations", "name: student", "negative[0].name", "already signals[1]", "unique"),
    ("name: integrations", "name: cap", "signals[1].name", "limit", "another name"),
    ("name: integrations", "name: team_spread", "signals[1].name", "spread", "another name"),
    ("name: integrations", "name: single_user_cap", "signals[1].name", "limit", "another name"),
    ("measure: count", "measure: growth\n    account_value: best_user", "signals[0].account_value",
     "`growth` is a value of the whole account", "team"),
    ("measure: count", "measure: distinct_users\n    account_value: best_user",
     "signals[0].account_value", "no single user has one", "Remove account_value"),
    ("measure: count", "measure: count\n    account_value: bestuser", "signals[0].account_value",
     "not one of best_user, team", "`best_user`"),
    ("measure: count", "measure: count\n    acount_value: team", "signals[0].acount_value",
     "unknown key", "`account_value`"),
    (RULE, "{spread_users: 1}", "account_rule.spread_users", "2", "Write 2 or more"),
    (RULE, "{spread_users: 1001}", "account_rule.spread_users", "1000", "1000 or less"),
    (RULE, "{spread_users: 2.5}", "account_rule.spread_users", "whole number", "digits"),
    (RULE, "{spread_points: -1}", "account_rule.spread_points", "equal to 0", "0 or more"),
    (RULE, "{spread_points: 101}", "account_rule.spread_points", "equal to 100", "100 or less"),
    (RULE, "{spread_points: 0.1}", "account_rule.spread_points", "multiple of 0.25", "quarters"),
    (RULE, "{single_user_cap: 100.25}", "account_rule.single_user_cap", "100", "100 or less"),
    (RULE, "{single_user_cap: 74.9}", "account_rule.single_user_cap", "0.25", "quarters"),
    (RULE, "{single_cap: 75}", "account_rule.single_cap", "unknown key", "`single_user_cap`"),
    ("motion:", "profile: fremium\nmotion:", "profile", "not one of", "`freemium`"),
    ("motion:", "plans: {trail: [x]}\nmotion:", "plans.trail", "unknown key", "`trial`"),
    ("motion:", "plans: {trial: x}\nmotion:", "plans.trial", "a list", "[one, two]"),
    ("motion:", "plans: {trial: [7]}\nmotion:", "plans.trial[0]", "text", "quotes"),
    ("motion:", "plans: {trial: [a, A]}\nmotion:", "plans.trial", "twice", "once"),
    ("motion:", "plans: {trial: [Free]}\nmotion:", "plans.trial", "among the freemium plans",
     "freemium is [free, freemium]"),
    ("motion:", "profile: trial\nplans: {trial: []}\nmotion:", "plans.trial", "score nobody",
     "as the product sends them"),
    (WHERE, "", "signals[0]", "needs an event", "event:"),
    (WHERE, WHERE + "    any_of: [A]\n", "signals[0].any_of", "beside event", "Keep one"),
    (WHERE, "    any_of: [A, A]\n", "signals[0].any_of", "twice", "once"),
    (WHERE, "    any_of: []\n", "signals[0].any_of", "at least 1", ""),
    (WHERE, "    event: 'page: '\n", "signals[0].event", "blanks", "Remove"),
    (WHERE, "    event: 'page:'\n", "signals[0].event", "names no page", "page:Pricing"),
    (WHERE, "    event: Subscription Started\n", "signals[0].event", "conversion", "before"),
    (WHERE, WHERE + "    where: {plan: }\n", "signals[0].where.plan", "None", "quotes"),
    (WHERE, WHERE + "    where: {plan: []}\n", "signals[0].where.plan", "empty list", ""),
    (WHERE, WHERE + "    where: {a'b: 1}\n", "signals[0].where.a'b", "property name", ""),
    ("{value} boards", "{valve} boards", "signals[0].says", "placeholder", "{value}"),
    ("{value} boards", "{value.real} boards", "signals[0].says", "placeholder", "{value}"),
    ("{value} boards", "{value!r} boards", "signals[0].says", "placeholder", "{value}"),
    ("{value} boards", "{value boards", "signals[0].says", "'{'", "{value}"),
    ("speakable: true", "speakable: yes", "signals[0].speakable", "true or false", ""),
    ("all: {boards_created", "all: {board_created", "compounds[0].all.board_created", "no signal",
     "`boards_created`"),
    ("all: {boards_created", "all: {zebra", "compounds[0].all.zebra", "no signal", "invites"),
    ("points: 10", "points: 10.1", "compounds[0].points", "multiple of 0.25", "quarters"),
    ("points: -20", "points: 20", "negative[0].points", "less than 0", ""),
    ("{usage_depth: 35", "{usage_depth: 36", "weights", "101, not 100", "take away 1"),
    ("{usage_depth: 35", "{usage_depth: 30", "weights", "95, not 100", "add 5"),
    ("{usage_depth: 35", "{usage_dept: 35", "weights.usage_dept", "not one of", "`usage_depth`"),
    ("{usage_depth: 35", "{usage_depth: 35.1", "weights.usage_depth", "0.25", "quarters"),
    ("in @education", "in @educaton", "negative[0].when", "no list", "`education`"),
    ("email_domain in", "email_domian in", "negative[0].when", "no field", "`email_domain`"),
    ("top_share: 0.12", "top_share: 12", "threshold.top_share", "equal to 1", "12 %"),
    ("top_share: 0.12", "top_share: 0", "threshold.top_share", "greater than 0", ""),
    ("enter: auto", "enter: 62.6", "threshold.enter", "multiple of 0.25", "quarters"),
    ("leave_margin: 5", "leave_margin: 5.1", "threshold.leave_margin", "multiple of 0.25", ""),
    ("enter: auto", "enter: 101", "threshold.enter", "out of range", "0 to 100"),
    ("enter: auto", "enter: atuo", "threshold.enter", "neither", "auto"),
    ("enter: auto", "enter: 5", "threshold.leave_margin", "never leave", "smaller"),
    ("capacity_per_day: 40", "capacity_per_day: 0", "threshold.capacity_per_day", "1", ""),
    ("contact_within: 2h", "contact_within: 2", "tiers[0].contact_within", "duration", "2h"),
    ("contact_within: 2h", "contact_within: 0h", "tiers[0].contact_within", "duration", "2h"),
    ("segment: enterprise}", "segment: enterprize}", "tiers[0].when.segment", "no segment",
     "`enterprise`"),
    ("score_at_least: 65", "score_at_least: 90", "tiers[1].when.score_at_least", "higher", "down"),
    ("score_at_least: 65", "score_at_least: 101", "tiers[1].when.score_at_least", "100", ""),
    ("80, segment: enterprise", "65", "tiers[1].when.score_at_least", "never reached", "Lower"),
    ("{tier: 2", "{tier: 1", "tiers[1].tier", "follows 1", "from 1 up"),
    ("  - {tier: 3, otherwise: true, nurture: trial-tips}\n", "", "tiers", "rest", "otherwise"),
    (TIER_2, "{tier: 2, otherwise: true, contact_within: 1d}", "tiers[1]", "last", "end"),
    (TIER_2, "{tier: 2, contact_within: 1d}", "tiers[1]", "either when or otherwise", "one"),
    (TIER_2, "{tier: 2, when: {score_at_least: 65}}", "tiers[1]", "contact_within", "24h"),
    ("nurture: trial-tips", "nurture: x, escalate_to: y", "tiers[2].escalate_to", "deadline", ""),
    ("{segment: enterprise, region: EMEA", "{segment: enterprize, region: EMEA",
     "routing[0].segment", "no segment", "`enterprise`"),
    ("{segment: enterprise, region: EMEA, owner", "{owner", "routing[0]", "no condition", "Add"),
    ("  - {otherwise: true, owner: inside-sales}\n", "", "routing", "rest", "otherwise: true"),
    (MID_MARKET, MID_MARKET + "  - {otherwise: true, owner: x}\n", "routing[5]", "last", "end"),
    (MID_MARKET, MID_MARKET * 2, "routing[5]", "same conditions", "Remove"),
    (MID_MARKET, MID_MARKET + "  - {segment: mid_market, region: APAC, owner: x}\n",
     "routing[5]", "takes all its leads", "Move it above routing[4]"),
    (MID_MARKET, MID_MARKET + "  - {region: AMER, owner: x}\n", "routing[5]",
     "both take leads with region: AMER, segment: mid_market", "above both"),
    ("{otherwise: true, owner", "{otherwise: true, region: EMEA, owner", "routing[5]",
     "has conditions", "Remove"),
    ("{user: product_specialist, ", "{", "playbooks", "level user: boards_created", "Add user:"),
    ("account: ae_call, ", "", "playbooks", "level account", "Add account:"),
    (", tier3: nurture}", "}", "playbooks", "tier3, which is nurtured", "Add tier3:"),
    ("tier3: nurture}", "tier3: nurture, tier7: x}", "playbooks.tier7", "no such", "`tier3`"),
    ("tier3: nurture}", "teir3: nurture}", "playbooks.teir3", "tier", ""),
    ("stage: live", "stage: lve", "rollout.stage", "not one of", "`live`"),
    ("on: 2026-09-15", "on: 2026-13-15", "rollout.on", "month", "quotes"),
    ("https://eu", "http://eu", "links.analytics", "https", "https://"),
    ("https://eu", "https://me:secret@eu", "links.analytics", "https", "https://"),
    ("https://eu.posthog", "https://eu.p\u043esthog", "links.analytics", "https", "https://"),
    ("https://eu.posthog.com", "https://", "links.analytics", "https", "https://"),
    ("{account_id}", "{account}", "links.analytics", "placeholder", "{account_id}"),
    ("[rivalboards.com", "[rival boards", "lists.competitors[0]", "domain", "example.com"),
    ("[rivalboards.com", "['@educaton'", "lists.competitors[0]", "not built in", "`education`"),
    ("  staff:", "  disposable:", "lists.disposable", "built-in", "another name"),
    ("[competitors, students", "[students, students", "fit.exclude", "twice", "once"),
    ("[group, email_domain]", "[groups]", "accounts.from[0]", "not one of", "`group`"),
    ("[group, email_domain]", "group", "accounts.from", "a list", ""),
    ("[group, email_domain]", "[]", "accounts.from", "at least 1", ""),
    ("[group, email_domain]", "[group, group]", "accounts.from", "twice", "once"),
    ('">= 50", smb', '">= 900", smb', "segments.mid_market", "enterprise takes it", "above"),
    ('mid_market: ">= 50"', "mid_market: otherwise", "segments.mid_market", "last", "end"),
    ("smb: otherwise", 'smb: "< 50"', "segments.smb", "takes the rest", "otherwise"),
    ("motion: new_business", "motion: &a new_business", "motion", "anchors", "Write it out"),
    ("motion: new_business", "motion: !!python/name:os.system ''", "motion", "tag", "Remove"),
    ("value_metric:", "motion:", "motion", "already on line 4", "Keep one"),
    ("value_metric: boards created", "value_metric: 3", "value_metric", "text", ""),
    ("value_metric:", "3:", None, "not text", "quotes"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "field", "message", "hint"), MISTAKES)
def test_a_mistake_is_refused_with_its_line_its_field_and_what_to_write(
    edited, boards_text, old, new, field, message, hint
):
    with pytest.raises(PqlError) as refused:
        edited((old, new))
    error = refused.value
    assert error.field == field
    assert message in error.message
    assert hint in error.hint
    assert error.hint
    assert error.file is not None
    assert error.file.endswith("program.yaml")
    assert error.line is not None
    assert "\n" not in str(error)
    last = (field or "").rpartition(".")[2].partition("[")[0]
    written = (boards_text.replace(old, new, 1)).splitlines()[error.line - 1]
    in_a_list = re.search(r"\[\d+\]$", field or "") is not None
    assert in_a_list or "missing" in error.message or last in written


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", None, "empty"),
        ("# nothing yet\n", None, "empty"),
        ("just words", 1, "not a mapping"),
        ("- program: boards\n", 1, "not a mapping"),
        ("program: boards\nmotion: [new\n", 3, "not valid YAML"),
        ("program: boards\n\tmotion: x\n", 2, "not valid YAML"),
        ("program: a\n---\nprogram: b\n", 2, "not valid YAML"),
        ("a: " + "[" * 1200, None, "nested too deeply"),
        (b"program: boards\nvalue_metric: caf\xe9\n", 2, "not UTF-8"),
        ("program: boards\n".encode("utf-16"), 1, "not UTF-8"),
        (b"\x7fELF\x01\x00\x00", 1, "not valid YAML"),
        (b"program: boards\nvalue_metric: a\x00b\n", 2, "not valid YAML"),
        (b"PK" * 600_000, None, "more than any program file"),
    ],
)
def test_what_is_no_program_file_is_refused_in_one_line(program_file, text, line, message):
    with pytest.raises(PqlError) as refused:
        load_program(program_file(text))
    assert message in refused.value.message
    assert refused.value.line == line
    assert refused.value.hint
    assert "\n" not in str(refused.value)


def test_a_refusal_stays_one_short_line_whatever_was_written(edited):
    with pytest.raises(PqlError) as refused:
        edited(("motion: new_business", 'motion: "' + "very " * 1000 + '\\e[31m\\n"'))
    assert len(str(refused.value)) < 600
    assert refused.value.message.isprintable()


def test_the_first_mistake_of_a_file_is_reported_first(edited):
    with pytest.raises(PqlError) as refused:
        edited(("half_life_days: 7", "half_life_days: 0"), ("motion: new_", "motion: old_"))
    assert refused.value.field == "motion"


@pytest.mark.parametrize(
    ("measure", "threshold", "message"),
    [
        ("ever", 2, "0 or 1"),
        ("distinct_days", 15, "only 14"),
        ("streak_days", 15, "only 14"),
        ("days_since_last", 14, "everybody"),
    ],
)
def test_a_threshold_that_nobody_or_everybody_reaches_is_refused(
    edited, measure, threshold, message
):
    with pytest.raises(PqlError, match=message) as refused:
        edited(
            ("measure: count", f"measure: {measure}"), ("threshold: 3", f"threshold: {threshold}")
        )
    assert refused.value.field == "signals[0].threshold"


def test_a_signal_of_any_activity_needs_to_know_which_activity_is_meaningful(program_file):
    head, rest = SESSIONS_ONLY
    with pytest.raises(PqlError, match="no event that is meaningful") as refused:
        load_program(program_file(head + rest))
    assert refused.value.field == "signals[0]"
    assert load_program(program_file(head + "core_events: [Board Created]\n" + rest)).warnings


def test_routes_that_cross_are_allowed_below_a_route_for_what_they_share(edited):
    shared = "  - {segment: mid_market, region: AMER, owner: both}\n"
    loaded = edited((MID_MARKET, shared + MID_MARKET + "  - {region: AMER, owner: amer}\n"))
    assert len(loaded.program.routing) == 8


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_damaged_file_loads_or_is_refused_in_one_line(boards_text, program_file, data):
    raw = bytearray(boards_text.encode())
    start = data.draw(st.integers(0, len(raw)))
    length = data.draw(st.integers(0, 40))
    raw[start : start + length] = data.draw(st.binary(max_size=8))
    try:
        load_program(program_file(bytes(raw)))
    except PqlError as error:
        assert "\n" not in str(error)
        assert error.file


SESSIONS_ONLY = (
    """\
program: visits
motion: new_business
owners: {process: a, signals: b, response: c}
conversion: {event: Paid, horizon_days: 30}
value_metric: visits
threshold: {capacity_per_day: 5}
tiers: [{tier: 1, otherwise: true, contact_within: 1d}]
routing: [{otherwise: true, owner: sales}]
playbooks: {user: call, account: call}
""",
    """\
signals:
  - {name: visits, category: frequency, measure: sessions, window_days: 14, threshold: 4, says: x}
""",
)
