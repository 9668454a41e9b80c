"""Verdicts on comparisons written by hand: each rule with the case that it decides."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import pytest

from pql_platform.calibration.leaks import Timing, leak_of
from pql_platform.calibration.verdicts import Interval, Row, judge

EQUAL = Interval(2.8, 1.9, 4.1)
STRONG = Row(
    window="first_14_days",
    at_least=1,
    did=60,
    size=100,
    other_did=200,
    other_size=1000,
    lift=Interval(3.0, 2.4, 3.6),
    chance=1e-12,
    strata=EQUAL,
    periods=EQUAL,
    use=EQUAL,
    by_period=(2.9, 3.1, 3.0),
    ever=Interval(2.9, 2.3, 3.5),
)
EARLY = Timing(
    ever=70,
    before=65,
    only_soon_after=5,
    before_hours=65,
    first_in_hours=2,
    before_days=60,
    first_in_days=6,
    converted=100,
    ever_share=0.7,
    other_ever_share=0.25,
)


def verdict_on(row: Row, q_value: float = 1e-9) -> str:
    return judge([row], q_value, EARLY).verdict


def test_twice_as_often_and_sure_and_the_same_among_equals_is_a_signal() -> None:
    assert verdict_on(STRONG) == "signal"


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"strata": Interval(1.2, 0.8, 1.7)}, "confounded"),
        ({"strata": Interval(0.6, 0.4, 0.9)}, "confounded"),
        ({"periods": Interval(1.1, 0.8, 1.5)}, "confounded"),
        ({"use": Interval(1.2, 0.9, 1.6)}, "vanity"),
        ({"use": Interval(nan, nan, nan)}, "vanity"),
        ({"use": Interval(1.2, 0.9, 1.6), "ever": Interval(6.0, 4.0, 8.0)}, "survivorship"),
        ({"by_period": (6.0, 0.9, 0.8)}, "weak"),
        ({"lift": Interval(1.7, 1.4, 2.0)}, "weak"),
        ({"chance": nan}, "unsupported"),
    ],
)
def test_a_strong_difference_that_does_not_hold_is_called_by_its_name(
    change: dict, verdict: str
) -> None:
    assert verdict_on(replace(STRONG, **change)) == verdict


def test_strata_that_cannot_be_judged_leave_a_signal_a_signal() -> None:
    unknown = Interval(nan, nan, nan)
    assert verdict_on(replace(STRONG, strata=unknown, by_period=(nan, nan, nan))) == "signal"


def test_what_may_be_chance_among_many_is_weak_however_large_it_looks() -> None:
    assert verdict_on(STRONG, q_value=0.2) == "weak"


def test_a_surer_comparison_that_is_confounded_is_not_saved_by_another() -> None:
    surest = replace(STRONG, lift=Interval(5.0, 4.0, 6.0), strata=Interval(1.0, 0.7, 1.4))
    assert judge([STRONG, surest], 1e-9, EARLY).verdict == "confounded"


def test_a_comparison_that_only_shows_activity_does_not_spoil_another() -> None:
    busiest = replace(STRONG, lift=Interval(5.0, 4.0, 6.0), use=Interval(1.0, 0.7, 1.4))
    judgement = judge([busiest, STRONG], 1e-9, EARLY)
    assert (judgement.verdict, judgement.row) == ("signal", STRONG)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"before": 5, "only_soon_after": 60}, "only after converting"),
        ({"before": 2, "only_soon_after": 0, "other_ever_share": 0.0}, "only after converting"),
        ({"first_in_hours": 40}, "in the last 6 hours"),
        ({"first_in_days": 40, "other_ever_share": 0.02}, "in the last 2 days"),
    ],
)
def test_what_sits_at_the_purchase_is_a_leak(change: dict, reason: str) -> None:
    said = leak_of(replace(EARLY, **change))
    assert said is not None
    assert reason in said


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"first_in_days": 40},  # the others do it too: it leads to the purchase, fast
        {"before": 30, "only_soon_after": 40},  # as much before as after
        {"before": 5, "only_soon_after": 60, "other_ever_share": 0.6},  # the others do it as well
        {"before": 1, "only_soon_after": 3, "ever": 4},  # too few to say
    ],
)
def test_what_is_merely_near_the_purchase_is_no_leak(change: dict) -> None:
    assert leak_of(replace(EARLY, **change)) is None
