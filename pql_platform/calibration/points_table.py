"""Points in proportion to predictive power, as a table that a person can read and check.

A non-negative logistic regression over the same saturating, fading fractions that earn the points;
its coefficients become quarter points. What examples are is elsewhere, and so is whether the table
is any better than the one in force (`backtest`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd

from pql_platform.calibration import ranking
from pql_platform.calibration.examples import Examples
from pql_platform.calibration.logistic import Fitted, fit_logistic, z_scores
from pql_platform.calibration.refusals import refuse_unusable
from pql_platform.calibration.scoring import Floats, strengths
from pql_platform.domain.points import HIGHEST_SCORE, QUARTERS
from pql_platform.program.schema import Program
from pql_platform.program.signals import CATEGORIES, Category
from pql_platform.qualify.tiers import MIN_CATEGORIES

PENALTY = 5.0
"""As if coefficients came from a normal distribution of variance 1 and each purchase were told some
five times, by so many examples of its account. On 49 planted worlds anything from 3 to 10 captured
the same, and choosing it on later time captured less: thirty purchases choose badly."""

SURE = 1.645
"""One-sided 5 %: a signal whose share is nearer to nothing than this is noise (item 79)."""

SECOND_CATEGORY = Decimal(10)
"""Points that a second category keeps: no single category is enough to qualify (item 40)."""


@dataclass(frozen=True)
class PointsTable:
    """Most points per signal.

    Attributes:
        weights: Points per category, all four, adding up to 100.
        points: Most points per signal, all signals, in quarters; those of a category add up to its
            weight. A dropped signal has 0.
        dropped: Signals without points, each with the reason.
        notes: What was decided by rule and not by data, in sentences.
        known_until: The latest outcome that was looked at; None for a table written by hand.
    """

    weights: dict[Category, Decimal]
    points: dict[str, Decimal]
    dropped: dict[str, str]
    notes: tuple[str, ...] = ()
    known_until: datetime | None = None


@dataclass(frozen=True)
class PointsRow:
    """One signal of a table as people read it."""

    category: Category
    weight: Decimal
    signal: str
    full_at: str
    points: Decimal
    points_now: Decimal
    reason: str


def fit_points(examples: Examples, program: Program) -> PointsTable:
    """Fit points to examples.

    Signals are left out one by one, the least sure first, until each that stays is surely worth
    something beside the others. Where none is, the points stay as they are.

    Args:
        examples: What the points are fitted to, all of it: hold back later time yourself.
        program: Its signals.

    Raises:
        PqlError: There are too few conversions or one outcome only, or a signal gives the purchase
            away.
    """
    refuse_unusable(examples, program)
    names = [signal.name for signal in program.signals]
    features, converted, accounts = _arrays(examples, program)
    kept, dropped = _select(features, converted, accounts, names)
    until = examples.index_dates[-1] + timedelta(days=program.conversion.horizon_days)
    if not kept:
        note = "No signal tells buyers from others better than chance: the points stay as they are."
        return table_of(program, program.max_points, {}, (note,), until)
    fitted = fit_logistic(features[:, kept], converted, PENALTY)
    shares = dict(zip((names[number] for number in kept), fitted.coefficients, strict=True))
    points = _in_quarters(shares, HIGHEST_SCORE)
    points, notes = _with_second_category(points, program, features, converted)
    for name in [name for name in shares if not points[name]]:
        dropped[name] = "it would earn less than a quarter point"
    dropped = {name: reason for name, reason in dropped.items() if not points.get(name)}
    return table_of(program, points, dropped, notes, until)


def table_of(
    program: Program,
    points: Mapping[str, Decimal],
    dropped: Mapping[str, str],
    notes: Sequence[str] = (),
    known_until: datetime | None = None,
) -> PointsTable:
    """A table from points per signal; the weights follow from them."""
    full = {signal.name: points.get(signal.name, Decimal(0)) for signal in program.signals}
    weights = {
        category: sum((full[signal.name] for signal in signals), Decimal(0))
        for category, signals in program.signals_by_category.items()
    }
    return PointsTable(weights, full, dict(dropped), tuple(notes), known_until)


def points_rows(table: PointsTable, program: Program) -> tuple[PointsRow, ...]:
    """The table for people: a row per signal, heaviest category first, with today's points."""
    heaviest = sorted(CATEGORIES, key=lambda category: -table.weights[category])
    return tuple(
        PointsRow(
            category=category,
            weight=table.weights[category],
            signal=signal.name,
            full_at=f"{'at most' if signal.lower_is_better else 'at least'} {signal.threshold:f}",
            points=table.points[signal.name],
            points_now=program.max_points[signal.name],
            reason=table.dropped.get(signal.name, ""),
        )
        for category in heaviest
        for signal in sorted(
            program.signals_by_category[category], key=lambda signal: -table.points[signal.name]
        )
    )


