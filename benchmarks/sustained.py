"""Events arriving for minutes while Dagster serves: how long until each can be read as a score.

One inbox file a second, renamed into place as the intake does it, and the serving copy watched as a
reader sees it. Builds no history: the home that it is given has one. Alerts go where the settings
say, so to files in the home while no Slack token is set.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import fmean

import numpy as np
import psutil

from benchmarks.dataset import write_micro_batch
from pql_platform.errors import PqlError
from pql_platform.serve import free_port, serving
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_serving
from pql_platform.warehouse.loading import waiting_files

ACCOUNTS_A_SECOND = 100
CROWDS = 10
"""Ten crowds take turns, so that only they are at work: if every account were, more would qualify
than the platform believes, and it would rightly stop."""

LOOK_SECONDS = 0.05
SAMPLE_SECONDS = 5.0

PATIENCE_SECONDS = 120.0
"""How long the first file (Dagster starts and catches up) and the last ones may take."""


@dataclass(frozen=True)
class Sustained:
    """What came of it: latencies in seconds, memory in MB, backlog in files.

    Attributes:
        seconds: For how long events arrived.
        events: Events written.
        p50: Half of the files were readable as scores so soon after they appeared; p95, p99 alike.
        lost: Events that were not in the warehouse, or not in the scores, at the end.
        backlog: Mean of the files waiting, in the first and in the last third of the time.
        memory: Mean memory of Dagster and its children, in the first and in the last third.
        latencies: Of each file that was scored, in the order of arrival.
    """

    seconds: float
    events: int
    p50: float
    p95: float
    p99: float
    lost: int
    backlog: tuple[float, float]
    memory: tuple[float, float]
    latencies: tuple[float, ...]


def sustain(
    settings: Settings,
    *,
    rate: int,
    minutes: float,
    accounts: int,
    seed: int,
    touched: int = ACCOUNTS_A_SECOND,
) -> Sustained:
    """Serve an installation, write events to its inbox, and time them.

    Args:
        settings: A home whose warehouse holds the data set, scored.
        rate: Events a second, in one file.
        minutes: For how long.
        accounts: Accounts of the data set.
        seed: That of the data set.
        touched: Accounts to which the events of one second belong; ten times as many in all, which
            should be no more than a twentieth of the accounts.

    Raises:
        PqlError: Dagster does not start, or does not score the first file.
    """
    feed = Feed(settings, rate, touched, accounts, seed)
    reader, samples = Reader(settings), Samples(settings)
    with serving(settings, free_port(0)) as server, ThreadPoolExecutor(1) as pool:
        feed.send(datetime.now(UTC))
        reader.wait_for(feed)
        if reader.missing(feed):
            raise PqlError(
                f"The first events were not scored within {PATIENCE_SECONDS:.0f} s",
                file=settings.home / "dagster.log",
                hint="The end of this file says why",
            )
        feed.written.clear()
        seconds = pool.submit(feed.run, round(minutes * 60))
        while not seconds.done():
            reader.look()
            samples.look(psutil.Process(server.pid))
            time.sleep(LOOK_SECONDS)
        reader.wait_for(feed)
    return sum_up(feed, seconds.result(), reader, samples)


@dataclass
class Feed:
    """Writes files to the inbox; `written` says when each appeared, on the monotonic clock."""

    settings: Settings
    rate: int
    touched: int
    accounts: int
    seed: int
    written: dict[str, float] = field(default_factory=dict)

    def run(self, files: int) -> float:
        """Send a file at the end of each second, and return how many seconds it took."""
        started, clock = time.monotonic(), datetime.now(UTC)
        for number in range(1, files + 1):
            self.send(clock + timedelta(seconds=number), started + number)
        return time.monotonic() - started

    def send(self, at: datetime, due: float = 0.0) -> None:
        """Write the events of the second before `at`, and let them appear when they are due."""
        moment = round(at.timestamp())  # makes the message ids, so that a second trial repeats none
        path = write_micro_batch(
            self.settings.home / "spool",
            self.rate,
            self.touched,
            at,
            self.seed,
            moment,
            accounts=self.accounts,
            crowd=moment % CROWDS,
        )
        time.sleep(max(due - time.monotonic(), 0.0))
        self.written[path.name] = time.monotonic()
        path.replace(self.settings.inbox / path.name)


class Reader:
    """Looks at the serving copy whenever it is a new one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._copy: tuple[int, int] | None = None
        self.readable: dict[str, float] = {}
        """When each file was first found in the scores, on the monotonic clock."""
        self.stored: dict[str, int] = {}
        """How many of its events the warehouse holds."""

    def look(self) -> None:
        """Note which files the scores of the copy cover by now."""
        try:
            found = self._settings.serving.stat()
        except FileNotFoundError:
            return
        copy = (found.st_ino, found.st_mtime_ns)  # the number of a file that is gone is used again
        if copy == self._copy:
            return
        self._copy = copy
        with open_serving(self._settings) as connection:
            # Loaded is not enough: a later step may have loaded it after the scores were made.
            rows = connection.execute(
                """
                SELECT inbox_file, stored FROM raw.loads
                WHERE load_id <= (SELECT MAX(load_id) FROM ops.rescored)
                """
            ).fetchall()
        now = time.monotonic()
        for name, stored in rows:
            self.readable.setdefault(name, now)
            self.stored[name] = stored

    def wait_for(self, feed: Feed) -> None:
        """Look until all that was written is readable, or patience ends."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.missing(feed) and time.monotonic() < deadline:
            self.look()
            time.sleep(LOOK_SECONDS)

    def missing(self, feed: Feed) -> set[str]:
        """The files that were written and are not readable yet."""
        return feed.written.keys() - self.readable.keys()


class Samples:
    """The backlog in files and the memory in MB, looked at every few seconds."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._due = 0.0
        self.backlog: list[float] = []
        self.memory: list[float] = []

    def look(self, server: psutil.Process) -> None:
        """Take a sample when one is due."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + SAMPLE_SECONDS
        self.backlog.append(len(waiting_files(self._settings)))
        total = 0
        for process in (server, *server.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # a run may end between the two looks
                total += process.memory_info().rss
        self.memory.append(total / 2**20)


def sum_up(feed: Feed, seconds: float, reader: Reader, samples: Samples) -> Sustained:
    """Compare what was written with what could be read."""
    events = feed.rate * len(feed.written)
    latencies = [
        reader.readable[name] - at for name, at in feed.written.items() if name in reader.readable
    ]
    p50, p95, p99 = np.percentile(latencies, [50, 95, 99]) if latencies else [np.nan] * 3
    return Sustained(
        seconds=seconds,
        events=events,
        p50=float(p50),
        p95=float(p95),
        p99=float(p99),
        lost=events - sum(reader.stored.get(name, 0) for name in feed.written),
        backlog=_ends(samples.backlog),
        memory=_ends(samples.memory),
        latencies=tuple(latencies),
    )


def _ends(samples: Sequence[float]) -> tuple[float, float]:
    """The means of the first and of the last third."""
    third = max(len(samples) // 3, 1)
    return fmean(samples[:third]), fmean(samples[-third:])
