"""The account's own rules: the spread across the team, and the cap of an account of one."""

from decimal import Decimal
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pql_platform.domain.points import (
    Contribution,
    account_limit,
    compose,
    is_quarter,
    signal_points,
    spread_points,
)

quarters = st.integers(0, 400).map(lambda n: Decimal(n) / 4)
team_sizes = st.integers(0, 2000)
full_teams = st.integers(2, 1000)


@pytest.mark.parametrize(
    ("engaged", "earned"),
    [(0, "0"), (1, "0"), (2, "2.5"), (3, "5"), (4, "7.5"), (5, "10"), (6, "10"), (900, "10")],
)
def test_each_engaged_user_after_the_first_earns_the_same_share(engaged, earned):
    assert spread_points(engaged, 5, Decimal(10)) == Decimal(earned)


def test_shares_that_are_no_quarters_are_rounded_down_and_all_of_them_together_are_not():
    earned = [spread_points(engaged, 4, Decimal(10)) for engaged in range(6)]
    assert earned == [Decimal(text) for text in ("0", "0", "3.25", "6.5", "10", "10")]


@given(team_sizes, full_teams, quarters)
def test_the_spread_is_what_arithmetic_without_rounding_says(engaged, full, most):
    further = min(max(engaged - 1, 0), full - 1)
    exact = Fraction(floor(4 * Fraction(most) * further / (full - 1)), 4)
    earned = spread_points(engaged, full, most)
    assert Fraction(earned) == exact
    assert is_quarter(earned)
    assert 0 <= earned <= most


@given(team_sizes, full_teams, quarters)
def test_doubles_that_multiply_before_they_divide_give_the_same_spread(engaged, full, most):
    further = float(min(max(engaged - 1, 0), full - 1))
    in_doubles = floor(4.0 * float(most) * further / float(full - 1)) / 4.0
    assert Decimal(in_doubles) == spread_points(engaged, full, most)


def test_no_spread_points_switch_the_spread_off():
    assert spread_points(100, 2, Decimal(0)) == 0


@pytest.mark.parametrize(
    ("engaged", "full", "most"),
    [(-1, 5, "10"), (3, 1, "10"), (3, 0, "10"), (3, 5, "-1"), (3, 5, "0.1"), (3, 5, "NaN")],
)
def test_a_spread_outside_its_range_is_refused(engaged, full, most):
    with pytest.raises(ValueError, match=r"count|multiple of"):
        spread_points(engaged, full, Decimal(most))


@pytest.mark.parametrize(
    ("engaged", "cap", "limit"),
    [
        (0, "75", (Decimal(75), "single_user_cap")),
        (1, "75", (Decimal(75), "single_user_cap")),
        (1, "0", (Decimal(0), "single_user_cap")),
        (1, "100", (Decimal(100), "cap")),
        (2, "75", (Decimal(100), "cap")),
    ],
)
def test_an_account_of_one_is_capped_and_a_team_is_not(engaged, cap, limit):
    assert account_limit(engaged, Decimal(cap)) == limit


def test_the_cap_of_one_user_stands_in_place_of_the_other():
    earned = [Contribution("boards", "usage_depth", Decimal("110.25"))]
    score, parts = compose(earned, *account_limit(1, Decimal(75)))
    assert score == 75
    assert parts == (*earned, Contribution("single_user_cap", "limit", Decimal("-35.25")))


@given(st.lists(st.integers(-400, 400).map(lambda n: Decimal(n) / 4), max_size=12), quarters)
def test_a_capped_score_is_exact_whatever_the_cap(amounts, highest):
    earned = [Contribution(f"s{n}", "viral", amount) for n, amount in enumerate(amounts)]
    score, parts = compose(earned, highest, "single_user_cap")
    assert score == min(max(sum(amounts, Decimal(0)), Decimal(0)), highest)
    assert sum((part.points for part in parts), Decimal(0)) == score
    assert [part.name for part in parts[len(earned) :]] in ([], ["single_user_cap"], ["floor"])


@pytest.mark.parametrize("highest", ["-1", "100.25", "74.9", "NaN", "Infinity"])
def test_a_cap_outside_its_range_is_refused(highest):
    with pytest.raises(ValueError, match=r"highest: .* from 0 to 100"):
        compose([], Decimal(highest))


SIGNALS = ("boards", "sessions", "invites")
WINDOW = 14
users = st.fixed_dictionaries(
    {name: st.none() | st.tuples(st.integers(1, 12), st.integers(0, 40)) for name in SIGNALS}
)
"""Per signal: how often the user did it, and how many days ago the last time was."""
rules = st.tuples(st.integers(2, 8), quarters, quarters)


def account_score(team, rule):
    """The score of an account as the program file words it, from its users alone."""
    full, most, cap = rule
    contributions = []
    for name in SIGNALS:
        best = [
            signal_points(did[0] if did[1] < WINDOW else 0, 5, Decimal("33.25"), did[1], 7)
            for person in team
            if (did := person[name])
        ]
        contributions.append(Contribution(name, name, max(best, default=Decimal(0))))
    engaged = sum(any(did and did[1] < WINDOW for did in person.values()) for person in team)
    contributions.append(Contribution("team_spread", "spread", spread_points(engaged, full, most)))
    return compose(contributions, *account_limit(engaged, cap))[0]


def idle(person):
    return {name: did and (did[0], did[1] + WINDOW) for name, did in person.items()}


@given(st.lists(users, max_size=6), st.lists(users, max_size=6), rules)
def test_idle_users_never_change_a_score(team, others, rule):
    sleepers = [idle(person) for person in others] + [dict.fromkeys(SIGNALS)]
    assert account_score(team + sleepers, rule) == account_score(team, rule)


@given(st.lists(users, max_size=6), users, rules)
def test_one_more_user_never_lowers_a_score(team, newcomer, rule):
    assert account_score([*team, newcomer], rule) >= account_score(team, rule)


@given(st.lists(users, max_size=6), st.randoms(), rules)
def test_the_order_of_users_changes_nothing(team, random, rule):
    shuffled = random.sample(team, len(team))
    assert account_score(shuffled, rule) == account_score(team, rule)
