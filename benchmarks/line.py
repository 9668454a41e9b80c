"""Each step of the line on one simulated product: seconds, rates and shares."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.report import publish
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


ACCOUNTS, DAYS, PASSES = 2000, 180, 10


def run(seed: int) -> None:
    """Time simulator, intake, load, builds and live passes; publish the table."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["PQL_HOME"], os.environ["PQL_PROGRAMS"] = home, str(PROGRAM)
        settings = load_settings()
        settings.prepare_home()
        lap = Lap()
        events = _batch(settings, lap, seed)
        live = _live(settings, seed)
    total = sum(lap.seconds.values())
    rows = [
        [step, f"{seconds:.1f}", f"{events / seconds:,.0f}", f"{seconds / total:.0%}"]
        for step, seconds in lap.seconds.items()
    ]
    full, median = lap.seconds["build with SQLMesh, again"], statistics.median(live)
    publish(
        "line",
        "The line, step by step",
        ("step", "seconds", "events/s", "share"),
        rows,
        f"{events:,} events of the demo product, {ACCOUNTS:,} accounts over {DAYS} days. A live "
        f"pass, from a file to the scores of the accounts touched, takes {median:.2f} s in the "
        f"median and {max(live):.2f} s at most ({len(live)} sessions); a full build takes "
        f"{full / median:.0f} times the median.",
    )


def _batch(settings: Settings, lap: Lap, seed: int) -> int:
    now = datetime.now(UTC).replace(microsecond=0)
    path = Path(settings.home) / "events.ndjson"
    with lap.take("simulate and write"):
        history = write_history(
            path,
            accounts=ACCOUNTS,
            days=DAYS,
            seed=seed,
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


def _live(settings: Settings, seed: int) -> list[float]:
    """Seconds from a session's file in the inbox to its scores, one per pass."""
    sessions = live_sessions(
        seed=seed,
        accounts=ACCOUNTS,
        days=DAYS,
        end=datetime.now(UTC),
    )
    seconds = []
    for number, session in zip(range(PASSES), sessions, strict=False):
        now = datetime.now(UTC)
        take_in_records(stamp(session, now), settings.inbox, now=now, label=f"live-{number}")
        started = time.perf_counter()
        with open_warehouse(settings) as connection:
            load_inbox(connection, settings, now)
            rescore(connection, datetime.now(UTC))
        seconds.append(time.perf_counter() - started)
    return seconds
