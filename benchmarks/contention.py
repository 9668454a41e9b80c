"""What a micro-batch costs while everything is rebuilt beside it.

A rebuild and the live path want the same warehouse, and one of them has it at a time. Measures the
seconds from a file in the inbox to stored scores, first with the warehouse to itself, then with a
full build in a process of its own, and proves afterwards that nothing was lost or computed wrong.
"""

from __future__ import annotations

import multiprocessing
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.synchronize import Event
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pql_platform.settings import Settings
from pql_platform.warehouse.building import build
from pql_platform.warehouse.comparison import compare_with_rebuilt
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.loading import load_inbox, unaccounted_loads, waiting_files
from pql_platform.warehouse.rescoring import rescore

PutBatch = Callable[[int, datetime], Sequence[Path]]
"""Puts micro-batch number n into the inbox as of an instant, and says which files it is."""


@dataclass(frozen=True)
class Contention:
    """Seconds per micro-batch and per rebuild, alone and together.

    Attributes:
        alone: File in the inbox to stored scores, with nobody else at work, one per batch.
        contended: The same for batches that arrived while a rebuild ran.
        rebuild_alone: A full build with no batches beside it.
        rebuild_contended: The one that ran meanwhile.
        lost: Files left over, and files of which not every record has a fate; a count.
        differing: Accounts whose stored rows are not those of a rebuild; a count.
    """

    alone: tuple[float, ...]
    contended: tuple[float, ...]
    rebuild_alone: float
    rebuild_contended: float
    lost: int
    differing: int


def measure_contention(
    settings: Settings,
    put_batch: PutBatch,
    *,
    batches: int = 10,
    every_seconds: float = 1.0,
) -> Contention:
    """Measure on a deployed warehouse, which it changes.

    Args:
        settings: The installation; its inbox is empty.
        put_batch: Where micro-batches come from.
        batches: How many to measure alone; with the rebuild, as many as arrive while it runs.
        every_seconds: From one arrival to the next.

    Raises:
        RuntimeError: The rebuild failed.
    """
    started = time.perf_counter()
    build(settings, datetime.now(UTC))
    rebuild_alone = time.perf_counter() - started
    line = _Line(settings, put_batch)
    for _ in range(batches):
        line.arrive()
        line.make_pass()
    alone = line.take_seconds()
    rebuild_contended = _rebuild_beside(line, every_seconds)
    with open_warehouse(settings) as connection:
        lost = len(waiting_files(settings)) + len(unaccounted_loads(connection))
        differing = compare_with_rebuilt(connection, turn=0).differing
    return Contention(alone, line.take_seconds(), rebuild_alone, rebuild_contended, lost, differing)


def print_contention(found: Contention) -> None:
    """Print both situations as a table."""
    table = Table("", "batches", "median", "p95", "slowest", "rebuild", title="Contention, seconds")
    for name, seconds, rebuild in (
        ("alone", found.alone, found.rebuild_alone),
        ("with a rebuild", found.contended, found.rebuild_contended),
    ):
        ordered = sorted(seconds)
        table.add_row(
            name,
            f"{len(ordered)}",
            f"{statistics.median(ordered):.2f}",
            f"{ordered[int(0.95 * (len(ordered) - 1))]:.2f}",
            f"{ordered[-1]:.2f}",
            f"{rebuild:.1f}",
        )
    console = Console()
    console.print(table)
    console.print(f"{found.lost} files lost, {found.differing} accounts differ from a rebuild.")


class _Line:
    """Micro-batches on their way from the inbox to scores, and how long each took."""

    def __init__(self, settings: Settings, put_batch: PutBatch) -> None:
        self.settings = settings
        self._put_batch = put_batch
        self._number = 0
        self._arrived: dict[Path, float] = {}
        self._seconds: list[float] = []

    def arrive(self) -> None:
        """Put the next batch into the inbox."""
        paths = self._put_batch(self._number, datetime.now(UTC))
        self._number += 1
        self._arrived |= dict.fromkeys(paths, time.perf_counter())

    def make_pass(self) -> None:
        """Load and score what waits, as a live pass does."""
        with open_warehouse(self.settings) as connection:
            load_inbox(connection, self.settings, datetime.now(UTC))
            done = [path for path in list(self._arrived) if not path.exists()]
            rescore(connection, datetime.now(UTC))
        for path in done:
            self._seconds.append(time.perf_counter() - self._arrived.pop(path))

    @property
    def waits(self) -> bool:
        """Whether a batch has arrived that is not scored."""
        return bool(self._arrived)

    def take_seconds(self) -> tuple[float, ...]:
        """Return the seconds of the batches scored since this was last asked."""
        taken, self._seconds = tuple(self._seconds), []
        return taken


def _rebuild_beside(line: _Line, every_seconds: float) -> float:
    """Let batches arrive and be scored while another process rebuilds; return its seconds."""
    spawn = multiprocessing.get_context("spawn")
    begun, process_over = spawn.Event(), threading.Event()
    process = spawn.Process(target=_rebuild, args=(line.settings, begun))
    process.start()
    begun.wait(timeout=120)
    started = time.perf_counter()

    def keep_arriving() -> None:
        while not process_over.is_set():
            line.arrive()
            process_over.wait(every_seconds)

    arrivals = threading.Thread(target=keep_arriving)
    arrivals.start()
    ended = 0.0
    while process.is_alive() or line.waits or arrivals.is_alive():
        if not process.is_alive() and not process_over.is_set():
            ended = time.perf_counter()
            process_over.set()
            arrivals.join()
        if line.waits:
            line.make_pass()
        else:
            time.sleep(0.02)
    process.join()
    if process.exitcode != 0:
        raise RuntimeError(f"the rebuild ended with exit code {process.exitcode}")
    return ended - started


def _rebuild(settings: Settings, begun: Event) -> None:
    begun.set()
    build(settings, datetime.now(UTC))
