"""A challenger takes over only when it is better than noise, within bands, and in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from pql_platform.calibration.policy import Advantage, Change, Standing, change_between, decide

NOW = datetime(2026, 11, 1, tzinfo=UTC)
BETTER = Advantage("capture_top15", 0.08, 0.02, 0.14)
LARGE = Change(thresholds=True, signals=("boards_created", "invites"), weights=True)
SETTLED = Standing(NOW - timedelta(days=92), NOW - timedelta(days=300), NOW)
SHARE = (0.11, 0.12)


def test_better_than_noise_and_within_every_band_is_promoted_where_the_policy_is_auto() -> None:
    decision = decide(BETTER, LARGE, SHARE, SETTLED, "auto")
    assert decision.action == "promote"
    assert decision.reasons[0] == (
        "Better on held-out time: buyers in the best 15 % +8.0% (+2.0% to +14.0%)."
    )


def test_the_same_challenger_is_only_proposed_where_the_policy_is_to_ask() -> None:
    assert decide(BETTER, LARGE, SHARE, SETTLED, "ask").action == "ask"


@pytest.mark.parametrize("low", [0.0, -0.01])
def test_an_interval_that_touches_zero_keeps_the_champion(low: float) -> None:
    decision = decide(replace(BETTER, low=low), LARGE, SHARE, SETTLED, "auto")
    assert decision.action == "keep"
    assert "Not better than noise" in decision.reasons[0]


def test_a_challenger_that_judges_alike_is_not_proposed() -> None:
    nothing = Change(thresholds=False, signals=(), weights=False)
    assert decide(BETTER, nothing, SHARE, SETTLED, "auto").action == "keep"


@pytest.mark.parametrize(
    ("share", "says"),
    [
        ((0.20, 0.26), "26.0% would qualify; over 25% the bar is too low."),
        ((0.15, 0.16), "16.0% would qualify; 5% to 15% is healthy."),
        ((0.06, 0.04), "4.0% would qualify; 5% to 15% is healthy."),
        ((0.06, 0.12), "2.0 times as many would qualify as now (6.0%)."),
    ],
)
def test_a_share_outside_its_band_waits_for_a_person_even_where_the_policy_is_auto(
    share: tuple[float, float], says: str
) -> None:
    decision = decide(BETTER, LARGE, share, SETTLED, "auto")
    assert (decision.action, decision.reasons[0]) == ("ask", says)


@pytest.mark.parametrize(
    ("change", "standing", "says"),
    [
        (LARGE, replace(SETTLED, champion_since=NOW - timedelta(days=29)), "29 days"),
        (
            LARGE,
            Standing(NOW - timedelta(days=40), NOW - timedelta(days=89), NOW),
            "has not run a full quarter",
        ),
        (Change(thresholds=True, signals=(), weights=False), SETTLED, "by approval"),
        (Change(thresholds=False, signals=("invites",), weights=False), SETTLED, "by approval"),
    ],
)
def test_the_pace_of_change_leaves_the_decision_to_a_person(
    change: Change, standing: Standing, says: str
) -> None:
    decision = decide(BETTER, change, SHARE, standing, "auto")
    assert decision.action == "ask"
    assert says in decision.reasons[0]


def test_what_changed_is_named_by_signal_and_a_dropped_signal_counts() -> None:
    points = {"a": Decimal(20), "b": Decimal(15)}
    change = change_between(
        points,
        {"a": Decimal("20.00")},
        weights=({"viral": Decimal(35)}, {"viral": Decimal(35)}),
        thresholds=(Decimal(40), Decimal("40.25")),
    )
    assert change == Change(thresholds=True, signals=("b",), weights=False)
    assert change.is_small
    weighted = change_between(
        points, points, weights=({"viral": Decimal(35)}, {"viral": Decimal(30)}), thresholds=(1, 1)
    )
    assert weighted == Change(thresholds=False, signals=(), weights=True)
    assert not weighted.is_small
