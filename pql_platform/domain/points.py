"""How points are divided among signals, earned, and added up to a score.

The reference of the points formula, in exact quarter points: the warehouse computes the same in SQL
and its tests compare the two. What a signal measures belongs in the program file; which accounts
qualify is decided elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

HIGHEST_SCORE = Decimal(100)
LOWEST_SCORE = Decimal(0)
CAP = "cap"
FLOOR = "floor"
SINGLE_USER_CAP = "single_user_cap"
LIMIT = "limit"
"""Category of the `cap`, `floor` and `single_user_cap` contributions."""

TEAM_SPREAD = "team_spread"
SPREAD = "spread"
"""Category of the `team_spread` contribution, which only accounts have."""

QUARTERS = 4
"""Steps per point: a quarter is exact in decimal and in binary, so sums agree to the last digit."""


@dataclass(frozen=True)
class Contribution:
    """What one signal, compound, penalty or limit adds to a score.

    Attributes:
        name: Its name in the program file, or that of a limit or of the spread.
        category: Its category; `limit` for limits, `spread` for the spread.
        points: Quarter points; negative for penalties and caps.
    """

    name: str
    category: str
    points: Decimal


def is_quarter(points: Decimal) -> bool:
    """Whether `points` is a finite whole number of quarter points."""
    return points.is_finite() and QUARTERS % points.as_integer_ratio()[1] == 0


def allocate(
    weights: Mapping[str, int | Decimal], signals_by_category: Mapping[str, Sequence[str]]
) -> dict[str, Decimal]:
    """Divide each category's weight among its signals, in quarter points.

    Equal parts by largest remainder: all remainders are equal, so the quarters left over go to the
    signals written first. The parts of a category add up to its weight exactly; the weight of a
    category without signals is not given out.

    Args:
        weights: Points per category.
        signals_by_category: Signal names per category, in the order of the program file.

    Returns:
        The most points each signal can earn.

    Raises:
        ValueError: A weight is negative or no multiple of 0.25, or a signal is named twice.
    """
    highest: dict[str, Decimal] = {}
    for category, signals in signals_by_category.items():
        weight = Decimal(weights.get(category, 0))
        if not is_quarter(weight) or weight < 0:
            raise ValueError(f"weight of {category}: {weight} is no multiple of 0.25 from 0 up")
        if not signals:
            continue
        share, left_over = divmod(int(weight * QUARTERS), len(signals))
        for position, signal in enumerate(signals):
            if signal in highest:
                raise ValueError(f"signal {signal} is named twice")
            highest[signal] = Decimal(share + (position < left_over)) / QUARTERS
    return highest


def signal_points(
    value: float | Decimal | None,
    threshold: float | Decimal,
    max_points: Decimal,
    days_since_last: float | Decimal,
    half_life_days: float | Decimal,
    lower_is_better: bool = False,
) -> Decimal:
    """Points that a signal earns: its fraction of the threshold, faded by age, in whole quarters.

    ``fraction = min(1, value / threshold)``, ``decay = 0.5 ** (days_since_last / half_life_days)``,
    ``points = floor(max_points * fraction * decay * 4) / 4`` (items 91 and 92 of the requirements:
    a threshold hit six weeks ago is not one hit yesterday). Where lower is better (days since the
    last activity) ``fraction = min(1, threshold / value)``, 1 at zero, and nothing fades, since the
    value is the age itself.

    Evaluated in doubles, multiplication before division, and SQL must keep that order: for whole
    numbers the product is exact, so 6/11 of 27.5 earns 15 and not 14.75.

    Args:
        value: What was measured; None (never measured) and negative values earn nothing.
        threshold: The value that earns all points, above 0.
        max_points: Most points that can be earned, a multiple of 0.25.
        days_since_last: Days since the behaviour was last seen; below 0 counts as 0, because an
            event of a clock that runs ahead is as fresh as one of this moment.
        half_life_days: Days after which half the points are left, above 0.
        lower_is_better: The measure is `days_since_last`.

    Returns:
        Between 0 and `max_points`, a multiple of 0.25.

    Raises:
        ValueError: `threshold`, `max_points` or `half_life_days` is outside its range, or a number
            is not finite.
    """
    if value is None:
        return Decimal(0)
    measured, full, age, half_life = map(float, (value, threshold, days_since_last, half_life_days))
    if not all(map(math.isfinite, (measured, full, age, half_life))):
        raise ValueError("value, threshold, days_since_last and half_life_days must be finite")
    if full <= 0 or half_life <= 0:
        raise ValueError("threshold and half_life_days must be above 0")
    if not is_quarter(max_points) or max_points < 0:
        raise ValueError(f"max_points: {max_points} is no multiple of 0.25 from 0 up")
    quarters = float(max_points * QUARTERS)
    if lower_is_better:
        earned = quarters * full / max(measured, full)
    else:
        decay = 0.5 ** (max(age, 0.0) / half_life)
        earned = quarters * min(max(measured, 0.0), full) / full * decay
    return Decimal(math.floor(earned)) / QUARTERS


def spread_points(engaged_users: int, spread_users: int, points: Decimal) -> Decimal:
    """Points of an account for use that has spread across its team (item 35 of the requirements).

    ``floor(4 * points * min(engaged_users - 1, spread_users - 1) / (spread_users - 1)) / 4``: the
    first engaged user earns nothing, each one more the same share, up to `spread_users`. Counting
    the engaged, and not dividing by the team's size, is what lets idle colleagues change nothing.

    Exact in whole numbers; in doubles SQL gives the same when it multiplies before it divides.

    Args:
        engaged_users: Users with an occurrence of a signal inside that signal's window.
        spread_users: The number of engaged users that earns all points, from 2 up.
        points: Most points, a multiple of 0.25; 0 switches the spread off.

    Returns:
        Between 0 and `points`, a multiple of 0.25; 0 for at most one engaged user.

    Raises:
        ValueError: A number is outside its range.
    """
    if engaged_users < 0 or spread_users < 2:
        raise ValueError("engaged_users counts from 0 and spread_users from 2")
    if not is_quarter(points) or points < 0:
        raise ValueError(f"points: {points} is no multiple of 0.25 from 0 up")
    further = min(max(engaged_users - 1, 0), spread_users - 1)
    return Decimal(int(points * QUARTERS) * further // (spread_users - 1)) / QUARTERS


def account_limit(engaged_users: int, single_user_cap: Decimal) -> tuple[Decimal, str]:
    """The highest score of an account, and the name of the contribution that keeps it there.

    One busy person is a user-level lead; an account of one is held below what a team can reach.

    Args:
        engaged_users: As in `spread_points`.
        single_user_cap: Highest score with at most one engaged user; 100 switches it off.

    Returns:
        What `compose` takes as `highest` and `cap`.
    """
    if engaged_users <= 1 and single_user_cap < HIGHEST_SCORE:
        return single_user_cap, SINGLE_USER_CAP
    return HIGHEST_SCORE, CAP


def compose(
    contributions: Iterable[Contribution], highest: Decimal = HIGHEST_SCORE, cap: str = CAP
) -> tuple[Decimal, tuple[Contribution, ...]]:
    """Add contributions up to a score from 0 to `highest`.

    A sum above `highest` gets a contribution called `cap` and a sum below 0 a `floor` one, so that
    what is returned adds up to the score exactly.

    Args:
        contributions: What signals, compounds, penalties and the spread add, in quarter points.
        highest: The highest score, from 0 to 100 in quarter points.
        cap: Name of the contribution that takes away what is above.

    Returns:
        The score, and the contributions with the limit, if one was needed, at the end.

    Raises:
        ValueError: A contribution is no multiple of 0.25 or is itself a limit, or `highest` is
            outside its range.
    """
    parts = tuple(contributions)
    if not is_quarter(highest) or not LOWEST_SCORE <= highest <= HIGHEST_SCORE:
        raise ValueError(f"highest: {highest} is no multiple of 0.25 from 0 to 100")
    for part in parts:
        if not is_quarter(part.points):
            raise ValueError(f"{part.name}: {part.points} is no multiple of 0.25")
        if part.category == LIMIT:
            raise ValueError(f"{part.name}: these contributions are already limited")
    total = sum((part.points for part in parts), Decimal(0))
    score = min(max(total, LOWEST_SCORE), highest)
    if score == total:
        return score, parts
    name = cap if total > highest else FLOOR
    return score, (*parts, Contribution(name, LIMIT, score - total))
