"""Points judged on later time than they were drawn from, beside what they must be held against.

Everything is as known at the index dates; outcomes of the earlier part are known before the later
one begins. What the figures lead to is `policy`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pandas as pd

from pql_platform.calibration import ranking
from pql_platform.calibration.advantage import better_by
from pql_platform.calibration.backtest_figures import Backtest, BaselineRow, SegmentRow
from pql_platform.calibration.baselines import active_days, default_scores, gradient_boosting
from pql_platform.calibration.examples import Examples
from pql_platform.calibration.logistic import fit_logistic
from pql_platform.calibration.points_table import PointsTable, fit_points
from pql_platform.calibration.ranking import Bin
from pql_platform.calibration.refusals import refuse_unusable
from pql_platform.calibration.scoring import Flags, Floats, Scored, score_examples
from pql_platform.calibration.splits import FEWEST_HELD_BACK, Split, split_by_time
from pql_platform.calibration.thresholds import choose_threshold
from pql_platform.program.schema import Program
from pql_platform.program.signals import Compound

PROPOSED = "points table"
LIVE = "points in force"
DEFAULTS = "default weights"
ACTIVITY = "active days"
CEILING = "gradient boosting"
"""The ceiling: never deployed."""


@dataclass(frozen=True)
class _Moved:
    """Who is over the threshold at the latest index date, and who is gained and lost by it."""

    share_over: float
    pql_share: float
    gained: tuple[str, ...]
    lost: tuple[str, ...]


def backtest(
    examples: Examples,
    program: Program,
    table: PointsTable | None = None,
    *,
    compounds: Sequence[Compound] | None = None,
    enters: tuple[Decimal, Decimal] | None = None,
) -> Backtest:
    """Judge points on later time.

    Args:
        examples: All of them; they are split here.
        program: As it is in force: its points are the champion's.
        table: The points to judge. None, or a table that has seen the later part, is judged by
            fitting anew to the earlier part, the same way.
        compounds: All compounds of the proposal; None for those of the program.
        enters: Thresholds of the proposal and in force, for who is gained and lost; None draws
            both by the program's share.

    Raises:
        PqlError: There are too few conversions in either part, or a signal gives the purchase away.
    """
    refuse_unusable(examples, program)
    split = split_by_time(examples, program)
    judged, refitted = table, False
    if judged is None or (judged.known_until and judged.known_until > split.split_at):
        judged, refitted = fit_points(split.train, program), table is not None
    test = split.test.frame
    converted = test["converted"].to_numpy(np.bool_)
    before = score_examples(split.train.frame, program, judged.points, compounds)
    after = score_examples(test, program, judged.points, compounds)
    live = test["score"].to_numpy(np.float64)
    last = split.train.frame["index_at"] == split.train.frame["index_at"].max()
    enter = _enter(before, last.to_numpy(), program)
    qualified = after.eligible & (after.scores >= float(enter))
    moved = _moved(split, program, table or judged, compounds, enters)
    return Backtest(
        program=program.program,
        points={name: float(most) for name, most in judged.points.items()},
        refitted=refitted,
        roc_auc=_known(ranking.roc_auc(after.scores, converted)),
        pr_auc=_known(ranking.pr_auc(after.scores, converted)),
        capture_top15=_known(ranking.capture(after.scores, converted)),
        lift_top15=_known(ranking.lift(after.scores, converted)),
        threshold=float(enter),
        precision=_known(ranking.precision(qualified, converted)),
        recall=_known(ranking.recall(qualified, converted)),
        median_lead_days=_median_lead(test[qualified & converted]),
        share_over=moved.share_over,
        pql_share=moved.pql_share,
        gained=moved.gained,
        lost=moved.lost,
        calibration=_calibration(split, before.scores, after.scores),
        segments=_segments(test, after.scores),
        baselines=_baselines(split, program, after.scores),
        advantages=better_by(test, after.scores, live),
        n_examples=len(test),
        n_converted=int(converted.sum()),
        train_examples=len(split.train.frame),
        train_converted=int(split.train.frame["converted"].sum()),
        purged=split.purged,
        censored=examples.censored,
        split_at=split.split_at.isoformat(),
        train_from=split.train.index_dates[0].isoformat(),
        train_until=_known_by(split.train, program),
        test_until=_known_by(split.test, program),
        warnings=examples.warnings,
    )


def _known(value: float) -> float | None:
    """NaN is no JSON."""
    return None if math.isnan(value) else value


def _known_by(examples: Examples, program: Program) -> str:
    horizon = timedelta(days=program.conversion.horizon_days)
    return (examples.index_dates[-1] + horizon).isoformat()


def _enter(scored: Scored, chosen: Flags, program: Program) -> Decimal:
    return choose_threshold(scored.scores[chosen], scored.eligible[chosen], program).enter


def _moved(
    split: Split,
    program: Program,
    table: PointsTable,
    compounds: Sequence[Compound] | None,
    enters: tuple[Decimal, Decimal] | None,
) -> _Moved:
    frame = split.test.frame
    latest = frame[frame["index_at"] == frame["index_at"].max()].reset_index(drop=True)
    everybody = np.ones(len(latest), dtype=np.bool_)
    sides = (
        score_examples(latest, program, table.points, compounds),
        score_examples(latest, program),
    )
    drawn = enters or tuple(_enter(side, everybody, program) for side in sides)
    over = [side.scores >= float(enter) for side, enter in zip(sides, drawn, strict=True)]
    proposed, live = (high & side.eligible for high, side in zip(over, sides, strict=True))
    ids = latest["account_id"].to_numpy()
    return _Moved(
        share_over=float(over[0].mean()),
        pql_share=float(proposed.mean()),
        gained=tuple(sorted(ids[proposed & ~live])),
        lost=tuple(sorted(ids[live & ~proposed])),
    )


def _median_lead(caught: pd.DataFrame) -> float | None:
    """Days from the first index date at which each converter qualified to its purchase."""
    first = caught.groupby("account_id")["lead_days"].max()
    return _known(float(first.median()))


def _calibration(split: Split, before: Floats, after: Floats) -> tuple[Bin, ...]:
    """Chances by score as the earlier part has them, held against the later part."""
    outcomes = split.train.frame["converted"].to_numpy(np.float64)
    curve = fit_logistic(before[:, None] / 100, outcomes, 0.01)
    expected = curve.chances(after[:, None] / 100)
    return ranking.calibration_bins(after, expected, split.test.frame["converted"])


def _segments(test: pd.DataFrame, scores: Floats) -> tuple[SegmentRow, ...]:
    rows = []
    for segment, part in test.assign(proposed=scores).groupby("segment", dropna=True):
        converted = part["converted"].to_numpy(np.bool_)
        enough = int(converted.sum()) >= FEWEST_HELD_BACK
        rows.append(
            SegmentRow(
                segment=str(segment),
                examples=len(part),
                converted=int(converted.sum()),
                roc_auc=_known(ranking.roc_auc(part["proposed"], converted)) if enough else None,
                capture_top15=(
                    _known(ranking.capture(part["proposed"], converted)) if enough else None
                ),
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.examples, row.segment)))


def _baselines(split: Split, program: Program, proposed: Floats) -> tuple[BaselineRow, ...]:
    test = split.test.frame
    ways: dict[str, Callable[[], Floats]] = {
        PROPOSED: lambda: proposed,
        LIVE: lambda: test["score"].to_numpy(np.float64),
        DEFAULTS: lambda: default_scores(test, program),
        ACTIVITY: lambda: active_days(test),
        CEILING: lambda: gradient_boosting(split.train.frame, test, program),
    }
    return tuple(_row(name, way(), test) for name, way in ways.items())


def _row(name: str, scores: Floats, test: pd.DataFrame) -> BaselineRow:
    converted = test["converted"].to_numpy(np.bool_)
    return BaselineRow(
        name=name,
        roc_auc=_known(ranking.roc_auc(scores, converted)),
        pr_auc=_known(ranking.pr_auc(scores, converted)),
        capture_top15=_known(ranking.capture(scores, converted)),
        lift_top15=_known(ranking.lift(scores, converted)),
    )
