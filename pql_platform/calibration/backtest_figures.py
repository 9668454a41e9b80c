"""The figures of a backtest, all of later time than the points were drawn from.

Written down with a version as its evidence, so they hold nothing but texts, numbers and None. How
they are measured is `backtest`.
"""

from __future__ import annotations

from dataclasses import dataclass

from pql_platform.calibration.policy import Advantage
from pql_platform.calibration.ranking import Bin


@dataclass(frozen=True)
class BaselineRow:
    """One way to order the accounts, on the later examples; None where that is undefined."""

    name: str
    roc_auc: float | None
    pr_auc: float | None
    capture_top15: float | None
    lift_top15: float | None


@dataclass(frozen=True)
class SegmentRow:
    """These points within one segment; no figures where too few converted there."""

    segment: str
    examples: int
    converted: int
    roc_auc: float | None
    capture_top15: float | None


@dataclass(frozen=True)
class Backtest:
    """What points would have done on time that they had not seen.

    Every figure is of the later examples, those from `split_at` on; shares run from 0 to 1 and are
    None where they are undefined. Moments are ISO 8601, so that all of it can be written as JSON.

    Attributes:
        program: Name.
        points: Most points per signal that were judged.
        refitted: Whether they were fitted anew to the earlier part, because the table that was
            asked about had seen the later one; gained, lost and both shares are of that table.
        roc_auc: Chance that a converter scores above somebody else.
        pr_auc: Average precision.
        capture_top15: Share of the converters among the best 15 %.
        lift_top15: The same over 0.15.
        threshold: The score that qualified, drawn on the earlier part.
        precision: Share of the qualified who converted.
        recall: Share of the converters who qualified.
        median_lead_days: From the first index date at which a converter qualified to the purchase.
        share_over: Share of the population at or over the threshold, at the latest index date.
        pql_share: Share of it that qualifies then: over the threshold, and through every gate.
        gained: Accounts that qualify with these points and not with those in force, at that date.
        lost: The other way round.
        calibration: What was expected by score, and what happened.
        segments: Per segment, largest first.
        baselines: These points, those in force, the defaults, activity, and the ceiling.
        advantages: By how much these points are better than those in force, with intervals.
        n_examples: Later examples.
        n_converted: Those of them that converted.
        train_examples: Earlier examples.
        train_converted: Those of them that converted.
        purged: Earlier examples left out because their horizon reaches into the later part.
        censored: Examples left out because their horizon is not over.
        split_at: First index date of the later part.
        train_from: First index date of the earlier part.
        train_until: The last outcome of the earlier part was known by then.
        test_until: The same of the later part.
        warnings: What speaks against relying on it.
    """

    program: str
    points: dict[str, float]
    refitted: bool
    roc_auc: float | None
    pr_auc: float | None
    capture_top15: float | None
    lift_top15: float | None
    threshold: float
    precision: float | None
    recall: float | None
    median_lead_days: float | None
    share_over: float
    pql_share: float
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    calibration: tuple[Bin, ...]
    segments: tuple[SegmentRow, ...]
    baselines: tuple[BaselineRow, ...]
    advantages: tuple[Advantage, ...]
    n_examples: int
    n_converted: int
    train_examples: int
    train_converted: int
    purged: int
    censored: int
    split_at: str
    train_from: str
    train_until: str
    test_until: str
    warnings: tuple[str, ...]
