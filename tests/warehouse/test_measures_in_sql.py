"""Every measure in SQL is what its one-line definition says, for a user, a team and a best user."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pql_platform.program.signals import MEASURES, TEAM_MEASURES
from pql_platform.warehouse.check import UNIT_PROGRAM
from pql_platform.warehouse.manifest import ModelManifest, render_manifest

TODAY = datetime.fromisoformat("2026-03-06")  # so that windows reach over the end of February
AS_OF = TODAY + timedelta(hours=10)
WINDOW, HALF_LIFE = 14, 7.0
CORE = {"Board Created", "Board Shared"}
OF_CORE = ("sessions", "minutes_per_session")
SUM = "sum:order.amount"


@dataclass(frozen=True)
class Event:
    """One product event; `amount` is what its property holds, whatever that is."""

    account: str
    user: str | None
    name: str
    at: datetime
    amount: Any = None


@dataclass(frozen=True)
class Occurrence:
    """What a measure looks at: a matching event, or a visit with its length in minutes."""

    user: str | None
    day: date
    amount: float = 0
    minutes: float = 0


def longest_run(days: set[date]) -> int:
    return max(
        (next(n for n in range(1, 99) if day + timedelta(n) not in days) for day in days), default=0
    )


def usable(amount: Any) -> float:
    try:
        number = float(amount)
    except (TypeError, ValueError):
        return 0
    return number if math.isfinite(number) else 0


DEFINITIONS: dict[str, Callable[[list[Occurrence], list[Occurrence], int], float]] = {
    "count": lambda window, before, last: len(window),
    "ever": lambda window, before, last: bool(window),
    "distinct_days": lambda window, before, last: len({one.day for one in window}),
    "sessions": lambda window, before, last: len(window),
    "streak_days": lambda window, before, last: longest_run({one.day for one in window}),
    "days_since_last": lambda window, before, last: last,
    "minutes_per_session": lambda window, before, last: (
        sum(one.minutes for one in window) / len(window) if window else 0
    ),
    "distinct_users": lambda window, before, last: len({one.user for one in window} - {None}),
    "growth": lambda window, before, last: len(window) / max(len(before), 1),
    SUM: lambda window, before, last: max(sum(one.amount for one in window), 0),
}


def signals() -> dict[str, tuple[str, bool]]:
    """Name -> measure, and whether an account's value is that of the team."""
    return {
        f"{measure.partition(':')[0]}_{'team' if team else 'best'}": (measure, team)
        for measure in DEFINITIONS
        for team in (False, True)
        if team or measure not in TEAM_MEASURES
    }


def threshold_of(measure: str) -> int:
    return 1 if measure == "ever" else 3


def occurrences_of(measure: str, events: list[Event]) -> list[tuple[str, Occurrence]]:
    """What counts for a measure, with the account in which it happened."""
    if measure not in OF_CORE:
        return [
            (one.account, Occurrence(one.user, one.at.date(), usable(one.amount)))
            for one in events
            if one.name == "Board Created"
        ]
    found = []
    for account, user in {(one.account, one.user) for one in events if one.user}:
        mine = sorted(
            (e for e in events if (e.account, e.user) == (account, user)), key=lambda e: e.at
        )
        visits: list[list[Event]] = []
        for one in mine:
            if not visits or one.at - visits[-1][-1].at > timedelta(minutes=30):
                visits.append([])
            visits[-1].append(one)
        for visit in visits:
            if any(one.name in CORE for one in visit):
                minutes = (visit[-1].at - visit[0].at) / timedelta(minutes=1)
                found.append((account, Occurrence(user, visit[0].at.date(), minutes=minutes)))
    return found


def measured(measure: str, found: list[Occurrence]) -> tuple[float, int]:
    """The value of a measure, and the days since the latest occurrence."""
    ages = [((AS_OF.date() - one.day).days, one) for one in found]
    window = [one for age, one in ages if age < WINDOW]
    before = [one for age, one in ages if WINDOW <= age < 2 * WINDOW]
    last = min(age for age, _ in ages)
    return float(DEFINITIONS[measure](window, before, last)), last


def strength(measure: str, value: float, days: int) -> tuple[Any, ...]:
    """The order of an account's users: how far along, then the better value, then the fresher."""
    threshold = threshold_of(measure)
    if measure == "days_since_last":
        return math.floor(1e9 * (threshold / max(value, threshold))), -value, -days
    reached = min(value, threshold) / threshold * 0.5 ** (days / HALF_LIFE)
    return math.floor(1e9 * reached), value, -days


