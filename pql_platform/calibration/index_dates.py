"""At which past instants examples are taken: as many as the look-back holds and the time allows.

The last date is the latest whose horizon is over. What is read at a date is `examples`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pql_platform.errors import PqlError

LOOKBACK_DAYS = 365
SHORTEST_LOOKBACK = 180
"""Twelve months by default, six at least (requirements, decided list 3)."""

EVERY_DAYS = 14
"""Who signs up and buys between two dates is not seen at all, so they lie close together."""

MOST_MESSAGES = 35_000_000
"""Messages gone over for all dates together: each date computes everything known by then, which
takes 12 s for eight million messages of a hundred thousand accounts on two cores (measured)."""

FEWEST_DATES = 7
"""However many messages there are; where there are many, accounts are too."""


@dataclass(frozen=True)
class History:
    """How much there is to look back on.

    Attributes:
        first: The first message, aware.
        messages: How many there are.
    """

    first: datetime
    messages: int


def index_dates(
    history: History,
    as_of: datetime,
    *,
    horizon_days: int,
    lookback_days: int = LOOKBACK_DAYS,
    every_days: int = EVERY_DAYS,
) -> tuple[datetime, ...]:
    """The index dates, ascending.

    Args:
        history: What there is.
        as_of: Aware instant as of which outcomes are known.
        horizon_days: Within how many days a purchase counts.
        lookback_days: How far back the first date may lie.
        every_days: Days from one date to the next, at least; more where there are many messages.

    Raises:
        PqlError: The look-back or the history is too short.
    """
    if lookback_days < SHORTEST_LOOKBACK:
        raise PqlError(
            f"A look-back of {lookback_days} days is too short",
            hint=f"Six months ({SHORTEST_LOOKBACK} days) is the least, a year is better",
        )
    last = as_of - timedelta(days=horizon_days)
    span = (last - max(as_of - timedelta(days=lookback_days), history.first)).days
    if span < 1:
        raise PqlError(
            f"The events begin {(as_of - history.first).days} days ago, and whether an account"
            f" buys within {horizon_days} is known only later",
            hint="Load more history, or wait until there is more",
        )
    # Events arrive over the whole look-back, so that a date has about half of them behind it.
    most = max(FEWEST_DATES, 2 * MOST_MESSAGES // max(history.messages, 1))
    step = max(every_days, -(-span // (most - 1)))
    return tuple(last - timedelta(days=step * back) for back in range(span // step, -1, -1))


def open_dates(
    dates: tuple[datetime, ...], as_of: datetime, every_days: int
) -> tuple[datetime, ...]:
    """The dates that would follow, whose horizon is not over; at least the last moment.

    Args:
        dates: From `index_dates`.
        as_of: Aware instant as of which outcomes are known.
        every_days: Days between dates, where there is only one.
    """
    step = dates[-1] - dates[-2] if len(dates) > 1 else timedelta(days=every_days)
    count = int((as_of - dates[-1]) / step)
    return tuple(dates[-1] + step * ahead for ahead in range(1, count + 1)) or (as_of,)
