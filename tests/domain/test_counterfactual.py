"""The smallest step over the threshold, and how it is said."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pql_platform.domain.counterfactual import Lever, Step, TeamSpread, doer, say, smallest_step
from pql_platform.domain.points import account_limit, signal_points, spread_points


def lever(name="boards", value=0.0, threshold=3.0, points="0", most_points="25", **facts):
    return Lever(name, value, threshold, Decimal(points), Decimal(most_points), 7.0, **facts)


def step(points, threshold, *levers, team=None):
    return smallest_step(Decimal(points), Decimal(threshold), levers, team)


def team(engaged, full=5, most="10", cap="75"):
    return TeamSpread(engaged, full, Decimal(most), Decimal(cap))


def test_the_fewest_further_units_win():
    found = step("50", "60", lever("boards", 0, 3), lever("invites", 0, 1, most_points="15"))
    assert found == Step("invites", Decimal(1), Decimal(1), Decimal(65))


def test_of_equally_short_steps_the_one_with_more_points_wins():
    found = step("50", "60", lever("a", 0, 1, most_points="12"), lever("b", 0, 1))
    assert found == Step("b", Decimal(1), Decimal(1), Decimal(75))


def test_a_signal_that_faded_comes_back_by_doing_it_once_more():
    found = step("50", "60", lever(value=3, threshold=3, points="6.25"))
    assert found == Step("boards", Decimal(4), Decimal(1), Decimal("68.75"))


def test_a_measure_with_a_highest_value_is_done_again_and_not_beyond_it():
    found = step("50", "60", lever(value=1, threshold=1, points="6.25", most=1))
    assert found == Step("boards", Decimal(1), Decimal(0), Decimal("68.75"))


def test_a_silence_is_ended_today():
    found = step("50", "60", lever(value=9, threshold=3, points="8.25", lower_is_better=True))
    assert found == Step("boards", Decimal(0), Decimal(9), Decimal("66.75"))


def test_no_single_step_is_said_when_none_is_enough():
    assert step("10", "60", lever(), lever("invites")) is None


def test_points_below_zero_must_first_be_made_good():
    # A student with two signals to go: the score is 0, but 20 points are owed.
    assert step("-20", "20", lever()) is None
    found = step("-5", "20", lever())
    assert found == Step("boards", Decimal(3), Decimal(3), Decimal(20))


def test_a_threshold_of_billions_is_found_at_once():
    found = step("50", "60", lever("bytes", value=0, threshold=1e12, most_points="25"))
    assert found is not None
    assert found.value == Decimal(400_000_000_000)


def test_one_more_engaged_user_lifts_the_cap_of_an_account_of_one():
    found = step("90", "80", lever(), team=team(1))
    assert found == Step("team_spread", Decimal(2), Decimal(1), Decimal("92.5"))


def test_an_account_of_one_cannot_be_promised_more_than_its_cap():
    assert step("70", "80", lever(), team=team(1, most="0")) is None
    assert step("70", "75", lever(), team=team(1, most="0")) == Step(
        "boards", Decimal(1), Decimal(1), Decimal(75)
    )


def test_engaged_users_are_added_until_it_is_enough():
    # Of 10 points for five engaged users, two of them have earned 2.5.
    found = step("52.5", "60", team=team(2))
    assert found == Step("team_spread", Decimal(5), Decimal(3), Decimal(60))
    assert step("52.5", "60.25", team=team(2)) is None


levers = st.builds(
    Lever,
    signal=st.sampled_from("abc"),
    value=st.integers(0, 20).map(float),
    threshold=st.integers(1, 20).map(float),
    points=st.just(Decimal(0)),
    max_points=st.integers(0, 200).map(lambda n: Decimal(n) / 4),
    half_life_days=st.just(7.0),
    lower_is_better=st.booleans(),
)
scores = st.integers(-100, 500).map(lambda n: Decimal(n) / 4)
thresholds = st.integers(1, 400).map(lambda n: Decimal(n) / 4)


@given(scores, thresholds, levers)
def test_the_step_of_one_signal_is_the_first_that_crosses(points, threshold, one):
    def score_at(value):
        earned = signal_points(value, one.threshold, one.max_points, 0, 7, one.lower_is_better)
        return min(max(points + earned, Decimal(0)), Decimal(100))

    tried = [0] if one.lower_is_better else range(int(one.value) + 1, 42)
    crossing = [value for value in tried if score_at(value) >= threshold]
    found = smallest_step(points, threshold, [one])
    assert (found is None) is (not crossing)
    if found is not None:
        assert found.value == crossing[0]
        assert found.score == score_at(crossing[0])


@given(scores, thresholds, st.integers(0, 9), st.integers(2, 8), scores.filter(lambda n: n >= 0))
def test_a_promised_team_reaches_the_score_that_is_promised(points, threshold, engaged, full, most):
    spread = TeamSpread(engaged, full, most, Decimal(60))
    found = smallest_step(points, threshold, [], spread)
    if found is None:
        return
    highest, _ = account_limit(int(found.value), Decimal(60))
    gained = spread_points(int(found.value), full, most) - spread_points(engaged, full, most)
    assert found.score == min(max(points + gained, Decimal(0)), highest)
    assert found.score >= threshold
    assert found.more == found.value - engaged > 0


@pytest.mark.parametrize(
    ("taken", "done", "who", "said"),
    [
        (
            Step("invites", Decimal(1), Decimal(1), Decimal("62.5")),
            "invited a teammate in the last 30 days",
            "one user",
            "The score would cross, at 62.5, if one user invited a teammate in the last 30 days.",
        ),
        (
            Step("boards", Decimal(3), Decimal(1), Decimal(60)),
            "created 3 boards in the last 14 days",
            "this user",
            "The score would cross, at 60, if this user created 3 boards in the last 14 days, "
            "1 more than now.",
        ),
        (
            Step("ever", Decimal(1), Decimal(0), Decimal(70)),
            "connected an integration in the last 30 days",
            "the team",
            "The score would cross, at 70, if the team did this again today: connected an "
            "integration in the last 30 days.",
        ),
        (
            Step("seen", Decimal(0), Decimal(9), Decimal(70)),
            "was last at work today",
            "one user",
            "The score would cross, at 70, if one user was last at work today.",
        ),
        (
            Step("team_spread", Decimal(2), Decimal(1), Decimal("82.5")),
            "",
            "one user",
            "The score would cross, at 82.5, if 1 more user took up the product: 2 instead of 1.",
        ),
        (
            Step("team_spread", Decimal(5), Decimal(3), Decimal(60)),
            "",
            "one user",
            "The score would cross, at 60, if 3 more users took up the product: 5 instead of 2.",
        ),
    ],
)
def test_a_step_is_said_in_one_sentence(taken, done, who, said):
    assert say(taken, done, who=who) == said


@pytest.mark.parametrize(
    ("level", "counts_team", "who"),
    [
        ("account", False, "one user"),
        ("account", True, "the team"),
        ("user", False, "this user"),
        ("user", True, "this user"),
    ],
)
def test_a_step_is_taken_by_one_user_unless_it_counts_the_team(level, counts_team, who):
    assert doer(level, counts_team) == who
