"""What would be enough: the smallest single step that takes a score over the threshold.

Pure arithmetic over the points formula; it promises nothing about what a customer will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from pql_platform.domain.points import signal_points


@dataclass(frozen=True)
class Lever:
    """One signal that could still earn points, as it stands."""

    signal: str
    value: float
    threshold: float
    points: Decimal
    max_points: Decimal
    half_life_days: float
    lower_is_better: bool = False


@dataclass(frozen=True)
class Step:
    """A value that one signal would have to reach today, and the score it would make."""

    signal: str
    value: Decimal
    score: Decimal


def smallest_step(score: Decimal, threshold: Decimal, levers: Sequence[Lever]) -> Step | None:
    """Return the signal that comes closest to doing it alone, or None when none can.

    Steps are whole units above the present value, done today, so that nothing of them has faded.
    Of several signals the one with the fewest further units wins, then the one with most points.
    """
    candidates: list[tuple[Decimal, Decimal, Step]] = []
    for lever in levers:
        step = _reach(score, threshold, lever)
        if step is not None:
            candidates.append((abs(step.value - Decimal(int(lever.value))), -step.score, step))
    return min(candidates, key=lambda item: item[:2])[2] if candidates else None


def _reach(score: Decimal, threshold: Decimal, lever: Lever) -> Step | None:
    for value in _values(lever):
        points = signal_points(
            value,
            lever.threshold,
            lever.max_points,
            0,
            lever.half_life_days,
            lever.lower_is_better,
        )
        reached = min(score - lever.points + points, Decimal(100))
        if reached >= threshold:
            return Step(lever.signal, Decimal(value), reached)
    return None


def _values(lever: Lever) -> Sequence[int]:
    """Whole values from the next one to the full threshold."""
    if lever.lower_is_better:
        return [0]
    start, full = int(lever.value) + 1, -int(-lever.threshold // 1)
    # A signal at its threshold can still gain by being done again today.
    return range(start, max(start, full) + 1)
