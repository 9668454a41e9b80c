"""The team file: what it says is kept, and what cannot be is refused with line and hint."""

from __future__ import annotations

import json
import time as clock
from datetime import date, time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pql_platform.errors import PqlError
from pql_platform.program.source import read_source
from pql_platform.team.load import load_team
from pql_platform.team.schema import WEEKDAYS, Team

BO = "{zone: Europe/Berlin}"
MEMBERS = "{ann: 2, bo: 1}"


def test_a_team_is_kept_as_it_is_written(edited) -> None:
    team = edited()
    ann, bo = team.people["ann"], team.people["bo"]
    assert (ann.name, ann.slack, ann.capacity_per_day) == ("Ann Arbor", "U02ABCDEF12", 4)
    assert (ann.calendar.from_, ann.calendar.to) == (time(8), time(17, 30))
    assert (bo.calendar.from_, bo.calendar.to) == (time(9), time(18))
    assert bo.calendar.days == ("mon", "tue", "wed", "thu", "fri")
    assert (bo.calendar.holidays, bo.capacity_per_day, bo.away) == (None, None, ())
    assert (team.people["mia"].calendar, team.people["mia"].approves) == (None, True)
    assert team.queues["pool"].members == {"ann": 2, "bo": 1}
    assert [team.manager_of(name) for name in ("ann", "mia", "nobody")] == ["mia", None, None]


def test_the_team_of_the_demo_product_loads_and_knows_all_its_owners(repository_team) -> None:
    assert repository_team.fallback == "head.sales"
    assert repository_team.queues["inside-sales"].fallback == "head.sales"


def test_without_a_team_file_there_is_no_team(tmp_path) -> None:
    assert load_team(None) is None
    with pytest.raises(PqlError, match="no such team file") as refused:
        load_team(tmp_path / "team.yaml")
    assert "PQL_TEAM" in refused.value.hint
    with pytest.raises(PqlError, match="cannot be read"):
        load_team(tmp_path)


@pytest.mark.parametrize(
    ("name", "day", "here"),
    [
        ("ann", date(2026, 12, 20), True),
        ("ann", date(2026, 12, 21), False),
        ("ann", date(2026, 12, 31), False),
        ("ann", date(2027, 1, 1), True),
        ("cy", date(2026, 10, 31), True),
        ("cy", date(2026, 11, 1), False),
        ("mia", date(2026, 12, 25), True),
    ],
)
def test_somebody_is_here_unless_they_are_away_or_gone(edited, name, day, here) -> None:
    assert edited().people[name].is_here(day) is here


def test_whom_the_crm_knows_by_address_is_known_by_name(edited) -> None:
    team = edited()
    known = [team.known_as(text) for text in ("ann@sales.example", "ann", "bo", "x@y.example")]
    assert known == ["ann", "ann", "bo", "x@y.example"]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("mon-fri", WEEKDAYS[:5]),
        ("mon, wed ,fri", ("mon", "wed", "fri")),
        ("[mon, tue]", ("mon", "tue")),
        ("[mon-wed, sat]", ("mon", "tue", "wed", "sat")),
        ("sun", ("sun",)),
        ("mon-sun", WEEKDAYS),
        ("mon-mon", ("mon",)),
        ("fri,mon-fri", ("fri", "mon", "tue", "wed", "thu")),
    ],
)
def test_days_are_ranges_and_single_ones(edited, written, kept) -> None:
    written = written if written.startswith("[") else f'"{written}"'
    team = edited((BO, f"{{zone: UTC, days: {written}}}"))
    assert team.people["bo"].calendar.days == kept


@pytest.mark.parametrize("written", ['"9:00"', "9:00", '"09:00"', "09:00"])
def test_a_time_of_day_needs_no_quotes(edited, written) -> None:
    assert edited((BO, f"{{zone: UTC, from: {written}}}")).people["bo"].calendar.from_ == time(9)


@pytest.mark.parametrize("code", ["NO", "DE", "DE-BE", "US-CA", "GB-SCT", "JP"])
def test_a_country_is_known_by_its_code_and_norway_is_no_truth_value(edited, code) -> None:
    team = edited((BO, f"{{zone: UTC, holidays: {code}}}"))
    assert team.people["bo"].calendar.holidays == code


