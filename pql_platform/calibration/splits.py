"""Earlier examples to learn from, later ones to judge by: split by time, never at random.

Between the two lies a purge: what an earlier example became must have been known before the first
later date, or the past would be told by the future.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from pql_platform.calibration.examples import Examples
from pql_platform.errors import PqlError
from pql_platform.program.schema import Program

TEST_SHARE = 1 / 3
"""Share of the index dates that are held back, the latest ones."""

FEWEST_CONVERSIONS = 30
"""Accounts that must have converted before anything is learned (issue 4, point 8)."""

FEWEST_HELD_BACK = 10
"""Converting accounts among the later examples, without which they judge nothing."""


@dataclass(frozen=True)
class Split:
    """Examples in two parts.

    Attributes:
        train: The earlier ones, whose horizon ends before `split_at`.
        test: Those from `split_at` on.
        split_at: The first index date of the later part, aware.
        purged: Earlier examples left out because their horizon reaches into the later part.
    """

    train: Examples
    test: Examples
    split_at: datetime
    purged: int


def split_by_time(examples: Examples, program: Program, share: float = TEST_SHARE) -> Split:
    """Split examples; the later part is made smaller where the earlier one would be too small.

    Args:
        examples: From several index dates.
        program: Its horizon.
        share: Of the index dates, for the later part.

    Raises:
        PqlError: There is no split with conversions enough in both parts.
    """
    dates = _dates(examples)
    for later in range(max(round(len(dates) * share), 1), 0, -1):
        if later == len(dates):
            continue
        split = _split_at(examples, program, dates[-later])
        if (
            split.train.converters >= FEWEST_CONVERSIONS
            and split.test.converters >= FEWEST_HELD_BACK
        ):
            return split
    raise PqlError(
        f"{examples.converters} accounts converted, too few to learn from the earlier and judge by"
        " the later ones",
        hint=f"{FEWEST_CONVERSIONS} must convert more than {program.conversion.horizon_days} days"
        f" before the last third of the time, and {FEWEST_HELD_BACK} in it: wait, or load more",
    )


def some_of(examples: Examples, chosen: np.ndarray) -> Examples:
    """The same examples with some rows only.

    Args:
        examples: The examples.
        chosen: Which rows of the frame, booleans.
    """
    frame = examples.frame[chosen].reset_index(drop=True)
    part = replace(
        examples,
        frame=frame,
        accounts=int(frame["account_id"].nunique()),
        converters=int(frame.loc[frame["converted"], "account_id"].nunique()),
    )
    return replace(part, index_dates=_dates(part))


def _split_at(examples: Examples, program: Program, split_at: datetime) -> Split:
    at = examples.frame["index_at"].to_numpy()
    moment = np.datetime64(split_at.replace(tzinfo=None), "us")
    horizon = np.timedelta64(timedelta(days=program.conversion.horizon_days))
    later = at >= moment
    known = at + horizon < moment
    return Split(
        train=some_of(examples, known),
        test=some_of(examples, later),
        split_at=split_at,
        purged=int((~later & ~known).sum()),
    )


def _dates(examples: Examples) -> tuple[datetime, ...]:
    """The index dates that have examples, ascending."""
    found = np.unique(examples.frame["index_at"].to_numpy("datetime64[us]"))
    return tuple(moment.replace(tzinfo=UTC) for moment in found.tolist())
