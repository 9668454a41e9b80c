"""The points formula: exact quarters, monotone, adding up to the score."""

from decimal import Decimal
from fractions import Fraction
from math import floor, inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pql_platform.domain.points import (
    Contribution,
    allocate,
    compose,
    is_quarter,
    signal_points,
)

quarters = st.integers(0, 400).map(lambda n: Decimal(n) / 4)
values = st.floats(0, 1e6) | st.integers(0, 10_000)
thresholds = st.floats(0.01, 1e5) | st.integers(1, 1000)
ages = st.floats(0, 400)
half_lives = st.floats(0.5, 365)


def points(value, threshold, most="25", age=0, half_life=7, lower=False):
    return signal_points(value, threshold, Decimal(most), age, half_life, lower)


def test_a_weight_is_divided_equally_and_the_quarters_left_over_go_to_the_first():
    assert allocate({"viral": 10}, {"viral": ["a", "b", "c"]}) == {
        "a": Decimal("3.5"),
        "b": Decimal("3.25"),
        "c": Decimal("3.25"),
    }


def test_the_weight_of_a_category_without_signals_is_not_given_out():
    allocated = allocate({"viral": 15, "frequency": 25}, {"viral": [], "frequency": ["days"]})
    assert allocated == {"days": Decimal(25)}


def test_a_signal_in_a_category_without_weight_earns_nothing():
    assert allocate({}, {"viral": ["invites"]}) == {"invites": Decimal(0)}


@given(quarters, st.integers(1, 40))
def test_parts_add_up_to_the_weight_and_differ_by_at_most_a_quarter(weight, count):
    parts = list(allocate({"c": weight}, {"c": [f"s{n}" for n in range(count)]}).values())
    assert sum(parts) == weight
    assert all(map(is_quarter, parts))
    assert max(parts) - min(parts) <= Decimal("0.25")


@pytest.mark.parametrize("weight", [Decimal("0.1"), Decimal(-1), Decimal("NaN"), Decimal("Inf")])
def test_a_weight_that_is_no_quarter_is_refused(weight):
    with pytest.raises(ValueError, match=r"multiple of 0\.25"):
        allocate({"viral": weight}, {"viral": ["a"]})


def test_a_signal_named_in_two_categories_is_refused():
    with pytest.raises(ValueError, match="named twice"):
        allocate({"viral": 1, "frequency": 1}, {"viral": ["a"], "frequency": ["a"]})


@pytest.mark.parametrize(
    ("value", "threshold", "most", "age", "earned"),
    [
        (3, 3, "25", 0, "25"),
        (9, 3, "25", 0, "25"),
        (1, 3, "25", 0, "8.25"),
        (6, 11, "27.5", 0, "15"),  # dividing first would earn 14.75
        (3, 3, "25", 7, "12.5"),
        (3, 3, "25", 42, "0.25"),
        (0, 3, "25", 0, "0"),
        (-2, 3, "25", 0, "0"),
        (None, 3, "25", 0, "0"),
        (3, 3, "25", -1, "25"),
    ],
)
def test_points_are_the_fraction_of_the_threshold_faded_by_age(value, threshold, most, age, earned):
    assert points(value, threshold, most, age) == Decimal(earned)


@pytest.mark.parametrize(("value", "earned"), [(0, "25"), (3, "25"), (6, "12.5"), (300, "0.25")])
def test_days_since_last_earns_more_the_lower_it_is_and_does_not_fade(value, earned):
    assert points(value, 3, age=value, lower=True) == Decimal(earned)


@given(st.integers(0, 500), st.integers(1, 500), quarters)
def test_whole_numbers_earn_exactly_what_arithmetic_without_rounding_says(value, threshold, most):
    exact = floor(Fraction(most) * 4 * min(value, threshold) / threshold)
    assert signal_points(value, threshold, most, 0, 7) == Decimal(exact) / 4


@given(values, thresholds, quarters, ages, half_lives, st.booleans())
def test_points_stay_between_zero_and_the_most_in_quarters(
    value, threshold, most, age, half_life, lower
):
    earned = signal_points(value, threshold, most, age, half_life, lower)
    assert 0 <= earned <= most
    assert is_quarter(earned)


@given(values, values, thresholds, quarters, ages, half_lives)
def test_more_of_a_behaviour_never_earns_less(one, other, threshold, most, age, half_life):
    less, more = sorted((one, other))
    assert signal_points(less, threshold, most, age, half_life) <= signal_points(
        more, threshold, most, age, half_life
    )


@given(values, thresholds, quarters, ages, ages, half_lives)
def test_an_older_behaviour_never_earns_more(value, threshold, most, one, other, half_life):
    fresh, stale = sorted((one, other))
    assert signal_points(value, threshold, most, stale, half_life) <= signal_points(
        value, threshold, most, fresh, half_life
    )


@given(values, values, thresholds, quarters)
def test_a_longer_silence_never_earns_more(one, other, threshold, most):
    short, long = sorted((one, other))
    assert signal_points(long, threshold, most, long, 7, True) <= signal_points(
        short, threshold, most, short, 7, True
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": 0},
        {"half_life": 0},
        {"most": "0.1"},
        {"most": "-1"},
        {"most": "NaN"},
        {"value": nan},
        {"age": inf},
        {"threshold": inf},
    ],
)
def test_numbers_outside_their_range_are_refused(wrong):
    with pytest.raises(ValueError, match=r"must be|multiple of"):
        points(**{"value": 1, "threshold": 1} | wrong)


def parts(*amounts):
    return [Contribution(f"s{n}", "viral", Decimal(a)) for n, a in enumerate(amounts)]


def test_contributions_within_the_limits_are_returned_as_they_are():
    assert compose(parts("60.25", "-20")) == (Decimal("40.25"), tuple(parts("60.25", "-20")))


def test_a_sum_above_100_gets_a_cap():
    score, composed = compose(parts("100", "10.5"))
    assert score == 100
    assert composed[-1] == Contribution("cap", "limit", Decimal("-10.5"))


def test_a_sum_below_0_gets_a_floor():
    score, composed = compose(parts("5", "-20"))
    assert score == 0
    assert composed[-1] == Contribution("floor", "limit", Decimal(15))


def test_nothing_scores_nothing():
    assert compose([]) == (Decimal(0), ())


@given(st.lists(st.integers(-400, 400).map(lambda n: Decimal(n) / 4), max_size=12))
def test_what_is_composed_adds_up_to_a_score_between_0_and_100(amounts):
    score, composed = compose(parts(*amounts))
    assert 0 <= score <= 100
    assert sum(part.points for part in composed) == score


def test_points_that_are_no_quarters_cannot_be_composed():
    with pytest.raises(ValueError, match=r"no multiple of 0\.25"):
        compose(parts("0.1"))


def test_contributions_are_limited_only_once():
    _, composed = compose(parts("120"))
    with pytest.raises(ValueError, match="already limited"):
        compose(composed)