CALENDAR = "people.bo.calendar"
NASTY = [
    # (old, new, field, message, hint)
    # keys
    ("    name: Ann", "    nam: Ann", "people.ann.nam", "unknown key", "`name`"),
    ("capacity_per_day", "capacity", "people.ann.capacity", "unknown key", "capacity_per_day"),
    (BO, "{zone: UTC, form: x}", f"{CALENDAR}.form", "unknown key", "`from`"),
    ("fallback: mia}", "falback: mia}", "queues.pool.falback", "unknown key", "`fallback`"),
    ("queues:", "queus:", "queus", "unknown key", "`queues`"),
    ("bo: {name: Bo Tree", "bo: {slack: U02ABCDEF13", "people.bo.name", "missing", "Add `name:`"),
    ("  cy:", "  bo:", "people.bo", "already on line", "Keep one"),
    ("  cy:", '  "":', "people.", "short name", "ae.emea"),
    ("  cy:", '  "c\\u200by":', "people", "invisible", "Remove"),
    ("  cy:", '  "c/y":', "people.c/y", "short name", "ae.emea"),
    ("  cy:", "  " + "c" * 101 + ":", "people." + "c" * 101, "short name", "ae.emea"),
    ("  cy:", "  3:", "people", "not text", "quotes"),
    # YAML and types
    ("name: Bo Tree", "name: 5", "people.bo.name", "should be text", "quotes"),
    ("name: Bo Tree", "name: null", "people.bo.name", "is empty", "Write a value"),
    ("name: Bo Tree", 'name: ""', "people.bo.name", "at least 1", "Write something"),
    ("name: Bo Tree", 'name: "\\ud800"', "people.bo.name", "half a character", "Remove"),
    ("name: Bo Tree", 'name: "a\\nb"', "people.bo.name", "control", "Remove"),
    ("name: Bo Tree", "name: " + "B" * 201, "people.bo.name", "at most 200", "200 characters"),
    ("name: Bo Tree", "name: &b Bo", "people.bo.name", "anchors", "Write it out"),
    ("name: Bo Tree", "name: !!str 5", "people.bo.name", "tag", "Remove"),
    ("approves: true", "approves: yes", "people.mia.approves", "true or false", "quotes"),
    ("approves: true", "approves: 1", "people.mia.approves", "true or false", "quotes"),
    ("U02ABCDEF12", "ann", "people.ann.slack", "Slack user id", "U02ABCDEF12"),
    ("U02ABCDEF12", "u02abcdef12", "people.ann.slack", "Slack user id", "U02ABCDEF12"),
    (BO, "Europe/Berlin", CALENDAR, "mapping of keys", "{key: value}"),
    (BO, "[]", CALENDAR, "mapping of keys", "{key: value}"),
    (MEMBERS, "[ann, bo]", "queues.pool.members", "mapping of keys", "{key: value}"),
    ("queues:\n  pool: {members: {ann: 2, bo: 1}, fallback: mia}", "queues:\n  [pool]",
     "queues", "mapping of keys", "{key: value}"),
    # zones
    (BO, "{zone: Europe/Berln}", f"{CALENDAR}.zone", "no time zone", "`Europe/Berlin`"),
    (BO, "{zone: europe/berlin}", f"{CALENDAR}.zone", "no time zone", "`Europe/Berlin`"),
    (BO, "{zone: Europe}", f"{CALENDAR}.zone", "no time zone", ""),
    (BO, "{zone: ../../etc/passwd}", f"{CALENDAR}.zone", "no time zone", "Europe/Berlin"),
    (BO, "{zone: /etc/passwd}", f"{CALENDAR}.zone", "no time zone", "Europe/Berlin"),
    (BO, '{zone: "+01:00"}', f"{CALENDAR}.zone", "no time zone", "Europe/Berlin"),
    (BO, "{zone: 1}", f"{CALENDAR}.zone", "should be text", "quotes"),
    (BO, "{days: mon-fri}", f"{CALENDAR}.zone", "missing", "Add `zone:`"),
    # days and times
    (BO, "{zone: UTC, days: monday}", f"{CALENDAR}.days", "no weekday", "`mon`"),
    (BO, "{zone: UTC, days: Mon-Fri}", f"{CALENDAR}.days", "no weekday", "`mon`"),
    (BO, "{zone: UTC, days: [mon, tu]}", f"{CALENDAR}.days", "no weekday", "`tue`"),
    (BO, "{zone: UTC, days: [1]}", f"{CALENDAR}.days", "no weekday", "mon, tue"),
    (BO, "{zone: UTC, days: mon-}", f"{CALENDAR}.days", "no weekday", "mon, tue"),
    (BO, "{zone: UTC, days: mon-wed-fri}", f"{CALENDAR}.days", "no weekday", "`wed`"),
    (BO, "{zone: UTC, days: fri-mon}", f"{CALENDAR}.days", "backwards", "mon-fri"),
    (BO, "{zone: UTC, days: []}", f"{CALENDAR}.days", "0 entries", "at least 1"),
    (BO, '{zone: UTC, days: ""}', f"{CALENDAR}.days", "no weekday", "mon"),
    (BO, "{zone: UTC, days: 5}", f"{CALENDAR}.days", "names no weekdays", "mon-fri"),
    (BO, "{zone: UTC, from: 9}", f"{CALENDAR}.from", "no time of day", '"09:00"'),
    (BO, '{zone: UTC, from: "24:00"}', f"{CALENDAR}.from", "no time of day", '"09:00"'),
    (BO, '{zone: UTC, from: "9:5"}', f"{CALENDAR}.from", "no time of day", '"09:00"'),
    (BO, '{zone: UTC, from: "9am"}', f"{CALENDAR}.from", "no time of day", '"09:00"'),
    (BO, '{zone: UTC, from: "\u0660\u0669:00"}', f"{CALENDAR}.from", "no time of day", "09:00"),
    (BO, '{zone: UTC, from: "09:00\\n"}', f"{CALENDAR}.from", "no time of day", "09:00"),
    (BO, '{zone: UTC, from: "19:00"}', f"{CALENDAR}.to", "before it begins", "18:00"),
    (BO, '{zone: UTC, to: "09:00"}', f"{CALENDAR}.to", "before it begins", "18:00"),
    # holidays
    (BO, "{zone: UTC, holidays: UK}", f"{CALENDAR}.holidays", "no country", "ISO 3166"),
    (BO, "{zone: UTC, holidays: de}", f"{CALENDAR}.holidays", "no country", "ISO 3166"),
    (BO, "{zone: UTC, holidays: Germany}", f"{CALENDAR}.holidays", "no country", "ISO 3166"),
    (BO, "{zone: UTC, holidays: DE-XX}", f"{CALENDAR}.holidays", "no part of DE", "BB"),
    (BO, "{zone: UTC, holidays: true}", f"{CALENDAR}.holidays", "should be text", "quotes"),
    # time off
    ("to: 2026-12-31", "to: 2026-12-20", "people.ann.away[0].to", "before it", "2026-12-21"),
    ("to: 2026-12-31", "to: soon", "people.ann.away[0].to", "a day", "2026-09-15"),
    ("to: 2026-12-31", "to: 2026-13-31", "people.ann.away[0].to", "month", "quotes"),
    (", to: 2026-12-31", "", "people.ann.away[0].to", "missing", "Add `to:`"),
    ("left: 2026-11-01", "left: 20261101", "people.cy.left", "not a day", "2026-09-15"),
    ("left: 2026-11-01", "left: true", "people.cy.left", "not a day", "2026-09-15"),
    # sizes
    ("capacity_per_day: 4", "capacity_per_day: 0", "people.ann.capacity_per_day", "1", "1 or more"),
    ("capacity_per_day: 4", "capacity_per_day: 1001", "people.ann.capacity_per_day", "1000",
     "1000 or less"),
    ("capacity_per_day: 4", "capacity_per_day: 4.0", "people.ann.capacity_per_day",
     "whole number", "digits"),
    ("capacity_per_day: 4", "capacity_per_day: .inf", "people.ann.capacity_per_day",
     "out of range", "18 digits"),
    (MEMBERS, "{ann: 0}", "queues.pool.members.ann", "1", "1 or more"),
    (MEMBERS, "{ann: 101}", "queues.pool.members.ann", "100", "100 or less"),
    (MEMBERS, "{ann: 1.5}", "queues.pool.members.ann", "whole number", "digits"),
    (MEMBERS, "{}", "queues.pool.members", "0 entries", "at least 1"),
    # between keys
    (MEMBERS, "{ann: 2, boo: 1}", "queues.pool.members.boo", "not among the people", "`bo`"),
    ("fallback: mia}", "fallback: pool}", "queues.pool.fallback", "not among the people", "ann"),
    ("\nfallback: mia", "\nfallback: mai", "fallback", "not among the people", "`mia`"),
    ("manager: mia}", "manager: mai}", "people.bo.manager", "not among the people", "`mia`"),
    ("manager: mia}", "manager: bo}", "people.bo.manager", "their own manager", "above"),
    ("  pool:", "  ann:", "queues.ann", "also a person", "another name"),
    ("  cy: {name: Cy Press", "  manager: {name: Cy Press", "people.manager", "what a tier writes",
     "another name"),
    ("name: Bo Tree", "name: Bo Tree, email: ann@sales.EXAMPLE", "people.bo.email",
     "also the address of ann", "their own"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "field", "message", "hint"), NASTY)
