"""`make bench`: how fast each part of the line is, in one run, on one simulated product.

Prints a table with seconds, rates and each step's share of the whole. Runs in a temporary home, so
it changes nothing. The time from event to alert is measured by `make demo`, on the real daemon.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pql_platform.demo.live import live_sessions, stamp
from pql_platform.demo.main_job import PROGRAM
from pql_platform.demo.simulator import write_history
from pql_platform.intake.files import take_in, take_in_records
from pql_platform.settings import Settings, load_settings
from pql_platform.warehouse.building import build
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.loading import load_inbox
from pql_platform.warehouse.rescoring import rescore


class Lap:
    """Seconds by step, in the order in which they were taken."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def take(self, step: str) -> Iterator[None]:
        """Time the block."""
        started = time.perf_counter()
        yield
        self.seconds[step] = time.perf_counter() - started


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--accounts", type=int, default=2000)
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--passes", type=int, default=10, help="live rescorings to time")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["PQL_HOME"], os.environ["PQL_PROGRAMS"] = home, str(PROGRAM)
        settings = load_settings()
        settings.prepare_home()
        lap = Lap()
        events = _batch(settings, lap, arguments)
        live = _live(settings, arguments)
    _print(events, lap, live)


def _batch(settings: Settings, lap: Lap, arguments: argparse.Namespace) -> int:
    now = datetime.now(UTC).replace(microsecond=0)
    path = Path(settings.home) / "events.ndjson"
    with lap.take("simulate and write"):
        history = write_history(
            path,
            accounts=arguments.accounts,
            days=arguments.days,
            seed=arguments.seed,
            end=now,
        )
    with lap.take("take in"):
        take_in(path, settings.inbox, now=now)
    with lap.take("load"), open_warehouse(settings) as connection:
        load_inbox(connection, settings, now)
    with lap.take("build with SQLMesh, first"):
        build(settings, now)
    with lap.take("build with SQLMesh, again"):
        build(settings, now)
    return history.lines


def _live(settings: Settings, arguments: argparse.Namespace) -> list[float]:
    """Seconds from a session's file in the inbox to its scores, one per pass."""
    sessions = live_sessions(
        seed=arguments.seed,
        accounts=arguments.accounts,
        days=arguments.days,
        end=datetime.now(UTC),
    )
    seconds = []
    for number, session in zip(range(arguments.passes), sessions, strict=False):
        now = datetime.now(UTC)
        take_in_records(stamp(session, now), settings.inbox, now=now, label=f"live-{number}")
        started = time.perf_counter()
        with open_warehouse(settings) as connection:
            load_inbox(connection, settings, now)
            rescore(connection, datetime.now(UTC))
        seconds.append(time.perf_counter() - started)
    return seconds


def _print(events: int, lap: Lap, live: list[float]) -> None:
    total = sum(lap.seconds.values())
    table = Table("step", "seconds", "events/s", "share", title=f"{events:,} events")
    for step, seconds in lap.seconds.items():
        table.add_row(step, f"{seconds:.1f}", f"{events / seconds:,.0f}", f"{seconds / total:.0%}")
    console = Console()
    console.print(table)
    full = lap.seconds["build with SQLMesh, again"]
    median = statistics.median(live)
    console.print(
        f"Live: file to scores of the accounts touched, {len(live)} sessions: median "
        f"{median:.2f} s, slowest {max(live):.2f} s; a full build takes {full / median:.0f} times "
        "the median."
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(f"Peak memory: {peak:,.0f} MB.")


if __name__ == "__main__":
    main()
