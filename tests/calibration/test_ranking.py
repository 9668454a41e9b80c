"""Orders of accounts are measured as their definitions say, equal scores without favour."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from pql_platform.calibration import ranking

CASES = st.integers(4, 60).flatmap(
    lambda size: st.tuples(
        st.lists(st.integers(0, 8), min_size=size, max_size=size),
        st.lists(st.booleans(), min_size=size, max_size=size),
        st.lists(st.integers(0, 3), min_size=size, max_size=size),
    )
)


def test_a_perfect_order_captures_everybody_who_fits_and_the_reverse_nobody() -> None:
    converted = np.arange(100) < 10
    assert ranking.capture(-np.arange(100), converted) == 1
    assert ranking.capture(np.arange(100), converted) == 0
    assert ranking.lift(-np.arange(100), converted) == pytest.approx(1 / 0.15)


def test_equal_scores_capture_what_a_random_order_would() -> None:
    converted = np.arange(200) % 4 == 0
    assert ranking.capture(np.zeros(200), converted) == pytest.approx(0.15)
    assert ranking.roc_auc(np.zeros(200), converted) == 0.5


def test_the_border_of_the_top_runs_through_equal_scores() -> None:
    scores = np.array([3.0] * 10 + [2.0] * 10 + [1.0] * 80)
    converted = np.zeros(100, dtype=bool)
    converted[[0, 12]] = True
    # 15 of 100: all of the first ten, and half of the second ten.
    assert ranking.capture(scores, converted) == pytest.approx(0.75)


@settings(max_examples=60, deadline=None)
@given(case=CASES)
def test_weights_count_as_often_as_rows_would(case) -> None:
    scores, converted, times = (np.array(column) for column in case)
    levels = ranking.Levels.of(scores)
    weights, outcomes = times.astype(float), converted.astype(float)
    repeated = np.repeat(scores, times), np.repeat(converted, times)
    if not repeated[1].any() or repeated[1].all():
        return
    assert levels.roc_auc(outcomes, weights) == pytest.approx(
        roc_auc_score(repeated[1], repeated[0])
    )
    assert levels.capture(outcomes, weights) == pytest.approx(ranking.capture(*repeated))


def test_without_both_outcomes_nothing_is_good_or_bad() -> None:
    for outcome in (np.zeros(5, dtype=bool), np.ones(5, dtype=bool)):
        assert math.isnan(ranking.roc_auc(np.arange(5), outcome))
        assert math.isnan(ranking.pr_auc(np.arange(5), outcome))
    assert math.isnan(ranking.capture(np.arange(5), np.zeros(5, dtype=bool)))
    assert math.isnan(ranking.precision(np.zeros(5, dtype=bool), np.ones(5, dtype=bool)))


def test_bins_hold_every_example_once_and_expect_about_as_many_conversions_each() -> None:
    rng = np.random.default_rng(3)
    scores = np.floor(rng.beta(0.4, 4, 4000) * 400) / 4
    expected = scores / 400
    converted = rng.random(4000) < expected
    bins = ranking.calibration_bins(scores, expected, converted)
    assert sum(each.examples for each in bins) == 4000
    assert sum(each.converted for each in bins) == converted.sum()
    assert len(bins) == 10
    assert all(low.score_to < high.score_from for low, high in pairwise(bins))
    hoped = [each.expected * each.examples for each in bins]
    assert max(hoped) < 2 * min(hoped)
    assert all(abs(each.expected - each.observed) < 0.06 for each in bins)
