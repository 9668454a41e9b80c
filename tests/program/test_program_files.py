"""Loading files and folders, what a loaded program offers, and the programs that ship."""

import gzip
import json
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pql_platform.errors import PqlError
from pql_platform.program.fields import duration, duration_text
from pql_platform.program.lists import domain_list
from pql_platform.program.load import check_events_occur, load_program, load_programs
from pql_platform.program.schema import Program


def test_the_demo_program_has_five_signals_over_all_categories_and_no_warning(
    repository, demo_events
):
    (loaded,) = load_programs(repository / "programs")
    assert loaded.warnings == ()
    assert loaded.program.max_points == {
        "boards_created": Decimal("17.5"),
        "integrations": Decimal("17.5"),
        "sessions": Decimal(25),
        "limits": Decimal(25),
        "invites": Decimal(15),
    }
    assert all(loaded.program.signals_by_category.values())
    assert loaded.program.rollout.stage == "live"
    check_events_occur([loaded], demo_events)


def test_the_demo_program_uses_the_thresholds_of_the_requirements(repository):
    program = load_program(repository / "programs" / "boards.yaml").program
    assert {s.name: (s.threshold, s.window_days) for s in program.signals} == {
        "boards_created": (3, 14),  # item 43
        "integrations": (1, 30),  # item 43
        "sessions": (4, 14),  # item 45
        "limits": (1, 14),  # item 47
        "invites": (1, 30),  # item 49
    }


def test_the_hedgebox_program_names_only_events_of_its_data_and_no_leak(repository):
    loaded = load_program(repository / "programs" / "examples" / "hedgebox.yaml")
    text = json.dumps(loaded.program.model_dump(mode="json"))
    assert "paid_bill" not in text
    assert "Account Billing" not in text
    data = repository.parent / "shared" / "data" / "hedgebox_500" / "events.ndjson.gz"
    if not data.exists():
        pytest.skip("the shared Hedgebox data is not beside the repository")
    with gzip.open(data, "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    known = {r["event"] for r in records if r["type"] == "track"}
    known |= {f"page:{r['name']}" for r in records if r["type"] == "page"}
    check_events_occur([loaded], known)


def test_a_folder_is_loaded_without_its_sub_folders_and_hidden_files(tmp_path, boards_text):
    (tmp_path / "b.yaml").write_text(boards_text)
    (tmp_path / "a.yaml").write_text(boards_text.replace("program: boards", "program: whiteboards"))
    (tmp_path / ".swap.yaml").write_text("half written")
    (tmp_path / "notes.txt").write_text("not a program")
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "c.yaml").write_text("not: loaded")
    assert [loaded.name for loaded in load_programs(tmp_path)] == ["whiteboards", "boards"]


def test_two_programs_with_one_name_are_refused(tmp_path, boards_text):
    (tmp_path / "a.yaml").write_text(boards_text)
    (tmp_path / "b.yaml").write_text(boards_text)
    with pytest.raises(PqlError, match=r"already the program of .*a\.yaml") as refused:
        load_programs(tmp_path)
    assert (refused.value.field, refused.value.line) == ("program", 3)
    assert refused.value.file == str(tmp_path / "b.yaml")


def test_programs_that_disagree_on_what_an_account_is_are_refused(tmp_path, boards_text):
    (tmp_path / "a.yaml").write_text(boards_text)
    other = boards_text.replace("program: boards", "program: other")
    (tmp_path / "b.yaml").write_text(other.replace("[group, email_domain]", "[email_domain]"))
    with pytest.raises(PqlError, match=r"\[email_domain\] differs from") as refused:
        load_programs(tmp_path)
    assert (refused.value.field, refused.value.line) == ("accounts.from", 8)


def test_a_missing_file_is_refused_with_the_closest_name(tmp_path, boards_text):
    (tmp_path / "boards.yaml").write_text(boards_text)
    with pytest.raises(PqlError, match="no such program file") as refused:
        load_programs(tmp_path / "board.yaml")
    assert refused.value.hint == "Did you mean `boards.yaml`?"