def test_bad_input_is_refused_where_it_stands_with_what_to_write(
    edited, team_text, old, new, field, message, hint
) -> None:
    with pytest.raises(PqlError) as refused:
        edited((old, new))
    error = refused.value
    assert error.field == field
    assert message in error.message
    assert error.hint
    assert hint in error.hint
    assert len(str(error)) < 900
    assert str(error).isprintable()
    assert error.file is not None
    assert error.line is not None
    place = team_text.index(old)
    first = team_text[:place].count("\n") + 1
    assert first <= error.line <= first + new.count("\n")


def test_a_circle_of_managers_is_told_where_it_begins(edited) -> None:
    with pytest.raises(PqlError, match="their own manager") as refused:
        edited(("approves: true", "manager: bo"))
    assert (refused.value.field, refused.value.line) == ("people.bo.manager", 11)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (b"", "the file is empty", "team.yaml"),
        (b"# nobody\n", "the file is empty", "team.yaml"),
        (b"- ann\n", "not a mapping of keys", "people:"),
        (b"people: {}\n", "has 0 entries", "at least 1"),
        (b"queues: {}\n", "is missing", "Add `people:`"),
        (b"people: {ann: {name: Ann}\n", "not valid YAML", "brackets"),
        (b"people: {ann: {name: \xff}}\n", "not UTF-8", "UTF-8"),
        (b"PK" * 600_000, "bytes", "team.yaml"),
        (b"people: " + b"[" * 3000, "not valid YAML", ""),
    ],
)
def test_what_is_no_team_file_at_all_is_refused(team_file, text, message, hint) -> None:
    with pytest.raises(PqlError) as refused:
        load_team(team_file(text))
    assert message in refused.value.message
    assert hint in refused.value.hint


