"""Deadlines in somebody's working time: their hours, their zone, their days off.

Pure arithmetic on a calendar that the caller brings. Moments are UTC outside and local only while a
day is laid out, so that the two days of a clock change are as long as they really are. Who works
when is `team`; which deadline a lead has is `tiering`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

LONGEST_SEARCH: Final = timedelta(days=90)
"""Who does not work for so long has no working time at all, and is timed by the clock instead."""

_DAY: Final = timedelta(days=1)
_UTC: Final = ZoneInfo("UTC")


def _never(day: date) -> bool:
    return False


@dataclass(frozen=True)
class WorkingTime:
    """When somebody works.

    Attributes:
        zone: IANA time zone of the hours.
        hours: Weekday (0 is Monday) to the local times of its beginning and end; a weekday that is
            absent is free. Empty means around the clock.
        is_off: Whether a local date is free all the same: a holiday, or time off.
    """

    zone: ZoneInfo = _UTC
    hours: Mapping[int, tuple[time, time]] = field(default_factory=dict)
    is_off: Callable[[date], bool] = _never

    def __post_init__(self) -> None:
        for weekday, (begin, end) in self.hours.items():
            if weekday not in range(7) or begin >= end:
                raise ValueError(f"weekday {weekday} has no working time from {begin} to {end}")

    @property
    def around_the_clock(self) -> bool:
        """Whether every moment counts."""
        return not self.hours

    @property
    def day(self) -> timedelta:
        """The length of one working day: the mean over the days of a week that have one."""
        if self.around_the_clock:
            return _DAY
        lengths = [_length(begin, end) for begin, end in self.hours.values()]
        return sum(lengths, timedelta(0)) / len(lengths)

    def deadline(self, start: datetime, within: timedelta) -> datetime:
        """The moment at which `within` of working time has passed since `start`.

        Each whole day of `within` is one working day, so that 24 h asked on Friday at 15:00 end on
        Monday at 15:00; what is left over is hours of work, and at most one more working day. Never
        before `start`, never earlier for a later start or a longer `within`. Where nobody works for
        90 days the clock counts from there on: a deadline that comes too early is seen, one that
        never comes is not.

        Args:
            start: Aware moment.
            within: Above zero.

        Returns:
            Aware UTC moment.

        Raises:
            ValueError: `start` is naive, or `within` is not above zero.
        """
        return self._passed(start, within, parts=1)

    def halfway(self, start: datetime, within: timedelta) -> datetime:
        """The moment at which half of the working time from `start` to the deadline has passed.

        Not the deadline of half of `within`: half of 24 h is half a working day, and no 12 h.

        Args:
            start: Aware moment.
            within: Above zero.

        Returns:
            Aware UTC moment, before the deadline.

        Raises:
            ValueError: `start` is naive, or `within` is not above zero.
        """
        return self._passed(start, within, parts=2)

    def _passed(self, start: datetime, within: timedelta, parts: int) -> datetime:
        """When one of so many equal parts of the working time of `within` has passed."""
        if start.utcoffset() is None or within <= timedelta(0):
            raise ValueError(f"no deadline {within} after {start}")
        start = last = start.astimezone(UTC)
        if self.around_the_clock:
            return start + within / parts
        work = left = self._work(within) / parts
        for begin, end in self._stretches(start):
            begin, last = max(begin, start), end
            if end - begin >= left:
                return begin + left
            left -= end - begin
        # In parts of `within`, or somebody who leaves halfway would gain time by it.
        return last + within / parts * (left / work)

    def _work(self, within: timedelta) -> timedelta:
        days, rest = divmod(within, _DAY)
        return days * self.day + min(rest, self.day)

    def is_free_day(self, moment: datetime) -> bool:
        """Whether the local date of a moment is off: holiday or time off, not a mere weekend."""
        return self.is_off(moment.astimezone(self.zone).date())

    def _stretches(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The stretches of work that end after `start`, in UTC, until none comes for 90 days."""
        day, last = start.astimezone(self.zone).date() - _DAY, start
        while datetime.combine(day, time.min, UTC) <= last + LONGEST_SEARCH:
            stretch = self._stretch(day)
            if stretch is not None and stretch[1] > start:
                last = stretch[1]
                yield stretch
            day += _DAY

    def _stretch(self, day: date) -> tuple[datetime, datetime] | None:
        hours = self.hours.get(day.weekday())
        if hours is None or self.is_off(day):
            return None
        begin, end = (datetime.combine(day, at, self.zone).astimezone(UTC) for at in hours)
        # An hour that a clock change skips can leave nothing of a very short stretch.
        return (begin, end) if begin < end else None


def _length(begin: time, end: time) -> timedelta:
    return datetime.combine(date.min, end) - datetime.combine(date.min, begin)
