"""When the simulated customers work: the time span, the week, the hours, the time zones.

Everything is an array of UTC milliseconds since 1970 once it leaves this module; local wall-clock
time exists only in here. Who the people are is in `population`, what they do is in `behaviour`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from pql_platform.errors import PqlError

SECOND_MS = 1_000
HOUR_MS = 3_600 * SECOND_MS
DAY_MS = 24 * HOUR_MS

LONGEST_DAYS = 1_830
"""Five years: people are held against days, so that memory grows with the days."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Place:
    """A country and time zone, with its share of the accounts."""

    country: str
    zone: str
    share: float


PLACES = (
    Place("US", "America/New_York", 0.18),
    Place("US", "America/Chicago", 0.08),
    Place("US", "America/Los_Angeles", 0.12),
    Place("GB", "Europe/London", 0.12),
    Place("DE", "Europe/Berlin", 0.11),
    Place("FR", "Europe/Paris", 0.07),
    Place("NL", "Europe/Amsterdam", 0.05),
    Place("SE", "Europe/Stockholm", 0.04),
    Place("IN", "Asia/Kolkata", 0.08),
    Place("BR", "America/Sao_Paulo", 0.05),
    Place("AU", "Australia/Sydney", 0.04),
    Place("JP", "Asia/Tokyo", 0.03),
    Place("SG", "Asia/Singapore", 0.03),
)

# Relative activity from Monday to Sunday: people at work, and people on their own account.
WEEKS = np.array(
    [
        [1.00, 1.08, 1.10, 1.05, 0.82, 0.10, 0.08],
        [0.95, 0.95, 0.95, 1.00, 0.90, 0.80, 0.85],
    ]
)
OFFICE, PRIVATE = 0, 1

_HOURS_MEAN = np.array([10.2, 14.7, 19.5])
_HOURS_SPREAD = np.array([1.2, 1.6, 1.4])
_HOURS_SHARE = (0.47, 0.46, 0.07)
_EARLIEST_HOUR, _LATEST_HOUR = 6.5, 23.0


@dataclass(frozen=True)
class Window:
    """The simulated span of time, with one row per UTC day that it touches.

    Attributes:
        start_ms: First instant, inclusive.
        end_ms: Last instant, exclusive: nothing happens or is received at or after it.
        midnights: UTC midnight of each day, shape (days,).
        weekdays: 0 for Monday, shape (days,).
        offsets: Milliseconds that local time is ahead of UTC, shape (places, days).
    """

    start_ms: int
    end_ms: int
    midnights: Ints
    weekdays: Ints
    offsets: Ints

    def day_of(self, at_ms: Ints) -> Ints:
        """Row of the UTC day that holds each instant; may lie outside the window."""
        day: Ints = (at_ms - self.midnights[0]) // DAY_MS
        return day

    def to_utc(self, day: Ints, local_ms: Ints, place: Ints) -> Ints:
        """Instants of a local time of day (milliseconds after midnight) on a given day."""
        at_ms: Ints = self.midnights[day] + local_ms - self.offsets[place, day]
        return at_ms


def open_window(days: int, end: datetime) -> Window:
    """Lay out the `days` days before `end`.

    Raises:
        PqlError: `days` is out of range, or `end` has no time zone.
    """
    if not 1 <= days <= LONGEST_DAYS:
        raise PqlError(
            f"{days} days cannot be simulated",
            field="days",
            hint=f"Ask for 1 to {LONGEST_DAYS:,}",
        )
    if end.tzinfo is None:
        raise PqlError("the end has no time zone", field="end", hint="Give it in UTC")
    end = end.astimezone(UTC)
    start = end - timedelta(days=days)
    first = start.replace(hour=0, minute=0, second=0, microsecond=0)
    dates = [first + timedelta(days=day) for day in range((end - first).days + 1)]
    # Summer time is read at local noon: nobody here works in the hour that a clock change moves.
    offsets = [
        [_offset_ms(date.replace(hour=12, tzinfo=ZoneInfo(place.zone))) for date in dates]
        for place in PLACES
    ]
    return Window(
        start_ms=to_ms(start),
        end_ms=to_ms(end),
        midnights=np.array([to_ms(date) for date in dates], dtype=np.int64),
        weekdays=np.array([date.weekday() for date in dates], dtype=np.int64),
        offsets=np.array(offsets, dtype=np.int64),
    )


def draw_local_ms(rng: np.random.Generator, count: int) -> Ints:
    """Local times of day at which a session starts, in milliseconds after midnight."""
    part = rng.choice(len(_HOURS_SHARE), size=count, p=_HOURS_SHARE)
    hours = rng.normal(_HOURS_MEAN[part], _HOURS_SPREAD[part])
    return (np.clip(hours, _EARLIEST_HOUR, _LATEST_HOUR) * HOUR_MS).astype(np.int64)


def next_working_time(rng: np.random.Generator, window: Window, at_ms: Ints, place: Ints) -> Ints:
    """A time of the local working day after each instant; near the end, the instant itself."""
    day = window.day_of(at_ms) + 1
    # One more day of slack, because local mornings far west fall on the next UTC day.
    inside = day + 1 < len(window.midnights)
    moved = window.to_utc(np.where(inside, day, 0), draw_local_ms(rng, len(at_ms)), place)
    return np.where(inside & (moved > at_ms), moved, at_ms)


def to_ms(moment: datetime) -> int:
    """Whole milliseconds since 1970."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def from_ms(at_ms: int) -> datetime:
    """The UTC datetime of whole milliseconds since 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)


def _offset_ms(noon: datetime) -> int:
    offset = noon.utcoffset() or timedelta()
    return offset // timedelta(milliseconds=1)