def expected(events: list[Event]) -> dict[tuple[str, str, str], tuple[Any, ...]]:
    """(signal, level, subject) -> (user, value, days since last, occurrences ever)."""
    values: dict[tuple[str, str, str], tuple[Any, ...]] = {}
    for name, (measure, team) in signals().items():
        found = occurrences_of(measure, events)
        for user in {one.user for _, one in found} - {None}:
            own = [one for _, one in found if one.user == user]
            values[name, "user", user] = (user, *measured(measure, own), len(own))
        for account in {account for account, _ in found}:
            theirs = [one for where, one in found if where == account]
            if team:
                values[name, "account", account] = (None, *measured(measure, theirs), len(theirs))
                continue
            of_each = {
                user: measured(measure, [one for one in theirs if one.user == user])
                # The lesser id first, and nobody last: the first of equals is the greatest.
                for user in sorted({one.user for one in theirs}, key=lambda user: user or "~")
            }
            best = max(of_each, key=lambda user: strength(measure, *of_each[user]))
            values[name, "account", account] = (best, *of_each[best], len(theirs))
    return values


@pytest.fixture(scope="module")
def models(kit, tmp_path_factory) -> tuple[ModelManifest, ...]:
    """The models of a program that has every measure, for the best user and for the team."""
    program = yaml.safe_load(UNIT_PROGRAM.read_text(encoding="utf-8"))
    program["signals"] = [
        {
            "name": name,
            "category": "frequency" if measure in OF_CORE else "usage_depth",
            **({} if measure in OF_CORE else {"event": "Board Created"}),
            "measure": measure,
            "window_days": WINDOW,
            "threshold": threshold_of(measure),
            "account_value": "team" if team else "best_user",
            "says": "did {value}",
        }
        for name, (measure, team) in signals().items()
    ]
    program["weights"] = {"usage_depth": 60, "frequency": 40}
    program["half_life_days"] = int(HALF_LIFE)
    del program["compounds"]
    folder = tmp_path_factory.mktemp("measures")
    path = folder / "measures.yaml"
    path.write_text(yaml.safe_dump(program), encoding="utf-8")
    return render_manifest(kit.settings_of(folder, path))


@pytest.fixture(scope="module")
def raw(kit) -> Iterator[duckdb.DuckDBPyConnection]:
    with kit.raw_tables(AS_OF) as connection:
        yield connection


AGES = st.one_of(st.integers(0, 16), st.integers(0, 60))
QUARTERS_OF_AN_HOUR = st.integers(0, 39)  # up to 10 o'clock, so that today's are not in the future
EVENTS = st.builds(
    lambda account, user, name, age, quarters, amount: Event(
        account,
        user,
        name,
        TODAY - timedelta(days=age) + timedelta(minutes=15 * quarters),
        amount,
    ),
    st.sampled_from(["acme", "bolt"]),
    st.sampled_from(["ann", "bob", "cid", None]),
    st.sampled_from(["Board Created", "Board Created", "Board Shared", "Board Viewed"]),
    AGES,
    QUARTERS_OF_AN_HOUR,
    st.one_of(st.none(), st.integers(-50, 50), st.sampled_from(["0.25", "12", "much", "NaN", ""])),
)


def created(user: str, day: str) -> Event:
    return Event("acme", user, "Board Created", datetime.fromisoformat(f"2026-{day} 09:00"))


@example(events=[created("ann", "02-27"), created("ann", "02-28"), created("ann", "03-01")])
@example(events=[created("ann", "03-05"), created("ann", "03-05"), created("bob", "03-04")])
@example(events=[created("ann", "02-21"), created("ann", "02-20"), created("bob", "02-06")])
@settings(max_examples=25, deadline=None)
@given(events=st.lists(EVENTS, max_size=40))
def test_every_measure_is_what_its_definition_says(events, models, raw, kit) -> None:
    raw.execute("DELETE FROM raw.events")
    raw.execute("DELETE FROM raw.links")
    links = {pair: n for n, pair in enumerate(sorted({(e.user or "", e.account) for e in events}))}
    for (user, account), link_id in links.items():
        raw.execute(
            "INSERT INTO raw.links VALUES (?, ?, NULL, NULL, ?)", [link_id, user or None, account]
        )
    for number, one in enumerate(events):
        properties = json.dumps({} if one.amount is None else {"order": {"amount": one.amount}})
        link_id = links[one.user or "", one.account]
        raw.execute(
            "INSERT INTO raw.events VALUES ($1, 'track', $2, $3, $4, $4, $5, '{}')",
            [str(number), one.name, link_id, one.at, properties],
        )
    kit.compute(raw, models, "features.signals")
    found = {
        (signal, level, subject): tuple(rest)
        for signal, level, subject, *rest in raw.execute(
            "SELECT signal, level, subject_id, user_id, value, days_since_last, occurrences_ever"
            " FROM features.signals"
        ).fetchall()
    }
    wanted = expected(events)
    assert found.keys() == wanted.keys()
    for key, (user, value, *rest) in wanted.items():
        assert (found[key][0], *found[key][2:]) == (user, *rest), key
        assert found[key][1] == pytest.approx(value), key


def test_every_measure_of_the_program_file_has_its_definition_here() -> None:
    assert {measure for measure in DEFINITIONS if measure != SUM} == set(MEASURES)