def test_a_missing_folder_and_an_empty_folder_say_what_to_do(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(PqlError) as refused:
            load_programs(path)
        assert "PQL_PROGRAMS" in refused.value.hint


def test_a_folder_named_like_a_file_cannot_be_read_as_one(tmp_path):
    with pytest.raises(PqlError, match="cannot be read"):
        load_program(tmp_path)


def test_an_event_that_never_occurs_is_refused_with_its_line_and_the_closest_one(
    edited, demo_events
):
    loaded = edited(("[Board Limit Reached, Export", "[Board Limit Reachd, Export"))
    with pytest.raises(PqlError, match="`Board Limit Reachd` never occurs") as refused:
        check_events_occur([loaded], demo_events)
    assert refused.value.field == "signals[3].any_of[0]"
    assert refused.value.line == loaded.source.line_of(("signals", 3, "any_of"))
    assert refused.value.hint == "Did you mean `Board Limit Reached`?"


def test_an_event_with_a_letter_of_another_script_is_told_by_the_name_of_the_letter(
    edited, demo_events
):
    loaded = edited(("event: Board Created", "event: B\u043eard Created"))
    with pytest.raises(PqlError, match="is CYRILLIC SMALL LETTER O") as refused:
        check_events_occur([loaded], demo_events)
    assert refused.value.hint == "Did you mean `Board Created`?"


def test_an_event_all_in_another_script_has_no_odd_letters(edited, demo_events):
    loaded = edited(("event: Board Created", "event: \u0434\u043e\u0441\u043a\u0430"))
    with pytest.raises(PqlError, match="never occurs in the data") as refused:
        check_events_occur([loaded], demo_events)
    assert "CYRILLIC" not in refused.value.message


@pytest.mark.parametrize(
    ("missing", "field"),
    [
        ("Subscription Started", "conversion.event"),
        ("Board Shared", "aha.event"),
        ("Board Created", "signals[0].event"),
        ("Data Imported", "core_events[6]"),
    ],
)
def test_every_place_that_names_an_event_is_checked(edited, demo_events, missing, field):
    with pytest.raises(PqlError) as refused:
        check_events_occur([edited()], demo_events - {missing})
    assert refused.value.field == field


def test_without_any_event_the_hint_is_to_ingest(edited):
    with pytest.raises(PqlError) as refused:
        check_events_occur([edited()], [])
    assert "pql ingest" in refused.value.hint


def test_the_digest_is_that_of_the_meaning_not_of_the_writing(edited):
    digest = edited().digest
    assert len(digest) == 64
    assert edited(("half_life_days: 7", "half_life_days: 7.0   # a week")).digest == digest
    assert edited(("contact_within: 24h", "contact_within: 1d")).digest == digest
    assert edited(("in @education", "  in   @education")).digest == digest
    assert (
        edited(("{usage_depth: 35, frequency: 25,", "{frequency: 25, usage_depth: 35,")).digest
        == digest
    )
    assert edited(("half_life_days: 7", "half_life_days: 8")).digest != digest
    assert edited(("threshold: 3", "threshold: 3.5")).digest != digest


def test_a_program_survives_being_sent_as_json(edited):
    where = "    event: Board Created\n    where: {plan.name: [free, 3, true], size: 2.5}\n"
    program = edited(
        ("    event: Board Created\n", where),
        ("enter: auto", "enter: 62.5"),
        ("tier_by:", "require: {employees: '> 5', country: [de, fr]}, tier_by:"),
    ).program
    sent = json.loads(json.dumps(program.model_dump(mode="json", by_alias=True)))
    assert Program.model_validate(sent) == program


def test_a_program_cannot_be_changed_after_loading(edited):
    with pytest.raises(ValueError, match="frozen"):
        edited().program.half_life_days = Decimal(1)


def test_meaningful_events_are_the_core_events_or_those_of_signals_but_frequency(
    edited, boards_text
):
    start = boards_text.index("core_events:")
    core = boards_text[start : boards_text.index("signals:\n")]
    assert edited().program.meaningful_events[:2] == ("Board Created", "Board Shared")
    assert edited((core, "")).program.meaningful_events == (
        "Board Created",
        "Integration Connected",
        "Board Limit Reached",
        "Export Limit Reached",
        "Premium Feature Tried",
        "Upgrade Prompt Clicked",
        "Teammate Invited",
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1, "created a board in the last 14 days"),
        (Decimal("4.00"), "created 4 boards in the last 14 days"),
        (2.25, "created 2.2 boards in the last 14 days"),
        (0, "created 0 boards in the last 14 days"),
        (12500, "created 12,500 boards in the last 14 days"),
    ],
)
def test_a_signal_says_its_value_in_plain_words(edited, value, said):
    assert edited().program.signals[0].spoken(value) == said


def test_a_signal_says_numbers_as_an_alert_does(edited):
    says = "made {value} boards, the last {value} days ago, {value} times in {window_days} days"
    loaded = edited(
        ('says: "created {value} boards in the last {window_days} days"', f'says: "{says}"'),
        ('    says_one: "created a board in the last {window_days} days"\n', ""),
    )
    said = loaded.program.signals[0].spoken
    assert said(1) == "made 1 board, the last yesterday, once in 14 days"
    assert said(0) == "made 0 boards, the last today, 0 times in 14 days"


def test_lists_match_whole_domains_and_their_suffixes_only(edited):
    program = edited(
        ("[rivalboards.com, paperwall.io]", '[RivalBoards.com, "*.paperwall.io"]'),
        ("staff: [boards.example]", 'partners: [boards.example, "@education"]'),
    ).program
    competitors = domain_list(program, "competitors")
    assert "Rivalboards.COM" in competitors
    assert "eu.rivalboards.com" not in competitors
    assert "eu.paperwall.io" in competitors
    assert "notpaperwall.io" not in competitors
    for domain in ("mit.edu", "cs.ox.ac.uk", "unimelb.edu.au", "boards.example"):
        assert domain in domain_list(program, "partners")
    assert "mit.edu" in domain_list(program, "students")
    assert "education.com" not in domain_list(program, "education")
    assert "gmail.com" in domain_list(program, "free_email")
    assert "mailinator.com" in domain_list(program, "disposable")
    assert not domain_list(program, "staff")


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90m", timedelta(minutes=90)),
        ("2h", timedelta(hours=2)),
        ("24h", timedelta(days=1)),
        ("3d", timedelta(days=3)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text, length):
    assert duration(text) == length


@given(st.integers(1, 9999), st.sampled_from("mhd"))
def test_a_duration_survives_being_written_and_read_again(number, unit):
    length = duration(f"{number}{unit}")
    assert duration(duration_text(length)) == length


@pytest.mark.parametrize(
    "text", ["", "2", "h", "0h", "-1h", "2 h", "1.5h", "2w", "99999d", 2, "2h\n"]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="is not a duration"):
        duration(text)
