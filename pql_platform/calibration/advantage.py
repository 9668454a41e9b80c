"""By how much one order of accounts is better than another, and whether that is more than noise.

Accounts are resampled, not examples: those of one account tell the same story. What follows from an
advantage is `policy`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pql_platform.calibration.policy import Advantage
from pql_platform.calibration.ranking import Levels

Floats = npt.NDArray[np.float64]

ROUNDS = 400
SEED = 11
"""Resamples behind each interval, and their seed."""

SURE = 0.95
"""Of an interval, between its two ends."""

METRICS = ("capture_top15", "roc_auc")


def better_by(
    frame: pd.DataFrame,
    challenger: Floats,
    champion: Floats,
    *,
    rounds: int = ROUNDS,
    seed: int = SEED,
) -> tuple[Advantage, ...]:
    """Compare two scorings of the same examples, which neither was fitted to.

    Percentile intervals of a bootstrap over accounts, both scorings on the same resamples.

    Args:
        frame: account_id and converted; of both outcomes some.
        challenger: Scores, one per row.
        champion: Scores, one per row.
        rounds: How often accounts are resampled.
        seed: Of the resampling.

    Returns:
        One of capture_top15 and one of roc_auc: challenger minus champion.
    """
    converted = frame["converted"].to_numpy(np.float64)
    account, accounts = pd.factorize(frame["account_id"])
    levels = Levels.of(challenger), Levels.of(champion)
    found = _differences(levels, converted, None)
    rng = np.random.default_rng(seed)
    drawn = np.empty((rounds, len(METRICS)))
    for number in range(rounds):
        times = np.bincount(
            rng.integers(0, len(accounts), len(accounts)), minlength=len(accounts)
        ).astype(np.float64)
        drawn[number] = _differences(levels, converted, times[account])
    # A resample without a converter says nothing.
    low, high = np.nanquantile(drawn, [(1 - SURE) / 2, (1 + SURE) / 2], axis=0)
    return tuple(
        Advantage(name, float(found[place]), float(low[place]), float(high[place]))
        for place, name in enumerate(METRICS)
    )


def _differences(
    levels: tuple[Levels, Levels], converted: Floats, weights: Floats | None
) -> tuple[float, float]:
    challenger, champion = levels
    return (
        challenger.capture(converted, weights) - champion.capture(converted, weights),
        challenger.roc_auc(converted, weights) - champion.roc_auc(converted, weights),
    )
