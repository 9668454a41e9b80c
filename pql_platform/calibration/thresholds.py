"""Where the threshold lies: the stricter of the share that may qualify and what sales can answer.

The rule of a share is in `domain.qualification`, the desk of sales in `queue`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import numpy as np
import numpy.typing as npt

from pql_platform.calibration.policy import HEALTHY_SHARE
from pql_platform.calibration.queue import Crossings, QueueRisk, queue_risks
from pql_platform.domain.points import HIGHEST_SCORE, QUARTERS
from pql_platform.domain.qualification import threshold_for_share
from pql_platform.program.schema import Program
from pql_platform.qualify.versions import NOBODY

STEPS = tuple(Decimal(step) for step in (-15, -10, -5, 0, 5, 10))
"""Points around the threshold for which the risk is shown, so that it is seen before loosening."""


@dataclass(frozen=True)
class ThresholdChoice:
    """A threshold with its reason.

    Attributes:
        enter: The score that qualifies.
        decided_by: The share, the capacity, or a number in the program file.
        by_share: What the share alone would ask for.
        by_capacity: What the capacity alone would ask for; None without crossings.
        pql_share: Share of the population that qualifies with it, 0 to 1.
        contacts_per_day: Leads that somebody must contact on a working day; None without crossings.
        risks: What neighbouring thresholds would mean for sales, ascending.
        reason: Why this one, in a sentence.
        warnings: What is not healthy about it.
    """

    enter: Decimal
    decided_by: Literal["share", "capacity", "program"]
    by_share: Decimal
    by_capacity: Decimal | None
    pql_share: float
    contacts_per_day: float | None
    risks: tuple[QueueRisk, ...]
    reason: str
    warnings: tuple[str, ...]


def choose_threshold(
    scores: npt.ArrayLike,
    eligible: npt.ArrayLike,
    program: Program,
    *,
    daily_crossings: Crossings | None = None,
    seed: int = 0,
) -> ThresholdChoice:
    """Choose the threshold of the accounts.

    Args:
        scores: Of everyone in the population, in quarter points, those at zero included.
        eligible: Whether each may qualify; the share is one of all scores, as it always was.
        program: Its top_share, capacity_per_day and tiers.
        daily_crossings: From `crossings_of`; None leaves the capacity out.
        seed: Of the queue that is played.
    """
    score = np.asarray(scores, dtype=np.float64)
    may = np.asarray(eligible, dtype=np.bool_)
    by_share = _by_share(score, program.threshold.top_share)
    by_capacity = None if daily_crossings is None else _by_capacity(daily_crossings, program)
    written = program.threshold.enter
    enter, decided_by = by_share, "share"
    if isinstance(written, Decimal):
        enter, decided_by = written, "program"
    elif by_capacity is not None and by_capacity > by_share:
        enter, decided_by = by_capacity, "capacity"
    share = float((may & (score >= float(enter))).mean()) if score.size else 0.0
    return ThresholdChoice(
        enter=enter,
        decided_by=decided_by,  # type: ignore[arg-type]
        by_share=by_share,
        by_capacity=by_capacity,
        pql_share=share,
        contacts_per_day=(
            None if daily_crossings is None else daily_crossings.per_day(enter, contacts=True)
        ),
        risks=_risks(daily_crossings, enter, program, seed),
        reason=_reason(decided_by, enter, program),
        warnings=_warnings(share, daily_crossings, enter, program),
    )


def _by_share(scores: npt.NDArray[np.float64], share: Decimal) -> Decimal:
    if not (scores > 0).any():
        return NOBODY
    return threshold_for_share([Decimal(score) for score in scores.tolist()], share)


def _by_capacity(crossings: Crossings, program: Program) -> Decimal:
    """The lowest threshold above which no threshold asks for more than sales can answer."""
    capacity = program.threshold.capacity_per_day
    fits = Decimal(1) / QUARTERS
    for quarters in range(int(HIGHEST_SCORE) * QUARTERS, 0, -1):
        threshold = Decimal(quarters) / QUARTERS
        if crossings.per_day(threshold, contacts=True) > capacity:
            return threshold + Decimal(1) / QUARTERS
    return fits


def _risks(
    crossings: Crossings | None, enter: Decimal, program: Program, seed: int
) -> tuple[QueueRisk, ...]:
    if crossings is None or enter > HIGHEST_SCORE:
        return ()
    around = [enter + step for step in STEPS if 0 < enter + step <= HIGHEST_SCORE]
    return queue_risks(crossings, around, program, seed=seed)


def _reason(decided_by: str, enter: Decimal, program: Program) -> str:
    if decided_by == "program":
        return f"The program file says {enter:f}."
    if decided_by == "capacity":
        capacity = program.threshold.capacity_per_day
        return f"At {enter:f} no more than {capacity} leads a day are to be contacted."
    if enter == NOBODY:
        return "Nobody has a point yet, so nobody qualifies."
    return f"At most the best {program.threshold.top_share:.0%} score {enter:f} or more."


def _warnings(
    share: float, crossings: Crossings | None, enter: Decimal, program: Program
) -> tuple[str, ...]:
    low, high = HEALTHY_SHARE
    said = []
    if share < low:
        said.append(f"{share:.1%} qualify; under {low:.0%} onboarding fails or the bar is high.")
    if share > high:
        said.append(f"{share:.1%} qualify; over {high:.0%} the bar is low.")
    capacity = program.threshold.capacity_per_day
    if crossings is not None and crossings.per_day(enter, contacts=True) > capacity:
        said.append(f"More than {capacity} leads a day are to be contacted.")
    return tuple(said)
