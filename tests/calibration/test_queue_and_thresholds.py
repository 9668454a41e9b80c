"""The threshold keeps the share and what sales can answer, and shows what loosening would cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pql_platform.calibration.queue import (
    Crossings,
    crossings_of,
    queue_risks,
    waiting_hours,
)
from pql_platform.calibration.thresholds import choose_threshold
from pql_platform.qualify.versions import NOBODY

RNG = np.random.default_rng(8)
SCORES = np.floor(RNG.beta(0.8, 3, 5000) * 400) / 4
EVERYBODY = np.ones(5000, dtype=bool)


def asking(program: Any, **changed: Any) -> Any:
    return program.model_copy(update={"threshold": program.threshold.model_copy(update=changed)})


def arriving(scores: np.ndarray, days: int = 100, hours: float = 8.0) -> Crossings:
    """New accounts, each of which crosses every threshold up to its score."""
    return Crossings(
        before=np.full(len(scores), -1.0),
        after=scores,
        tier=np.where(scores >= 65, 1, 2),
        allowed_hours=np.where(scores >= 65, 2.0, hours),
        working_days=days,
    )


@pytest.mark.parametrize("share", ["0.10", "0.12", "0.15"])
def test_the_share_let_in_is_the_one_asked_for_within_a_point(boards, share) -> None:
    choice = choose_threshold(SCORES, EVERYBODY, asking(boards, top_share=Decimal(share)))
    assert choice.decided_by == "share"
    assert 0 <= float(share) - choice.pql_share <= 0.01
    assert choice.pql_share == (float(choice.enter) <= SCORES).mean()
    assert choice.warnings == ()


def test_capacity_decides_where_it_is_the_stricter_one_and_only_there(boards) -> None:
    crossings = arriving(SCORES)  # 600 of them over the threshold of the share, in 100 days
    plenty = asking(boards, capacity_per_day=40)
    assert choose_threshold(SCORES, EVERYBODY, plenty, daily_crossings=crossings).decided_by == (
        "share"
    )
    tight = asking(boards, capacity_per_day=2)
    choice = choose_threshold(SCORES, EVERYBODY, tight, daily_crossings=crossings)
    assert choice.decided_by == "capacity"
    assert choice.enter > choice.by_share
    assert crossings.per_day(choice.enter) <= 2 < crossings.per_day(choice.enter - Decimal("0.25"))
    assert choice.pql_share < 0.05
    assert "2 leads a day" in choice.reason
    assert choice.warnings[0].endswith("or the bar is high.")


def test_leads_that_nobody_calls_load_nobody(boards) -> None:
    nurtured = arriving(SCORES, hours=float("nan"))
    tight = asking(boards, capacity_per_day=2)
    assert choose_threshold(SCORES, EVERYBODY, tight, daily_crossings=nurtured).decided_by == (
        "share"
    )


def test_a_number_in_the_program_file_stands_and_too_much_of_it_is_said(boards) -> None:
    written = asking(boards, enter=Decimal(10), capacity_per_day=2)
    choice = choose_threshold(SCORES, EVERYBODY, written, daily_crossings=arriving(SCORES))
    assert (choice.enter, choice.decided_by) == (10, "program")
    assert choice.by_share > 10
    assert [said.split(";")[-1].strip() for said in choice.warnings] == [
        "over 15% the bar is low.",
        "More than 2 leads a day are to be contacted.",
    ]


def test_the_gates_take_from_the_share_and_never_move_the_threshold(boards) -> None:
    half = RNG.random(5000) < 0.5
    gated = choose_threshold(SCORES, half, boards)
    assert gated.enter == choose_threshold(SCORES, EVERYBODY, boards).enter
    assert gated.pql_share == pytest.approx(0.06, abs=0.01)


def test_nobody_qualifies_where_nobody_has_a_point(boards) -> None:
    choice = choose_threshold(np.zeros(50), np.ones(50), boards)
    assert (choice.enter, choice.pql_share) == (NOBODY, 0)
    assert choice.reason == "Nobody has a point yet, so nobody qualifies."


def test_the_risks_are_shown_from_below_the_threshold_to_above(boards) -> None:
    choice = choose_threshold(
        SCORES, EVERYBODY, asking(boards, capacity_per_day=6), daily_crossings=arriving(SCORES)
    )
    thresholds = [risk.threshold for risk in choice.risks]
    assert thresholds == sorted(thresholds)
    assert float(choice.enter) in thresholds
    loads = [risk.load for risk in choice.risks]
    assert loads == sorted(loads, reverse=True)
    assert loads[0] > 1 > loads[-1]


def test_more_capacity_makes_no_lead_later_and_a_lower_threshold_no_fewer_late(boards) -> None:
    crossings = arriving(SCORES, hours=2.0)
    by_capacity = [
        queue_risks(crossings, [Decimal(35)], asking(boards, capacity_per_day=capacity))[0]
        for capacity in (4, 6, 8, 12, 30)
    ]
    late = [risk.share_late for risk in by_capacity]
    assert late == sorted(late, reverse=True)
    assert late[0] > 0.8
    assert late[-1] < 0.05
    risks = queue_risks(
        crossings,
        [Decimal(score) for score in (20, 30, 40, 50)],
        asking(boards, capacity_per_day=8),
    )
    by_threshold = [risk.share_late for risk in risks]
    assert by_threshold == sorted(by_threshold, reverse=True)


@settings(max_examples=80, deadline=None)
@given(
    arrivals=st.lists(st.floats(0, 20), min_size=1, max_size=30).map(sorted),
    service=st.floats(0.01, 2),
)
def test_one_desk_serves_everybody_once_the_longest_there_first(arrivals, service) -> None:
    waits = waiting_hours(np.array(arrivals), np.zeros(len(arrivals), dtype=np.int64), service)
    free = 0.0
    for arrival, wait in zip(arrivals, waits, strict=True):
        begins = max(arrival, free)
        assert wait == pytest.approx(begins - arrival)
        free = begins + service


def test_the_urgent_go_first_without_interrupting_anybody() -> None:
    waits = waiting_hours(np.array([0.0, 0.1, 0.2]), np.array([2, 2, 1]), 1.0)
    assert waits.tolist() == pytest.approx([0.0, 1.9, 0.8])


def test_a_crossing_is_a_rise_between_neighbouring_dates_of_who_may_qualify(boards) -> None:
    days = pd.to_datetime(["2026-01-05", "2026-01-19", "2026-02-02"]).as_unit("us")
    rows = [
        # account, date, score, eligible
        ("rises", 0, 20.0, True),
        ("rises", 1, 70.0, True),
        ("stays", 0, 70.0, True),
        ("stays", 1, 70.0, True),
        ("new", 1, 90.0, True),
        ("new", 2, 60.0, True),
        ("gated", 1, 90.0, False),
        ("gated", 2, 90.0, True),
        ("absent", 0, 90.0, True),
        ("absent", 2, 90.0, True),
    ]
    frame = pd.DataFrame(rows, columns=["account_id", "date", "score", "may"])
    frame["index_at"] = days[frame["date"]]
    frame["segment"] = "enterprise"
    found = crossings_of(frame, frame["score"].to_numpy(), frame["may"].to_numpy(), boards)
    pairs = sorted(zip(found.before.tolist(), found.after.tolist(), strict=True))
    assert pairs == [(-1.0, 90.0), (-1.0, 90.0), (-1.0, 90.0), (20.0, 70.0)]
    assert found.working_days == 20
    assert found.per_day(65) == 4 / 20
    assert found.per_day(80) == 3 / 20
    assert found.per_day(10) == 3 / 20
    # Enterprise from 80 is tier 1 with two hours, from 65 tier 2 with a day of eight.
    assert dict(zip(found.after, found.allowed_hours, strict=True)) == {90.0: 2.0, 70.0: 8.0}
