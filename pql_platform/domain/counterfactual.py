"""What would be enough: the smallest single step that takes a score over the threshold.

Pure arithmetic over the points formula, and the sentence that a rep reads; it promises nothing
about what a customer will do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from pql_platform.domain.grammar import counted, number
from pql_platform.domain.points import (
    HIGHEST_SCORE,
    LOWEST_SCORE,
    TEAM_SPREAD,
    account_limit,
    signal_points,
    spread_points,
)


@dataclass(frozen=True)
class Lever:
    """One signal that could still earn points, as it stands.

    Attributes:
        signal: Its name.
        value: What is measured now.
        threshold: The value that earns all points.
        points: What it earns now.
        max_points: What it could earn.
        half_life_days: Days after which half the points are left.
        lower_is_better: The measure is `days_since_last`.
        most: The highest value that the measure can have: 1 for `ever`, the days of the window for
            a measure of days; None where there is no such limit.
    """

    signal: str
    value: float
    threshold: float
    points: Decimal
    max_points: Decimal
    half_life_days: float
    lower_is_better: bool = False
    most: float | None = None


@dataclass(frozen=True)
class TeamSpread:
    """The spread of an account across its team, as it stands, and the rule that rewards it."""

    engaged_users: int
    spread_users: int
    spread_points: Decimal
    single_user_cap: Decimal

    def points(self, engaged_users: int) -> Decimal:
        """What the spread earns with so many engaged users."""
        return spread_points(engaged_users, self.spread_users, self.spread_points)

    def highest(self, engaged_users: int) -> Decimal:
        """The highest score with so many engaged users."""
        return account_limit(engaged_users, self.single_user_cap)[0]


@dataclass(frozen=True)
class Step:
    """One thing that would have to happen today, and the score it would make.

    Attributes:
        signal: The signal that moves; `team_spread` for more engaged users.
        value: The value it would have to reach; for `team_spread` the engaged users.
        more: How far that is from the present value; 0 where doing the same again is enough.
        score: The score then.
    """

    signal: str
    value: Decimal
    more: Decimal
    score: Decimal


def smallest_step(
    points: Decimal, threshold: Decimal, levers: Sequence[Lever], team: TeamSpread | None = None
) -> Step | None:
    """Return the one signal, or the joining of users, that does it alone; None when nothing does.

    Steps are whole units above the present value, done today, so that nothing of them has faded.
    Of several ways the one with the fewest further units wins, then the one with most points. What
    a step adds beside its own points (a compound that comes true, a colleague who becomes engaged
    by doing it) is left out, so the true score is never below the one that is said.

    Args:
        points: What all contributions but the limits add up to, below 0 and above 100 too.
        threshold: The score to reach.
        levers: The signals as they stand.
        team: The spread across the team, for an account; None for a user.
    """
    engaged = max(team.engaged_users, 1) if team else 1
    highest = team.highest(engaged) if team else HIGHEST_SCORE
    steps = [_further(points, threshold, lever, highest) for lever in levers]
    steps.append(_joined(points, threshold, team) if team else None)
    found = [step for step in steps if step is not None]
    return min(found, key=lambda step: (step.more, -step.score)) if found else None


def doer(level: str, counts_team: bool) -> str:
    """Who would have to take a step: `who` of `say`.

    At account level a signal counts as far as the best user took it, unless it counts the team.
    """
    if level == "user":
        return "this user"
    return "the team" if counts_team else "one user"


def say(step: Step, done: str = "", *, who: str = "one user") -> str:
    """The step as a sentence for a rep.

    Args:
        step: What `smallest_step` returned.
        done: The signal's own words for `step.value`, in the past tense and without a subject:
            `invited a teammate in the last 30 days`. Not read for `team_spread`.
        who: Who would have to do it: `doer`, or a name.

    Returns:
        Such as `The score would cross, at 62.5, if one user invited a teammate in the last 30
        days.`
    """
    opening = f"The score would cross, at {number(step.score)}, "
    if step.signal == TEAM_SPREAD:
        users = counted(int(step.more), "more user")
        return f"{opening}if {users} took up the product: {number(step.value)} instead of " + (
            f"{number(step.value - step.more)}."
        )
    if step.more == 0:
        return f"{opening}if {who} did this again today: {done}."
    grown = step.value > step.more
    return f"{opening}if {who} {done}{f', {number(step.more)} more than now' if grown else ''}."


def _further(points: Decimal, threshold: Decimal, lever: Lever, highest: Decimal) -> Step | None:
    def score_at(value: int) -> Decimal:
        earned = signal_points(
            value,
            lever.threshold,
            lever.max_points,
            0,
            lever.half_life_days,
            lever.lower_is_better,
        )
        return _limited(points - lever.points + earned, highest)

    now = Decimal(str(lever.value))
    if lever.lower_is_better:
        value = 0
    else:
        first, full = int(lever.value) + 1, -int(-lever.threshold // 1)
        last = max(first, full)
        if lever.most is not None:
            first, last = (min(bound, int(lever.most)) for bound in (first, last))
        value = _first_at_least(threshold, first, last, score_at)
    score = score_at(value)
    if score < threshold:
        return None
    more = abs(value - now)
    return Step(lever.signal, Decimal(value), more, score)


def _first_at_least(
    threshold: Decimal, first: int, last: int, score_at: Callable[[int], Decimal]
) -> int:
    """The smallest value that reaches the threshold, by halves: sums may run to billions."""
    while first < last:
        middle = (first + last) // 2
        if score_at(middle) >= threshold:
            last = middle
        else:
            first = middle + 1
    return first


def _joined(points: Decimal, threshold: Decimal, team: TeamSpread) -> Step | None:
    alone = points - team.points(team.engaged_users)
    for engaged in _teams(team):
        score = _limited(alone + team.points(engaged), team.highest(engaged))
        if score >= threshold:
            more = Decimal(engaged - team.engaged_users)
            return Step(TEAM_SPREAD, Decimal(engaged), more, score)
    return None


def _teams(team: TeamSpread) -> Iterator[int]:
    """Sizes that are worth more than the present one."""
    yield from range(team.engaged_users + 1, max(team.spread_users, 2) + 1)


def _limited(points: Decimal, highest: Decimal) -> Decimal:
    return min(max(points, LOWEST_SCORE), highest)
