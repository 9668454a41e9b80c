"""Nothing is learned from too few purchases, one outcome, or a signal that is the purchase."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pql_platform.calibration.backtest import backtest
from pql_platform.calibration.outcomes import FirstUses
from pql_platform.calibration.points_table import fit_points
from pql_platform.calibration.refusals import leaks, refuse_unusable
from pql_platform.errors import PqlError


def test_under_thirty_conversions_are_refused_and_thirty_are_not(planted, boards) -> None:
    examples = planted({"invites": 2.0})
    rows = examples.frame
    chosen = np.flatnonzero(rows["converted"])
    for count in (29, 30):
        keep = ~rows["converted"].to_numpy()
        keep[chosen[:count]] = True
        few = replace(examples, frame=rows[keep].reset_index(drop=True), converters=count)
        if count == 30:
            refuse_unusable(few, boards)
            continue
        with pytest.raises(PqlError, match="Only 29 accounts converted, and 30 are needed"):
            fit_points(few, boards)
        with pytest.raises(PqlError, match="Only 29 accounts converted"):
            backtest(few, boards)


@pytest.mark.parametrize(("outcome", "says"), [(True, "Every example has"), (False, "No example")])
def test_one_outcome_is_refused(planted, boards, outcome, says) -> None:
    examples = planted({}, dates=2)
    one = replace(examples, frame=examples.frame.assign(converted=outcome))
    with pytest.raises(PqlError, match=says):
        fit_points(one, boards)


def test_a_signal_that_only_buyers_show_is_refused_by_name(planted, boards) -> None:
    examples = planted({"invites": 2.0})
    frame = examples.frame.copy()
    leaking = frame["converted"].to_numpy() & (np.arange(len(frame)) % 2 == 0)
    frame["value_limits"] = np.where(leaking, 1.0, 0.0)
    frame["age_limits"] = np.where(leaking, 0.0, np.nan)
    leaky = replace(examples, frame=frame)
    for judge in (fit_points, backtest):
        with pytest.raises(PqlError, match="Signal `limits` gives the purchase away") as refused:
            judge(leaky, boards)
        assert refused.value.field == "signals.limits"


def test_a_signal_that_everybody_shows_but_buyers_strongest_is_refused_by_name(
    planted, boards
) -> None:
    examples = planted({}, base=-2.5)
    frame = examples.frame.copy()
    frame["value_sessions"] = np.where(frame["converted"], 4.0, 1.0)
    frame["age_sessions"] = 0.0
    found = leaks(replace(examples, frame=frame), boards)
    assert list(found) == ["sessions"]
    assert "AUC of 1.000" in found["sessions"]


@pytest.mark.parametrize(
    ("uses", "leaks_"),
    [
        (FirstUses(100, 80, 80), True),
        (FirstUses(100, 80, 70), True),
        # Strays who never buy do not save it.
        (FirstUses(100, 60, 58), True),
        # The billing page of the Hedgebox data.
        (FirstUses(49, 30, 27), True),
        # Nine in ten buyers showed it before: what customers go on doing is no leak.
        (FirstUses(100, 80, 8), False),
        (FirstUses(100, 80, 64), False),
        # Most who ever do it never buy.
        (FirstUses(1000, 80, 80), False),
        (FirstUses(9, 9, 9), False),
    ],
)
def test_a_signal_first_shown_with_the_purchase_is_refused_however_it_looks_before(
    planted, boards, uses, leaks_
) -> None:
    examples = replace(planted({"invites": 2.0}), first_uses={"integrations": uses})
    assert ("integrations" in leaks(examples, boards)) is leaks_
    if leaks_:
        with pytest.raises(PqlError, match="`integrations` gives the purchase away"):
            fit_points(examples, boards)


def test_a_strong_honest_signal_is_no_leak(planted, boards) -> None:
    assert leaks(planted({"invites": 5.0, "limits": 3.0}), boards) == {}