def test_a_long_chain_of_managers_is_no_circle_and_many_ghosts_are_told_as_the_first(
    team_file,
) -> None:
    begun = clock.monotonic()
    chain = "".join(f"  p{n}: {{name: P, manager: p{n + 1}}}\n" for n in range(1500))
    with pytest.raises(PqlError, match="`p1500` is not among the people") as refused:
        load_team(team_file("people:\n" + chain))
    assert refused.value.line == 1501
    ghosts = "".join(f"  p{n}: {{name: P, manager: q{n}}}\n" for n in range(1500))
    with pytest.raises(PqlError, match="`q0` is not among the people") as refused:
        load_team(team_file("people:\n" + ghosts))
    assert refused.value.line == 2
    assert clock.monotonic() - begun < 30


ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["UTC", "mon-fri", "09:00", "DE-BY", "2026-09-15", "bo", "mia", "pool"]),
    st.lists(st.sampled_from(["mon", 1, None, [], {}]), max_size=3),
    st.dictionaries(st.sampled_from(["ann", "from", "zone", ""]), st.integers(0, 3), max_size=2),
)


def places(data, loc=()):
    """All places of a file, from the top down."""
    entries = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in entries:
        yield (*loc, key)
        if isinstance(value, dict | list):
            yield from places(value, (*loc, key))


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_any_value_anywhere_is_taken_and_kept_or_refused_in_one_line_with_a_hint(
    team_file, team_text, data
) -> None:
    content = read_source(team_file(team_text)).data
    *parents, last = data.draw(st.sampled_from(list(places(content))))
    around = content
    for key in parents:
        around = around[key]
    around[last] = data.draw(ODD_VALUES)
    # What JSON writes is YAML.
    path = team_file(json.dumps(content, default=str, ensure_ascii=False))
    try:
        team = load_team(path)
    except PqlError as error:
        assert error.line is not None
        assert error.hint
        assert "\n" not in str(error)
    else:
        assert team is not None
        kept = json.loads(json.dumps(team.model_dump(mode="json", by_alias=True)))
        assert Team.model_validate(kept) == team
