"""The score history: a row for each change, days that follow from it, and clocks that go back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pql_platform.qualify.history import Recorded, Said, daily_scores, history_of, record_scores

START = datetime(2026, 3, 1, 22, tzinfo=UTC)


@dataclass(frozen=True)
class Verdict:
    """What a pass says of one account."""

    score: Decimal
    qualified: bool = False
    tier: int | None = None
    version: str = "boards-v1"


Tiers = dict[str, Verdict]


def warehouse() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("CREATE SCHEMA pql")
    connection.execute(
        "CREATE TABLE pql.tiers (program TEXT, level TEXT, subject_id TEXT, score DECIMAL(9, 2),"
        " qualified BOOLEAN, tier BIGINT, version TEXT)"
    )
    return connection


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with warehouse() as opened:
        yield opened


def judge(connection: duckdb.DuckDBPyConnection, at: datetime, tiers: Tiers) -> Recorded:
    """One pass: its tiers, then its history."""
    connection.execute("DELETE FROM pql.tiers")
    for name, said in tiers.items():
        connection.execute(
            "INSERT INTO pql.tiers VALUES ('boards', 'account', ?, ?, ?, ?, ?)",
            [name, said.score, said.qualified, said.tier, said.version],
        )
    return record_scores(connection, at)


def scores(**points: float) -> Tiers:
    return {name: Verdict(Decimal(str(score))) for name, score in points.items()}


def rows(connection: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    return connection.execute(
        "SELECT subject_id, as_of, score, qualified, tier, version FROM pql.score_history"
        " ORDER BY subject_id, as_of"
    ).fetchall()


def days(connection: duckdb.DuckDBPyConnection, first: date, last: date) -> dict[object, float]:
    frame = daily_scores(connection, "boards", first, last)
    return {(row.subject_id, row.day.date()): row.score for row in frame.itertuples()}


def test_a_pass_writes_what_changed_and_nothing_else(connection) -> None:
    assert judge(connection, START, scores(acme=10, bolt=20)) == Recorded(2)
    hour = timedelta(hours=1)
    assert judge(connection, START + hour, scores(acme=10, bolt=20)) == Recorded(0)
    assert judge(connection, START + 2 * hour, scores(acme=10.25, bolt=20)) == Recorded(1)
    changed = {"acme": Verdict(Decimal("10.25"), qualified=True, tier=2), **scores(bolt=20)}
    assert judge(connection, START + 3 * hour, changed) == Recorded(1)
    changed["bolt"] = Verdict(Decimal(20), version="boards-v2")
    assert judge(connection, START + 4 * hour, changed) == Recorded(1)
    said = history_of(connection, "boards", "account", "acme", START + hour)
    assert said == [
        Said(START, Decimal(10), False, None, "boards-v1"),
        Said(START + 2 * hour, Decimal("10.25"), False, None, "boards-v1"),
        Said(START + 3 * hour, Decimal("10.25"), True, 2, "boards-v1"),
    ]
    assert history_of(connection, "boards", "account", "acme", START + 5 * hour) == said[2:]
    assert history_of(connection, "boards", "user", "acme", START) == []


def test_a_repeated_pass_writes_nothing(connection) -> None:
    judge(connection, START, scores(acme=10, bolt=20))
    before = rows(connection)
    assert judge(connection, START, scores(acme=10, bolt=20)) == Recorded(0)
    assert rows(connection) == before


def test_a_pass_repeated_with_another_result_takes_the_place_of_the_first(connection) -> None:
    hour = timedelta(hours=1)
    judge(connection, START, scores(acme=10, bolt=20))
    judge(connection, START + hour, scores(acme=11, bolt=21, cove=1))
    assert judge(connection, START + hour, scores(acme=10, bolt=22)) == Recorded(1)
    assert [row[:3] for row in rows(connection)] == [
        ("acme", START.replace(tzinfo=None), Decimal(10)),
        ("bolt", START.replace(tzinfo=None), Decimal(20)),
        ("bolt", (START + hour).replace(tzinfo=None), Decimal(22)),
    ]


def test_what_was_said_later_stands_when_the_clock_goes_back(connection) -> None:
    hour = timedelta(hours=1)
    judge(connection, START, scores(acme=10))
    judge(connection, START + 2 * hour, scores(acme=10))
    before = rows(connection)
    assert judge(connection, START + hour, scores(acme=99, bolt=1)) == Recorded(0, behind=True)
    assert rows(connection) == before
    # The next pass in time is held against what was last said, not against the one that went back.
    assert judge(connection, START + 3 * hour, scores(acme=99)) == Recorded(1)
    assert [said.score for said in history_of(connection, "boards", "account", "acme", START)] == [
        10,
        99,
    ]


def test_an_id_that_is_no_longer_judged_has_no_score_from_then_on(connection) -> None:
    day = timedelta(days=1)
    judge(connection, START, scores(acme=10, bolt=20))
    assert judge(connection, START + day, scores(acme=10)) == Recorded(1)
    assert judge(connection, START + 2 * day, scores(acme=10)) == Recorded(0)
    assert judge(connection, START + 3 * day, scores(acme=10, bolt=20)) == Recorded(1)
    said = history_of(connection, "boards", "account", "bolt", START)
    assert [(row.as_of - START, row.score) for row in said] == [
        (0 * day, 20),
        (1 * day, None),
        (3 * day, 20),
    ]
    closing = days(connection, date(2026, 3, 1), date(2026, 3, 9))
    assert [day for name, day in closing if name == "bolt"] == [date(2026, 3, 1), date(2026, 3, 4)]


def test_a_day_ends_with_its_last_score_and_days_without_a_pass_keep_it(connection) -> None:
    judge(connection, START, scores(acme=10))
    judge(connection, START + timedelta(hours=1, minutes=59), scores(acme=11))
    judge(connection, START + timedelta(days=3, hours=2), scores(acme=12))
    closing = days(connection, date(2026, 2, 20), date(2026, 3, 20))
    assert closing == {
        ("acme", date(2026, 3, day)): score for day, score in ((1, 11), (2, 11), (3, 11), (4, 11))
    } | {("acme", date(2026, 3, 5)): 12}
    assert days(connection, date(2026, 3, 3), date(2026, 3, 3)) == {("acme", date(2026, 3, 3)): 11}
    assert days(connection, date(2026, 3, 9), date(2026, 3, 3)) == {}
    mine = daily_scores(
        connection,
        "boards",
        date(2026, 3, 1),
        date(2026, 3, 9),
        until=START + timedelta(hours=1),
        level="account",
        subject_id="acme",
    )
    assert mine["score"].tolist() == [10]


verdicts = st.builds(
    Verdict,
    st.integers(0, 3).map(Decimal),
    st.booleans(),
    st.sampled_from([None, 1]),
    st.sampled_from(["boards-v1", "boards-v2"]),
)
passes = st.lists(
    st.tuples(st.integers(0, 80), st.dictionaries(st.sampled_from("abc"), verdicts)), max_size=9
)


@settings(deadline=None, max_examples=30)
@given(passes)
def test_history_is_what_the_passes_said_in_the_order_of_their_clocks(
    told: list[tuple[int, Tiers]],
) -> None:
    accepted: dict[datetime, Tiers] = {}
    with warehouse() as connection:
        for hours, tiers in told:
            at = START + timedelta(hours=hours)
            recorded = judge(connection, at, tiers)
            assert recorded.behind == (bool(accepted) and at < max(accepted))
            if not recorded.behind:
                accepted[at] = tiers
        for name in "abc":
            said = history_of(connection, "boards", "account", name, START - timedelta(days=1))
            assert all(before.as_of < after.as_of for before, after in pairwise(said))
            told_apart = [(row.score, row.qualified, row.tier, row.version) for row in said]
            assert all(before != after for before, after in pairwise(told_apart))
            for at, tiers in accepted.items():
                then = [row for row in said if row.as_of <= at]
                verdict = tiers.get(name)
                assert (then[-1].score if then else None) == (verdict.score if verdict else None)
                if verdict:
                    assert told_apart[len(then) - 1][1:] == (
                        verdict.qualified,
                        verdict.tier,
                        verdict.version,
                    )
        first, last = date(2026, 3, 2), date(2026, 3, 4)
        expected = {}
        for day in (first, date(2026, 3, 3), last):
            until = [at for at in accepted if at.date() <= day]
            if until and max(accepted).date() >= day:
                closing = accepted[max(until)]
                expected |= {(name, day): said.score for name, said in closing.items()}
        assert days(connection, first, last) == expected
