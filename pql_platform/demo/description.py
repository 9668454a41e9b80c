"""The planted truth as a table, so that it can be checked by eye.

Two readings of each behaviour: the plain shares that a careless analyst would compare, and the odds
ratio with everything else held fast, beside the one that was planted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from pql_platform.demo.behaviour import CAUSES
from pql_platform.demo.calendar import Floats
from pql_platform.demo.truth import MATURE_DAYS, PROXIES, VANITY, AccountTruth, mature

_FEWEST_CONVERTED = 30
_RIDGE = 1e-3
_STEPS = 30
_Z_95 = 1.96


def describe(truth: Sequence[AccountTruth], end: datetime) -> str:
    """A table of conversion by behaviour.

    Each behaviour is split at its median count: `with` converted among the accounts above it,
    `without` among the others. The last columns are odds ratios: per occurrence, up to the cap,
    for a cause; per doubling of the count for the others, which were planted to have none.
    """
    paid = sum(one.converts for one in truth)
    judged = mature(truth, end)
    converts = np.array([one.converts for one in judged], dtype=float)
    lines = [
        f"{len(truth):,} accounts, {paid:,} converted; {len(judged):,} of them could pay and had "
        f"{MATURE_DAYS} days to do so, {int(converts.sum()):,} converted"
    ]
    if converts.sum() < _FEWEST_CONVERTED:
        lines.append(f"Fewer than {_FEWEST_CONVERTED} converted: too few to say by behaviour.")
        return "\n".join(lines)
    lines.append(
        f"{'behaviour':<20}{'planted as':<12}{'over':>4}{'with':>8}{'without':>9}{'ratio':>7}"
        f"{'planted':>10}{'found, all else equal':>26}"
    )
    found = odds_ratios(judged)
    for name, (counts, role, planted) in _behaviours(judged).items():
        split = np.median(counts)
        share, other = _mean(converts[counts > split]), _mean(converts[counts <= split])
        middle, low, high = found[name]
        lines.append(
            f"{name:<20}{role:<12}{split:>4.0f}{share:>8.1%}{other:>9.1%}"
            f"{share / other if other else np.inf:>7.1f}{planted:>10.2f}"
            f"{f'{middle:.2f} ({low:.2f} to {high:.2f})':>26}"
        )
    return "\n".join(lines)


def odds_ratios(judged: Sequence[AccountTruth]) -> dict[str, tuple[float, float, float]]:
    """Odds ratio of each behaviour with 95 % limits, from one logistic regression on all of them.

    Holds fast the other behaviours, the hidden enthusiasm and the kind of account.
    """
    behaviours = _behaviours(judged)
    caps = {cause.name: cause.cap for cause in CAUSES}
    columns = [
        np.minimum(counts, caps[name]) if name in caps else np.log2(1 + counts)
        for name, (counts, _, _) in behaviours.items()
    ]
    kinds = sorted({one.kind for one in judged})
    columns += [np.array([one.kind == kind for one in judged], dtype=float) for kind in kinds]
    columns.append(np.array([one.enthusiasm for one in judged]))
    converts = np.array([one.converts for one in judged], dtype=float)
    slopes, errors = _fit_logistic(np.column_stack(columns), converts)
    limits = np.exp([slopes, slopes - _Z_95 * errors, slopes + _Z_95 * errors])
    return {
        name: (float(limits[0, at]), float(limits[1, at]), float(limits[2, at]))
        for at, name in enumerate(behaviours)
    }


def _behaviours(judged: Sequence[AccountTruth]) -> dict[str, tuple[Floats, str, float]]:
    """Counts per account, role and planted odds ratio of every behaviour."""
    table = {
        cause.name: (_counts(judged, "causes", cause.name), "cause", float(np.exp(cause.effect)))
        for cause in CAUSES
    }
    table |= {name: (_counts(judged, "proxies", name), "proxy", 1.0) for name in PROXIES}
    table |= {name: (_counts(judged, "vanity", name), "vanity", 1.0) for name in VANITY}
    return table


def _counts(judged: Sequence[AccountTruth], role: str, name: str) -> Floats:
    return np.array([getattr(one, role)[name] for one in judged], dtype=float)


def _fit_logistic(columns: Floats, outcome: Floats) -> tuple[Floats, Floats]:
    """Slopes and standard errors, by Newton's method; the ridge keeps empty columns finite."""
    slopes = np.zeros(columns.shape[1])
    ridge = _RIDGE * np.eye(columns.shape[1])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-(columns @ slopes)))
        curvature = columns.T @ (columns * (chance * (1 - chance))[:, None]) + ridge
        step = np.linalg.solve(curvature, columns.T @ (outcome - chance) - ridge @ slopes)
        slopes = slopes + step
    return slopes, np.sqrt(np.diag(np.linalg.inv(curvature)))


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else 0.0
