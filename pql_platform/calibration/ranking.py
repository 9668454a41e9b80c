"""How well an order of accounts puts those who buy first: pure functions of scores and outcomes.

Equal scores count as a random order of them would on average, so that no result depends on the
order of rows. What is compared with what, and on which part of time, is `backtest`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, roc_auc_score

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

TOP_SHARE = 0.15
"""The share of the accounts that a program may let in at most (requirements, item 94)."""


@dataclass(frozen=True)
class Bin:
    """Examples of neighbouring scores: what was expected of them and what they did.

    Attributes:
        score_from: Lowest score of the bin.
        score_to: Highest.
        expected: Mean predicted share of conversions, 0 to 1.
        observed: Share that converted.
        examples: How many.
        converted: How many converted.
    """

    score_from: float
    score_to: float
    expected: float
    observed: float
    examples: int
    converted: int


def has_both(converted: npt.ArrayLike) -> bool:
    """Whether there are examples of both outcomes, without which no order is good or bad."""
    return np.unique(np.asarray(converted, dtype=np.bool_)).size == 2


def roc_auc(scores: npt.ArrayLike, converted: npt.ArrayLike) -> float:
    """Chance that a converter scores above somebody else; NaN without both outcomes."""
    if not has_both(converted):
        return float("nan")
    return float(roc_auc_score(np.asarray(converted, dtype=np.bool_), np.asarray(scores)))


def pr_auc(scores: npt.ArrayLike, converted: npt.ArrayLike) -> float:
    """Average precision over all thresholds; NaN without both outcomes."""
    if not has_both(converted):
        return float("nan")
    return float(average_precision_score(np.asarray(converted, dtype=np.bool_), np.asarray(scores)))


def capture(scores: npt.ArrayLike, converted: npt.ArrayLike, share: float = TOP_SHARE) -> float:
    """Share of the converters who are among the best `share` of the scores; NaN without any."""
    return Levels.of(scores).capture(np.asarray(converted, dtype=np.float64), share=share)


def lift(scores: npt.ArrayLike, converted: npt.ArrayLike, share: float = TOP_SHARE) -> float:
    """How many times as often the best `share` converts as everybody; 1 is chance."""
    return capture(scores, converted, share) / share


def precision(chosen: npt.ArrayLike, converted: npt.ArrayLike) -> float:
    """Share of the chosen who converted; NaN when nobody was chosen."""
    picked = np.asarray(converted, dtype=np.bool_)[np.asarray(chosen, dtype=np.bool_)]
    return float(picked.mean()) if picked.size else float("nan")


def recall(chosen: npt.ArrayLike, converted: npt.ArrayLike) -> float:
    """Share of the converters who were chosen; NaN without any."""
    return precision(converted, chosen)


def calibration_bins(
    scores: npt.ArrayLike, expected: npt.ArrayLike, converted: npt.ArrayLike, bins: int = 10
) -> tuple[Bin, ...]:
    """Hold what was expected against what happened, in bins of about as many expected conversions.

    Most accounts have next to no score: bins of as many accounts each would nearly all be theirs.

    Args:
        scores: By which the bins are cut; equal scores share one, so there may be fewer bins.
        expected: Predicted share of conversions of each example, rising with the score.
        converted: Outcomes.
        bins: How many bins at most.
    """
    score = np.asarray(scores, dtype=np.float64)
    chance = np.asarray(expected, dtype=np.float64)
    outcome = np.asarray(converted, dtype=np.float64)
    if not score.size:
        return ()
    distinct, level = np.unique(score, return_inverse=True)
    hoped = np.bincount(level, chance).cumsum()
    cuts = np.searchsorted(hoped, hoped[-1] * np.arange(1, bins) / bins)
    place = np.searchsorted(np.unique(distinct[cuts]), score, side="left")
    return tuple(
        Bin(
            score_from=float(score[inside].min()),
            score_to=float(score[inside].max()),
            expected=float(chance[inside].mean()),
            observed=float(outcome[inside].mean()),
            examples=int(inside.sum()),
            converted=int(outcome[inside].sum()),
        )
        for inside in (place == number for number in np.unique(place))
    )


@dataclass(frozen=True)
class Levels:
    """Scores by their rank, best first, so that many weightings of the same scores are quick.

    Attributes:
        rank: Of each example; equal scores have the same.
        count: How many ranks there are.
    """

    rank: npt.NDArray[np.intp]
    count: int

    @classmethod
    def of(cls, scores: npt.ArrayLike) -> Levels:
        """Rank scores."""
        distinct, rank = np.unique(-np.asarray(scores, dtype=np.float64), return_inverse=True)
        return cls(rank, distinct.size)

    def capture(
        self, converted: Floats, weights: Floats | None = None, share: float = TOP_SHARE
    ) -> float:
        """`capture` with a weight for each example."""
        everybody, converters = self._sums(converted, weights)
        if not converters[-1]:
            return float("nan")
        return float(np.interp(share * everybody[-1], everybody, converters) / converters[-1])

    def roc_auc(self, converted: Floats, weights: Floats | None = None) -> float:
        """`roc_auc` with a weight for each example."""
        everybody, converters = self._sums(converted, weights)
        others = everybody - converters
        if not converters[-1] or not others[-1]:
            return float("nan")
        # Trapezoids under the curve: half of a pair with equal scores counts.
        area = np.sum(np.diff(others) * (converters[1:] + converters[:-1]) / 2)
        return float(area / (converters[-1] * others[-1]))

    def _sums(self, converted: Floats, weights: Floats | None) -> tuple[Floats, Floats]:
        """Weight of all examples, and of the converters, down to each rank, from 0 up."""
        weight = np.ones(len(self.rank)) if weights is None else weights
        everybody = np.bincount(self.rank, weight, self.count)
        converters = np.bincount(self.rank, weight * converted, self.count)
        return np.concatenate([[0.0], everybody.cumsum()]), np.concatenate(
            [[0.0], converters.cumsum()]
        )
