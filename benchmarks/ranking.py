"""How well a score ranks accounts: the area under the curve, the best of each day, head count.

Plain numpy on columns of equal length, so that a thousand resamplings take seconds. Ties count as
drawn by lot. What the scores mean, and where they come from, is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]
Interval: TypeAlias = tuple[float, float]
"""Lower and upper end of a 95 % interval."""


def area_under_curve(scores: Floats, positive: Flags, weights: Floats | None = None) -> float:
    """The chance that a positive row, drawn by lot, scores above a negative one (ROC-AUC).

    The Mann-Whitney statistic over its maximum; a tie counts one half.

    Args:
        scores: One per row, higher is better.
        positive: Which rows are positive; some must be, and not all.
        weights: How often each row counts; once if not given.

    Returns:
        0 to 1, and 0.5 for a score that tells nothing.
    """
    _, place = np.unique(scores, return_inverse=True)
    return _area(place, positive, np.ones(len(place)) if weights is None else weights)


def bootstrap(
    scores: Mapping[str, Floats], positive: Flags, subjects: Ints, samples: int, seed: int
) -> dict[str, Floats]:
    """Areas under the curve of resampled data, the same samples for every score.

    Whole subjects are drawn with replacement, since the rows of one subject resemble each other
    (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8).

    Args:
        scores: Name -> one score per row.
        positive: Which rows are positive.
        subjects: To whom each row belongs, numbered from 0.
        samples: How many times to draw; a sample without a positive row is drawn again.
        seed: Makes the draws repeatable.

    Returns:
        Name -> areas, shape (samples,).

    Raises:
        ValueError: No row is positive, or all are: there is no area.
    """
    if not 0 < positive.sum() < len(positive):
        raise ValueError(f"{positive.sum()} of {len(positive)} rows are positive")
    rng = np.random.default_rng(seed)
    places = {name: np.unique(column, return_inverse=True)[1] for name, column in scores.items()}
    size = int(subjects.max()) + 1
    areas: dict[str, list[float]] = {name: [] for name in scores}
    drawn = 0
    while drawn < samples:
        often = np.bincount(rng.integers(0, size, size), minlength=size)[subjects].astype(float)
        if not 0 < often[positive].sum() < often.sum():
            continue
        drawn += 1
        for name, place in places.items():
            areas[name].append(_area(place, positive, often))
    return {name: np.array(found) for name, found in areas.items()}


def interval(values: Floats) -> Interval:
    """The middle 95 % of resampled values."""
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def positives_in_top(
    scores: Floats, positive: Flags, groups: npt.NDArray[Any], share: float
) -> float:
    """Share of the positive rows among the best `share` of each group.

    Of equal scores at the edge so many are taken as there is room for: their average is counted.
    """
    found = 0.0
    for group in np.unique(groups):
        here = groups == group
        column, good = scores[here], positive[here]
        room = share * len(column)
        edge = np.sort(column)[::-1][int(np.ceil(room)) - 1]
        above, at_edge = column > edge, column == edge
        found += good[above].sum() + good[at_edge].mean() * (room - above.sum())
    return float(found / positive.sum())


def rank_correlation(a: Floats, b: Floats) -> float:
    """Spearman's correlation: Pearson's of the ranks, equal values sharing their middle rank."""
    return float(np.corrcoef(_middle_ranks(a), _middle_ranks(b))[0, 1])


def _area(place: Ints, positive: Flags, weights: Floats) -> float:
    """The area, from each row's place among the distinct scores."""
    size = int(place.max()) + 1
    good = np.bincount(place, weights * positive, size)
    bad = np.bincount(place, weights * ~positive, size)
    beaten = np.cumsum(bad) - bad / 2
    return float(good @ beaten / (good.sum() * bad.sum()))


def _middle_ranks(values: Floats) -> Floats:
    _, place, often = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(often) - (often - 1) / 2)[place]
    return ranks
