"""The time of a campaign, shared by all its processes, and faster than that of the wall.

Leases, settle times, pauses and backoff all follow the clock that a drain is given, so that they
keep their proportions and the product runs as it is. There are two ways to be faster. Either time
runs `factor` times as fast: then whatever belongs to the other side (how long a client waits, how
late Slack posts) is divided by the same factor. Or idle time is skipped, and only while nobody
sends: then what happens during a send takes as long as it takes.
"""

from __future__ import annotations

import multiprocessing
import time
from ctypes import c_double
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


def _nothing_skipped() -> c_double:
    # Without a lock, which a killed process would keep for ever; only one process at a time skips.
    shared: c_double = multiprocessing.Value("d", 0.0, lock=False)
    return shared


@dataclass(frozen=True)
class Clock:
    """Begins now; processes forked later share it.

    Attributes:
        factor: Seconds of the campaign per second of the wall.
        skips: Whether `sleep` skips the time instead of waiting for it.
    """

    factor: float = 1.0
    skips: bool = False
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    _began: float = field(default_factory=time.monotonic)
    _skipped: c_double = field(default_factory=_nothing_skipped)

    def __call__(self) -> datetime:
        """The moment."""
        return self.began + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Seconds of the campaign since its beginning."""
        return self.factor * (time.monotonic() - self._began) + self._skipped.value

    def sleep(self, seconds: float) -> None:
        """Let seconds of the campaign pass."""
        if self.skips:
            self.skip(seconds)
        else:
            time.sleep(seconds / self.factor)

    def skip(self, seconds: float) -> None:
        """Let seconds of the campaign pass at once; nobody may be sending."""
        self._skipped.value += seconds
