"""The scores of examples, recomputed from their values with any points: what a change would do.

Vectorised over whole frames, and equal to `scores.contributions` of the warehouse to the last
quarter point, whose formula is `domain.points`. Only accounts: nobody's points are changed here,
and where good points come from is `points_table`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pandas as pd

from pql_platform.domain.points import HIGHEST_SCORE, QUARTERS
from pql_platform.program.schema import Program
from pql_platform.program.signals import CATEGORIES, Compound, Signal
from pql_platform.qualify.tiers import MIN_CATEGORIES

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

LONGEST_FADING = 1000
"""Half-lives after which the warehouse lets nothing fade further; two to its power is nothing."""


@dataclass(frozen=True)
class Scored:
    """Examples under one set of points, in the order of their frame.

    Attributes:
        scores: 0 to 100, in quarter points.
        categories: How many of the four categories have points.
        eligible: Whether the example passes every gate of the program, with these points.
    """

    scores: Floats
    categories: npt.NDArray[np.int64]
    eligible: Flags


def score_examples(
    frame: pd.DataFrame,
    program: Program,
    points: Mapping[str, Decimal] | None = None,
    compounds: Sequence[Compound] | None = None,
) -> Scored:
    """Score examples with other points than those they were collected with.

    Args:
        frame: `Examples.frame`. A frame made by hand may leave out `engaged_users` (no spread and
            no cap then), `negative` (nothing is taken away) and `passes_gates` (everybody does).
        program: Its signals, account rule and half-life.
        points: Most points by signal, a missing one has none; None for those of the program.
        compounds: Compounds; None for those of the program.
    """
    most = program.max_points if points is None else points
    total = np.zeros(len(frame))
    categories = np.zeros(len(frame), dtype=np.int64)
    for category in CATEGORIES:
        earned = sum(
            (
                signal_points(frame, program, signal, most.get(signal.name, Decimal(0)))
                for signal in program.signals_by_category[category]
            ),
            np.zeros(len(frame)),
        )
        total += earned
        categories += earned > 0
    for compound in program.reachable_compounds if compounds is None else compounds:
        total += np.where(meets(frame, program, compound.all), float(compound.points), 0.0)
    total += team_points(frame, program) + column(frame, "negative", 0.0)
    scores = np.clip(total, 0.0, _highest(frame, program))
    passes = column(frame, "passes_gates", 1.0) > 0
    return Scored(scores, categories, passes & (categories >= MIN_CATEGORIES))


def strengths(frame: pd.DataFrame, program: Program) -> Floats:
    """How far each example took each signal: fraction of the threshold times decay, 0 to 1.

    Returns:
        One row per example and one column per signal, in the order of the program.
    """
    return np.column_stack([_strength(frame, program, signal, 1.0) for signal in program.signals])


def signal_points(
    frame: pd.DataFrame, program: Program, signal: Signal, most: Decimal | float
) -> Floats:
    """Points that a signal earns, as `domain.points.signal_points` defines, in quarters."""
    return np.floor(_strength(frame, program, signal, float(most) * QUARTERS)) / QUARTERS


def meets(frame: pd.DataFrame, program: Program, needed: Mapping[str, Decimal | float]) -> Flags:
    """Where every signal named has the value it must reach (for days_since_last: at most this)."""
    signals = {signal.name: signal for signal in program.signals}
    met = np.ones(len(frame), dtype=np.bool_)
    for name, least in needed.items():
        value = frame[f"value_{name}"].to_numpy(np.float64)
        reached = value <= float(least) if signals[name].lower_is_better else value >= float(least)
        # A value that was never measured is none at all: it is not 0 days since the last.
        met &= reached & frame[f"age_{name}"].notna().to_numpy()
    return met


def team_points(frame: pd.DataFrame, program: Program) -> Floats:
    """Points for the spread across the team, as `domain.points.spread_points` defines."""
    rule = program.account_rule
    steps = rule.spread_users - 1
    further = np.clip(column(frame, "engaged_users", 1.0) - 1, 0, steps)
    return np.floor(QUARTERS * float(rule.spread_points) * further / steps) / QUARTERS


def column(frame: pd.DataFrame, name: str, otherwise: float) -> Floats:
    """A column as numbers; where the frame has none, the same number everywhere."""
    if name not in frame.columns:
        return np.full(len(frame), otherwise)
    return frame[name].to_numpy(np.float64)


def _strength(frame: pd.DataFrame, program: Program, signal: Signal, full: float) -> Floats:
    """`full` times fraction times decay, in the order of operations of the warehouse."""
    value = frame[f"value_{signal.name}"].to_numpy(np.float64)
    age = frame[f"age_{signal.name}"].to_numpy(np.float64)
    measured = ~np.isnan(age)
    threshold = float(signal.threshold)
    if signal.lower_is_better:
        earned = full * threshold / np.maximum(value, threshold)
    else:
        decay = _decay(np.where(measured, age, 0.0), float(program.half_life_days))
        earned = full * np.clip(value, 0.0, threshold) / threshold * decay
    return np.where(measured, earned, 0.0)


def _decay(age: Floats, half_life: float) -> Floats:
    # Python's power is that of the C library, as in the warehouse: numpy's may differ in the last
    # bit, which is a quarter point at the edge. Ages are whole days, so there are few to compute.
    ages, places = np.unique(age, return_inverse=True)
    faded = [0.5 ** min(max(days, 0.0) / half_life, LONGEST_FADING) for days in ages.tolist()]
    return np.asarray(faded)[places]


def _highest(frame: pd.DataFrame, program: Program) -> Floats:
    cap = float(program.account_rule.single_user_cap)
    alone = column(frame, "engaged_users", 2.0) < 2
    return np.where(alone, min(cap, float(HIGHEST_SCORE)), float(HIGHEST_SCORE))
