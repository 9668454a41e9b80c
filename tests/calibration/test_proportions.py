from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, fisher_exact

from pql_platform.calibration.proportions import (
    chance_of,
    combined_chance,
    false_discovery_rates,
    information,
    lift_of,
    pooled_lift,
    share_limits,
)


@st.composite
def two_groups(draw: st.DrawFn) -> tuple[int, int, int, int]:
    size, other_size = draw(st.integers(1, 400)), draw(st.integers(1, 4000))
    return draw(st.integers(0, size)), size, draw(st.integers(0, other_size)), other_size


def test_limits_of_a_share_are_those_that_newcombe_printed() -> None:
    # Newcombe 1998, Statistics in Medicine 17: table I, method 3.
    low, high = share_limits([81, 15, 0, 1], [263, 148, 20, 29])
    assert low == pytest.approx([0.2553, 0.0624, 0.0, 0.0061], abs=5e-5)
    assert high == pytest.approx([0.3662, 0.1605, 0.1611, 0.1718], abs=5e-5)


@given(two_groups())
def test_a_lift_lies_within_its_limits_and_all_three_are_finite(
    groups: tuple[int, int, int, int],
) -> None:
    lift = lift_of(*groups)
    assert 0 <= lift.low <= lift.ratio <= lift.high < np.inf


@given(two_groups())
def test_a_lift_turned_round_has_its_limits_turned_round(
    groups: tuple[int, int, int, int],
) -> None:
    did, size, other_did, other_size = groups
    if not did or not other_did:
        return  # with nobody on one side, the other limit is another formula
    lift = lift_of(did, size, other_did, other_size)
    back = lift_of(other_did, other_size, did, size)
    assert lift.low == pytest.approx(1 / back.high, rel=1e-6)
    assert lift.high == pytest.approx(1 / back.low, rel=1e-6)


@pytest.mark.parametrize(
    ("size", "share", "other_size", "other_share"),
    [(30, 0.5, 300, 0.1), (30, 0.2, 150, 0.2), (100, 0.7, 1000, 0.3), (20, 0.9, 60, 0.4)],
)
def test_the_limits_of_a_lift_hold_the_truth_about_as_often_as_they_say(
    size: int, share: float, other_size: int, other_share: float
) -> None:
    did, other_did = np.meshgrid(np.arange(size + 1), np.arange(other_size + 1), indexing="ij")
    lift = lift_of(did, size, other_did, other_size)
    weight = binom.pmf(did, size, share) * binom.pmf(other_did, other_size, other_share)
    truth = share / other_share
    held = weight[(lift.low <= truth) & (truth <= lift.high)].sum()
    assert 0.93 <= held <= 0.98


def test_when_nobody_did_it_nothing_is_claimed() -> None:
    lift = lift_of(0, 30, 0, 300)
    assert (lift.ratio, lift.low) == (1, 0)
    assert chance_of(0, 30, 0, 300) == 1


@given(two_groups())
def test_the_chance_is_the_smaller_tail_of_fishers_test_doubled(
    groups: tuple[int, int, int, int],
) -> None:
    did, size, other_did, other_size = groups
    table = [[did, size - did], [other_did, other_size - other_did]]
    tails = [fisher_exact(table, alternative=side).pvalue for side in ("greater", "less")]
    assert chance_of(*groups) == pytest.approx(min(1, 2 * min(tails)), rel=1e-6, abs=1e-12)


def test_within_one_stratum_the_lift_is_the_plain_ratio() -> None:
    did, size, other_did, other_size = (np.array([float(n)]) for n in (12, 40, 30, 300))
    lift = pooled_lift(did, size, other_did, other_size)
    assert lift.ratio == pytest.approx(3.0)
    # Katz's logarithmic limits, which those of Greenland and Robins are for one stratum.
    error = np.sqrt(1 / 12 - 1 / 40 + 1 / 30 - 1 / 300)
    assert lift.low == pytest.approx(3.0 * np.exp(-1.959964 * error), rel=1e-5)


def test_a_difference_between_strata_alone_disappears_within_them() -> None:
    # Half of the large companies do it, a tenth of the small, whether they convert or not.
    did, size = np.array([5.0, 45.0]), np.array([50.0, 90.0])
    other_did, other_size = np.array([90.0, 50.0]), np.array([900.0, 100.0])
    assert lift_of(did.sum(), size.sum(), other_did.sum(), other_size.sum()).ratio > 2
    within = pooled_lift(did, size, other_did, other_size)
    assert within.ratio == pytest.approx(1.0)
    assert within.low < 1 < within.high


def test_many_small_strata_without_a_case_on_one_side_still_give_a_lift() -> None:
    ones, tens = np.ones(30), np.full(30, 10.0)
    within = pooled_lift(ones * (np.arange(30) < 20), ones, np.zeros(30), tens)
    assert 1 < within.low < within.ratio < np.inf


def test_strata_that_hold_one_group_only_tell_nothing() -> None:
    within = pooled_lift(
        np.array([3.0, 0.0]), np.array([5.0, 0.0]), np.array([0.0, 4.0]), np.array([0.0, 9.0])
    )
    assert np.isnan(within.ratio)


def test_q_values_reject_what_benjamini_and_hochberg_rejected() -> None:
    # Their example of 1995, section 3.1: four of fifteen at a rate of 0.05.
    certain = (0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344)
    unsure = (0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0)
    chances = np.array((*certain, *unsure))
    assert (false_discovery_rates(chances) <= 0.05).sum() == 4


def test_what_was_not_tested_has_no_q_value_and_weighs_on_nobody() -> None:
    alone = false_discovery_rates(np.array([0.01, 0.04]))
    beside = false_discovery_rates(np.array([0.01, np.nan, 0.04, np.nan]))
    assert beside[[0, 2]] == pytest.approx(alone)
    assert np.isnan(beside[[1, 3]]).all()


def test_several_tests_of_one_behaviour_count_as_one() -> None:
    chances = np.array([[0.01, 0.02, np.nan], [0.04, 0.04, 0.04], [np.nan] * 3])
    combined = combined_chance(chances)
    assert combined[:2] == pytest.approx([0.02, 0.04])
    assert np.isnan(combined[2])


def test_information_is_greatest_where_the_behaviour_begins_to_matter() -> None:
    # Of 1,000 accounts, those that did it twice or more convert at 40 %, all others at 5 %.
    reached = np.array([600, 300, 150, 60])
    matter = np.minimum(reached, 300)
    own = 0.05 * (reached - matter) + 0.4 * matter
    told = information(own, np.full(4, 155.0), reached - own, np.full(4, 845.0))
    assert int(np.argmax(told)) == 1
    assert (told >= 0).all()
