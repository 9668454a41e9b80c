"""Two shares compared: lift with its interval, the chance of it, and the same within strata.

Vectorised over behaviours and free of any meaning: counts go in, numbers come out. What a lift is
taken to mean is decided in `verdicts`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlogy
from scipy.stats import false_discovery_control, hypergeom

Floats = NDArray[np.float64]

Z_95 = 1.959963984540054
"""Two-sided 95 %."""


class Lift(NamedTuple):
    """Ratio of two shares with its 95 % limits, element by element."""

    ratio: Floats
    low: Floats
    high: Floats


def share_limits(did: ArrayLike, size: ArrayLike) -> tuple[Floats, Floats]:
    """Return the 95 % limits of a share: Wilson's score interval (Wilson 1927).

    Args:
        did: How many did it, any shape.
        size: Of how many; at least 1.
    """
    count, total = np.asarray(did, dtype=np.float64), np.asarray(size, dtype=np.float64)
    share = count / total
    spread = 1 + Z_95**2 / total
    centre = (share + Z_95**2 / (2 * total)) / spread
    half = Z_95 * np.sqrt(share * (1 - share) / total + Z_95**2 / (4 * total**2)) / spread
    low = np.where(count == 0, 0.0, centre - half)
    high = np.where(count == total, 1.0, centre + half)
    return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)


def lift_of(did: ArrayLike, size: ArrayLike, other_did: ArrayLike, other_size: ArrayLike) -> Lift:
    """Return how many times as large the first share is as the second, with 95 % limits.

    The limits recover the variance of each share from its Wilson interval: MOVER-R, the ratio form
    of Newcombe's method (Donner and Zou 2012, Statistical Methods in Medical Research 21(4)). Where
    none of the others did it, ratio and upper limit are those of Walter's adjusted logarithm (half
    a case added; Walter 1975, Biometrika 62), so that all numbers are finite; where nobody at all
    did it, the ratio is 1.

    Args:
        did: How many of the first group did it, any shape.
        size: How many the first group are; at least 1.
        other_did: The same of the second group.
        other_size: The same of the second group.
    """
    counts = np.broadcast_arrays(did, size, other_did, other_size)
    x1, n1, x2, n2 = (np.asarray(count, dtype=np.float64) for count in counts)
    p1, p2 = x1 / n1, x2 / n2
    (l1, u1), (l2, u2) = share_limits(x1, n1), share_limits(x2, n2)
    product = p1 * p2
    lower = product - np.sqrt(np.maximum(product**2 - l1 * (2 * p1 - l1) * u2 * (2 * p2 - u2), 0.0))
    upper = product + np.sqrt(np.maximum(product**2 - u1 * (2 * p1 - u1) * l2 * (2 * p2 - l2), 0.0))
    none = x2 == 0
    # 2 p2 - u2 is zero when the upper limit is twice the share: the limit of the formula is taken.
    spread = u2 * (2 * p2 - u2)
    tiny = np.abs(spread) < 1e-12
    at_limit = l1 * (2 * p1 - l1) / np.where(product > 0, 2 * product, 1.0)
    low = np.where(tiny, at_limit, lower / np.where(tiny, 1.0, spread))
    walter = ((x1 + 0.5) / (n1 + 0.5)) / ((x2 + 0.5) / (n2 + 0.5))
    error = np.sqrt(1 / (x1 + 0.5) - 1 / (n1 + 0.5) + 1 / (x2 + 0.5) - 1 / (n2 + 0.5))
    ratio = np.where(none, np.where(x1 == 0, 1.0, walter), p1 / np.where(none, 1.0, p2))
    high = np.where(
        none,
        walter * np.exp(Z_95 * error),
        upper / np.where(none, 1.0, l2 * (2 * p2 - l2)),
    )
    return Lift(ratio, np.minimum(np.maximum(low, 0.0), ratio), np.maximum(high, ratio))


def chance_of(
    did: ArrayLike, size: ArrayLike, other_did: ArrayLike, other_size: ArrayLike
) -> Floats:
    """Return the p-value of two shares being one: Fisher's exact test, the smaller tail doubled.

    Args:
        did: How many of the first group did it, any shape.
        size: How many the first group are.
        other_did: The same of the second group.
        other_size: The same of the second group.
    """
    counts = np.broadcast_arrays(did, size, other_did, other_size)
    x1, n1, x2, n2 = (np.asarray(count, dtype=np.int64) for count in counts)
    at_least = hypergeom.sf(x1 - 1, n1 + n2, x1 + x2, n1)
    at_most = hypergeom.cdf(x1, n1 + n2, x1 + x2, n1)
    return np.clip(2 * np.minimum(at_least, at_most), 0.0, 1.0)


def information(
    did: ArrayLike, size: ArrayLike, other_did: ArrayLike, other_size: ArrayLike
) -> Floats:
    """Return how much doing it tells about the group, in nats per account (mutual information).

    It weighs how large a difference is by how many it concerns, so it has its maximum at the
    number of times from which on it matters, where the ratio alone goes on growing by chance.
    """
    counts = np.broadcast_arrays(did, size, other_did, other_size)
    x1, n1, x2, n2 = (np.asarray(count, dtype=np.float64) for count in counts)
    total = n1 + n2

    def entropy(*parts: Floats) -> Floats:
        shares = np.stack(parts) / total
        return -np.sum(xlogy(shares, shares), axis=0)

    joint = entropy(x1, n1 - x1, x2, n2 - x2)
    told: Floats = entropy(n1, n2) + entropy(x1 + x2, total - x1 - x2) - joint
    return np.maximum(told, 0.0)


def pooled_lift(did: Floats, size: Floats, other_did: Floats, other_size: Floats) -> Lift:
    """Return the lift within strata, pooled over them: Mantel-Haenszel, for a ratio of shares.

    Variance of the logarithm by Greenland and Robins (1985, Biometrics 41), which holds for few
    large strata and for many small ones. Where only one of the groups did it in strata that hold
    both, half a case is added to each. NaN where no stratum holds both groups and anybody did it.

    Args:
        did: Shape (..., strata): how many of the first group did it.
        size: The same shape, or one that broadcasts: how many the first group are.
        other_did: The same of the second group.
        other_size: The same of the second group.
    """
    counts = np.broadcast_arrays(did, size, other_did, other_size)
    x1, n1, x2, n2 = (np.asarray(count, dtype=np.float64) for count in counts)
    total = n1 + n2
    weight = _divided(1.0, total)
    above = np.sum(x1 * n2 * weight, axis=-1)
    below = np.sum(x2 * n1 * weight, axis=-1)
    variance = np.sum(((x1 + x2) * n1 * n2 - x1 * x2 * total) * weight**2, axis=-1)
    one_sided = (above > 0) != (below > 0)
    both, squared = np.sum(n1 * n2 * weight, axis=-1), np.sum(n1 * n2 * weight**2, axis=-1)
    # Half a case at random among the accounts of its group.
    above = above + np.where(one_sided, 0.5 * _divided(both, n1.sum(axis=-1)), 0.0)
    below = below + np.where(one_sided, 0.5 * _divided(both, n2.sum(axis=-1)), 0.0)
    halves = 0.5 * squared * (_divided(1.0, n1.sum(axis=-1)) + _divided(1.0, n2.sum(axis=-1)))
    variance = variance + np.where(one_sided, halves, 0.0)
    known = (above > 0) & (below > 0)
    ratio = np.where(known, _divided(above, below), np.nan)
    error = np.sqrt(np.maximum(_divided(variance, above * below), 0.0))
    return Lift(ratio, ratio * np.exp(-Z_95 * error), ratio * np.exp(Z_95 * error))


def _divided(above: Floats | float, below: Floats) -> Floats:
    """The quotient, and 0 where it would be by 0."""
    out = np.zeros(np.broadcast(above, below).shape)
    return np.divide(above, below, out=out, where=below > 0)


def combined_chance(chances: Floats) -> Floats:
    """Return one p-value for each row of several: Simes' test (Simes 1986, Biometrika 73).

    Valid for tests that go up and down together, as those of overlapping windows do.

    Args:
        chances: Shape (behaviours, tests); NaN where a test was not made.

    Returns:
        Shape (behaviours,); NaN where none was made.
    """
    ordered = np.sort(chances, axis=-1)
    made = np.sum(~np.isnan(chances), axis=-1, keepdims=True)
    rank = np.arange(1, chances.shape[-1] + 1)
    scaled = np.where(np.isnan(ordered), np.inf, ordered * made / rank)
    return np.where(made[..., 0] > 0, np.min(scaled, axis=-1), np.nan)


def false_discovery_rates(chances: Floats) -> Floats:
    """Return q-values by Benjamini and Hochberg (1995) over the p-values that are not NaN."""
    rates = np.full(chances.shape, np.nan)
    tested = ~np.isnan(chances)
    if tested.any():
        rates[tested] = false_discovery_control(np.clip(chances[tested], 0.0, 1.0), method="bh")
    return rates
