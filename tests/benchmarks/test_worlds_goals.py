"""The goals of the planted worlds: each is missed by the outcome that it is there to catch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.worlds_goals import Goal, judge
from benchmarks.worlds_outcome import Discovered, Fitted, Outcome
from benchmarks.worlds_truth import CYCLE, Kind, Truth, draw_truth
from benchmarks.worlds_vocabulary import CATEGORY_OF, SIGNAL_OF
from pql_platform.calibration.backtest import ACTIVITY, CEILING, DEFAULTS, PROPOSED

SHARE = 0.12


def truth_of(kind: Kind) -> Truth:
    return draw_truth(CYCLE.index(kind), 1)


def signal_of(event: str | None) -> str:
    return SIGNAL_OF[str(event)]


def perfect(kind: Kind) -> Outcome:
    """What became of a world if calibration made no mistake."""
    truth = truth_of(kind)
    verdicts = dict.fromkeys(CATEGORY_OF, "weak")
    if truth.leak:
        verdicts[truth.leak] = "leak"
    points = dict.fromkeys(SIGNAL_OF.values(), 5.0)
    if truth.later_cause:
        points[signal_of(truth.later_cause)] = 30.0
    if truth.leak:
        points[signal_of(truth.leak)] = 0.0
    return Outcome(
        truth=truth,
        messages=1000,
        converters=100,
        discovered=Discovered(truth.cause, truth.at_least, verdicts, behaviours=30, signals=()),
        fitted=None
        if kind == "tiny"
        else Fitted(
            points=points,
            dropped={},
            capture={PROPOSED: 0.6, CEILING: 0.61, ACTIVITY: 0.5, DEFAULTS: 0.55},
            roc_auc={},
            held_out=40,
        ),
        over_threshold=None if kind == "tiny" else 0.118,
        qualified=None if kind == "tiny" else 0.1,
        after_drift=points if truth.later_cause else None,
        refusals={"points": "Only 12 accounts converted"} if kind == "tiny" else {},
    )


def goal(outcomes: list[Outcome], title: str) -> Goal:
    (found,) = [goal for goal in judge(outcomes, SHARE) if goal.title.startswith(title)]
    return found


def test_nothing_is_missed_where_calibration_makes_no_mistake() -> None:
    goals = judge([perfect(kind) for kind in CYCLE], SHARE)
    assert {goal.title: goal.found for goal in goals if goal.met is False} == {}
    assert sum(goal.met is True for goal in goals) == 11


def test_without_worlds_a_goal_is_neither_met_nor_missed() -> None:
    assert {goal.met for goal in judge([], SHARE)} == {None}


@pytest.mark.parametrize(
    ("kind", "title", "change"),
    [
        ("strong", "Aha found first, strong", {"aha": "Logged In"}),
        ("strong", "Aha found first, strong", {"aha": None}),
        ("null", "Behaviours falsely called", {"signals": ("Logged In", "Data Imported")}),
        ("null", "Null worlds with a false", {"signals": ("Logged In",)}),
        ("leaking", "Leaks called leaks", {"verdicts": dict.fromkeys(CATEGORY_OF, "signal")}),
    ],
)
def test_a_false_discovery_misses_its_goal(kind: Kind, title: str, change) -> None:
    right = perfect(kind)
    assert right.discovered is not None
    wrong = replace(right, discovered=replace(right.discovered, **change))
    assert goal([right], title).met is True
    missed = goal([wrong], title)
    assert missed.met is False
    assert missed.exceptions in ((right.truth.number,), ())


@pytest.mark.parametrize(
    ("title", "capture"),
    [
        ("Points table's capture", {CEILING: 0.64}),
        ("Capture over rank by active days", {ACTIVITY: 0.6}),
        ("Capture over default weights", {DEFAULTS: 0.7}),
    ],
)
def test_points_that_find_too_few_buyers_miss_their_goal(title, capture) -> None:
    right = perfect("strong")
    assert right.fitted is not None
    other = replace(right.fitted, capture={**right.fitted.capture, **capture})
    assert goal([right], title).met is True
    assert goal([replace(right, fitted=other)], title).met is False


def test_signals_without_effect_are_counted_splits_too_and_those_with_one_are_not() -> None:
    right = perfect("strong")
    assert right.discovered is not None
    cause = str(right.truth.cause)
    signals = (cause, f"{cause} [source=web]", "Logged In", "Logged In [source=web]")
    outcome = replace(right, discovered=replace(right.discovered, signals=signals))
    found = goal([outcome], "Behaviours without effect")
    assert found.found.endswith("(2 of 30)")
    assert found.met is None


def test_a_leak_with_points_misses_its_goal() -> None:
    right = perfect("leaking")
    assert right.fitted is not None
    points = {**right.fitted.points, signal_of(right.truth.leak): 0.25}
    wrong = replace(right, fitted=replace(right.fitted, points=points))
    assert goal([right], "Leaks without points").met is True
    assert goal([wrong], "Leaks without points").met is False


def test_a_threshold_off_by_more_than_a_point_misses_its_goal() -> None:
    right = perfect("weak")
    assert goal([right], "Scores over the threshold").met is True
    for share in (0.109, 0.131):
        wrong = goal([right, replace(right, over_threshold=share)], "Scores over the threshold")
        assert wrong.met is False


def test_after_a_drift_the_new_cause_must_have_the_most_points_of_its_category() -> None:
    right = perfect("drifting")
    new, old = signal_of(right.truth.later_cause), signal_of(right.truth.cause)
    title = "New cause leads after a drift"
    assert goal([right], title).met is True
    for points in ({new: 10.0, old: 20.0}, {new: 0.0, old: 0.0}, None):
        assert goal([replace(right, after_drift=points)], title).met is False


def test_a_tiny_world_that_is_calibrated_misses_its_goal() -> None:
    right = perfect("tiny")
    assert goal([right], "Tiny worlds refused").met is True
    assert goal([replace(right, refusals={})], "Tiny worlds refused").met is False