def _arrays(examples: Examples, program: Program) -> tuple[Floats, Floats, np.ndarray]:
    frame = examples.frame
    return (
        strengths(frame, program),
        frame["converted"].to_numpy(np.float64),
        pd.factorize(frame["account_id"])[0],
    )


def _select(
    features: Floats, converted: Floats, accounts: np.ndarray, names: Sequence[str]
) -> tuple[list[int], dict[str, str]]:
    """The signals that stay, by their place, and why the others do not."""
    kept = list(range(len(names)))
    dropped: dict[str, str] = {}
    for number in kept.copy():
        if not features[:, number].any():
            kept.remove(number)
            dropped[names[number]] = "no account showed it before a purchase"
    while kept:
        fitted = fit_logistic(features[:, kept], converted, PENALTY)
        sure = _sureness(fitted, features[:, kept], converted, accounts)
        least = int(np.argmin(sure))
        if sure[least] >= SURE:
            break
        number = kept.pop(least)
        dropped[names[number]] = (
            "beside the other signals it does not speak for a purchase"
            if sure[least] <= 0
            else "beside the other signals it cannot be told from noise"
        )
    return kept, dropped


def _sureness(fitted: Fitted, features: Floats, converted: Floats, accounts: np.ndarray) -> Floats:
    """Standard errors above zero; a coefficient at its bound of 0 is below all others."""
    positive = fitted.coefficients > 0
    sure = np.zeros(features.shape[1])
    if positive.any():
        inside = Fitted(fitted.intercept, fitted.coefficients[positive], fitted.penalty)
        sure[positive] = z_scores(inside, features[:, positive], converted, accounts)
    return sure


def _in_quarters(shares: Mapping[str, float], total: Decimal) -> dict[str, Decimal]:
    """Divide points in proportion, in quarters by largest remainder; the first of equals first."""
    whole = sum(shares.values())
    exact = {name: float(total) * QUARTERS * share / whole for name, share in shares.items()}
    quarters = {name: int(value) for name, value in exact.items()}
    left_over = int(total * QUARTERS) - sum(quarters.values())
    nearest = sorted(exact, key=lambda name: quarters[name] - exact[name])
    for name in nearest[:left_over]:
        quarters[name] += 1
    return {name: Decimal(value) / QUARTERS for name, value in quarters.items()}


def _with_second_category(
    points: dict[str, Decimal], program: Program, features: Floats, converted: Floats
) -> tuple[dict[str, Decimal], tuple[str, ...]]:
    """Where one category would have all the points, let the best signal of another have some."""
    category_of = {signal.name: signal.category for signal in program.signals}
    active = {category_of[name] for name, most in points.items() if most}
    others = [name for name, category in category_of.items() if category not in active]
    if len(active) >= MIN_CATEGORIES or not others:
        return points, ()
    names = list(category_of)
    best = max(others, key=lambda name: ranking.roc_auc(features[:, names.index(name)], converted))
    shares = {name: float(most) for name, most in points.items()}
    reduced = _in_quarters(shares, HIGHEST_SCORE - SECOND_CATEGORY)
    note = (
        f"Only {next(iter(active))} tells buyers apart; `{best}` keeps {SECOND_CATEGORY} points,"
        f" because no account qualifies by one category alone."
    )
    return {**reduced, best: SECOND_CATEGORY}, (note,)
