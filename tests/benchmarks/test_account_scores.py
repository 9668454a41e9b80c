"""The comparison of account scores: its measures, its alternatives, and the table as a whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.account_alternatives import (
    ALTERNATIVES,
    FROM_USERS,
    NEWCOMERS,
    OURS,
    VARIANTS,
    Joining,
    from_users,
    newcomers,
    to_be_won,
    write_variants,
)
from benchmarks.account_scores import DEMO_END, HEDGEBOX_PROGRAM, DataSet, compare, tabulate
from benchmarks.ranking import (
    area_under_curve,
    bootstrap,
    interval,
    positives_in_top,
    rank_correlation,
)
from pql_platform.demo.main_job import PROGRAM
from pql_platform.demo.simulator import write_history
from pql_platform.intake.files import take_in_records
from pql_platform.program.load import load_program, load_programs

DATE = datetime(2026, 2, 1, tzinfo=UTC)
MONTH = timedelta(days=30)

ROWS = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2).filter(
    lambda rows: len({good for _, good in rows}) == 2
)


@given(ROWS)
def test_the_area_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[int, bool]]) -> None:
    good = [score for score, positive in rows if positive]
    bad = [score for score, positive in rows if not positive]
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in good for b in bad]
    scores, positive = (np.array(column) for column in zip(*rows, strict=True))
    assert area_under_curve(scores, positive) == pytest.approx(sum(pairs) / len(pairs))


@given(ROWS, st.data())
def test_a_weight_is_a_row_that_occurs_so_often(rows, data) -> None:
    weights = np.array(
        data.draw(st.lists(st.integers(1, 3), min_size=len(rows), max_size=len(rows)))
    )
    scores, positive = (np.array(column) for column in zip(*rows, strict=True))
    repeated = area_under_curve(np.repeat(scores, weights), np.repeat(positive, weights))
    assert area_under_curve(scores, positive, weights.astype(float)) == pytest.approx(repeated)


def test_resamples_are_the_same_for_every_score_and_repeatable() -> None:
    rng = np.random.default_rng(1)
    scores, positive = rng.normal(size=300), rng.random(300) < 0.3
    subjects = np.repeat(np.arange(100), 3)
    drawn = bootstrap({"a": scores, "b": 2 * scores, "c": -scores}, positive, subjects, 50, 3)
    assert drawn["a"].shape == (50,)
    assert np.array_equal(drawn["a"], drawn["b"])
    assert np.allclose(drawn["a"] + drawn["c"], 1)
    again = bootstrap({"a": scores}, positive, subjects, 50, 3)
    assert np.array_equal(drawn["a"], again["a"])
    low, high = interval(drawn["a"])
    assert low < area_under_curve(scores, positive) < high
    with pytest.raises(ValueError, match="0 of 300 rows"):
        bootstrap({"a": scores}, positive & False, subjects, 50, 3)


def test_the_top_is_that_of_each_group_and_shares_its_last_places() -> None:
    scores = np.array([9.0, 5, 5, 1, 0, 0, 0, 0])
    positive = np.array([True, True, False, False, True, False, False, False])
    groups = np.repeat(["a", "b"], 4)
    # One of the two fives at the edge, and two of four zeros: half a buyer each.
    assert positives_in_top(scores, positive, groups, 0.5) == pytest.approx((1 + 0.5 + 0.5) / 3)


def test_the_rank_correlation_is_that_of_pandas() -> None:
    rng = np.random.default_rng(2)
    a = rng.integers(0, 5, 60).astype(float)
    b = a + rng.integers(0, 5, 60).astype(float)
    ranks = pd.DataFrame({"a": a, "b": b}).rank()
    assert rank_correlation(a, b) == pytest.approx(ranks["a"].corr(ranks["b"]))


@pytest.mark.parametrize("path", [PROGRAM, HEDGEBOX_PROGRAM])
def test_the_variants_change_what_an_account_gets_and_nothing_else(path: Path, tmp_path) -> None:
    write_variants(path, tmp_path / "programs")
    programs = {item.name: item.program for item in load_programs(tmp_path / "programs")}
    assert programs.keys() == VARIANTS.keys()
    written = load_program(path).program
    assert programs[OURS] == written.model_copy(update={"program": OURS})
    assert {name for name, found in programs.items() if found.account_rule.spread_points} == {
        OURS,
        "team_spread",
    }
    assert {
        name for name, found in programs.items() if found.account_rule.single_user_cap < 100
    } == {OURS}
    for name, found in programs.items():
        assert {signal.counts_team for signal in found.signals} == {name.startswith("team")}
        assert found.max_points == written.max_points


def test_scores_of_users_are_put_together_by_account() -> None:
    users = pd.DataFrame(
        [("one", 8.0), ("four", 1.0), ("four", 40.0), ("four", 30.0), ("four", 20.0)],
        columns=["account_id", "score"],
    )
    assert from_users(users).to_dict("index") == {
        "one": dict.fromkeys(FROM_USERS, 8.0),
        "four": dict(zip(FROM_USERS, (40.0, 30.0, 90.0, 91.0), strict=True)),
    }


def test_only_accounts_that_could_still_be_won_are_judged() -> None:
    start = pd.Timestamp("2026-02-01")
    world = {
        "buys": (False, False, start + MONTH),
        "buys too late": (False, False, start + MONTH + timedelta(seconds=1)),
        "never buys": (False, False, pd.NaT),
        "pays": (True, False, start - MONTH),
        "paid, as was known later": (False, False, start),
        "student": (False, True, pd.NaT),
    }
    columns = ["is_paying", "is_excluded", "converted_at"]
    table = pd.DataFrame.from_dict(world, orient="index", columns=columns)
    scores = pd.concat([table[columns[:2]], table[columns[:2]].loc[["buys"]].rename({"buys": "x"})])
    found = to_be_won(scores, table, DATE, MONTH)
    assert found["bought"].to_dict() == {"buys": True, "buys too late": False, "never buys": False}


def test_people_who_join_are_good_messages_known_in_time(tmp_path: Path) -> None:
    joining = Joining("join", ("Logged In", "Board Created"), timedelta(days=1))
    messages = list(newcomers(joining, ["acme", "bolt"], DATE))
    taken = take_in_records(messages, tmp_path, now=DATE, label="newcomers")
    assert (taken.accepted, taken.quarantined) == (2 * NEWCOMERS, 0)
    assert len({message["userId"] for message in messages}) == 2 * NEWCOMERS
    assert {message["event"] for message in messages} == {"Logged In", "Board Created"}
    assert max(message["receivedAt"] for message in messages) < DATE.isoformat()


def test_a_small_product_is_compared_from_its_events_to_the_table(tmp_path: Path) -> None:
    events = tmp_path / "events.ndjson"
    write_history(events, accounts=120, days=60, seed=12, end=DEMO_END)
    data = DataSet("Small", PROGRAM, events, DEMO_END)
    found = compare(data, tmp_path / "small", instants=2, joined=8, seed=1)
    judged = found.judged
    assert found.last == DEMO_END - MONTH
    assert 0 < judged["bought"].sum() < len(judged)
    assert not judged["is_paying"].any()
    assert set(judged["date"]) <= {found.last, found.last - MONTH}
    assert found.too_late > 0
    assert (judged["sum_of_users"] >= judged["best_score"]).all()
    idle, *_ = found.changes.values()
    assert len(idle) == 8
    assert (idle[[OURS, "best_user", "team", "sum_of_users"]] == 0).all(axis=None)
    assert (idle["users"] == NEWCOMERS).all()
    assert (idle["mean_of_three"] < 0).any()
    table = tabulate(data, found, samples=20, seed=1)
    assert table.row_count == len(ALTERNATIVES)
