"""The platform itself on the benchmark's files: loading, ordering, rebuilding, micro-batches."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa

from benchmarks.dataset import write_micro_batch
from benchmarks.scores import SCHEMA
from pql_platform.demo.main_job import PROGRAM
from pql_platform.settings import Settings, load_settings
from pql_platform.warehouse.building import build
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.loading import load_inbox
from pql_platform.warehouse.ordering import keep_in_order
from pql_platform.warehouse.rescoring import rescore

WARM_UP = 2
"""Micro-batches that are not counted: the first ones read the files into the page cache."""


def settings_of(home: Path, memory_limit: str | None = None) -> Settings:
    """The settings of an installation in `home` with the demo's program."""
    os.environ["PQL_HOME"], os.environ["PQL_PROGRAMS"] = str(home), str(PROGRAM)
    settings = load_settings().model_copy(update={"memory_limit": memory_limit})
    settings.prepare_home()
    return settings


def fill(folder: Path, as_of: datetime, home: Path, memory_limit: str | None) -> dict[str, float]:
    """Load the files of a folder, put them in order and rebuild; return the seconds of each."""
    shutil.rmtree(home, ignore_errors=True)
    settings = settings_of(home, memory_limit)
    for path in sorted(folder.glob("*.parquet")):
        os.link(path, settings.inbox / path.name)
    seconds: dict[str, float] = {}
    with open_warehouse(settings) as connection:
        with _lap(seconds, "load"):
            load_inbox(connection, settings, as_of)
        with _lap(seconds, "put in order"):
            keep_in_order(connection)
    import sqlmesh  # noqa: F401 - as Polars was imported before its clock started

    with _lap(seconds, "rebuild"):
        build(settings, as_of)
    return seconds


def scores(home: Path) -> pa.Table:
    """The scores that stand in the warehouse, as a score table."""
    with open_warehouse(settings_of(home)) as connection:
        found = connection.execute("SELECT level, subject_id, score FROM scores.composites")
        return found.to_arrow_table().cast(SCHEMA)


def micro_batches(
    home: Path,
    as_of: datetime,
    *,
    accounts: int,
    touched: int,
    events: int,
    batches: int,
    first: int,
    seed: int,
) -> list[MicroBatch]:
    """Time batches from a complete file in the inbox to the scores of the accounts it touches.

    Args:
        home: A filled installation.
        as_of: The clock up to which it is scored; batches follow it by five minutes each.
        accounts: Accounts of the data set.
        touched: Accounts that a batch touches.
        events: Events of a batch.
        batches: How many are timed.
        first: Number of the first batch; each number once per home.
        seed: That of the data set.
    """
    settings = settings_of(home)
    batches_taken = []
    for number in range(first, first + WARM_UP + batches):
        at = as_of + timedelta(seconds=30 * (number + 1))
        write_micro_batch(settings.inbox, events, touched, at, seed, number, accounts=accounts)
        started = time.perf_counter()
        with open_warehouse(settings, checkpoint=False) as connection:
            load_inbox(connection, settings, at)
            rescored = rescore(connection, at)
        scored = time.perf_counter()
        with open_warehouse(settings):
            pass  # what the step after the scores does when it closes the file
        batches_taken.append(MicroBatch(scored - started, time.perf_counter() - scored))
        assert rescored.scope == "touched", rescored
    return batches_taken[WARM_UP:]


@dataclass(frozen=True)
class MicroBatch:
    """Seconds until the scores are stored and the file is closed, and of the checkpoint after."""

    seconds: float
    checkpoint: float


@contextmanager
def _lap(seconds: dict[str, float], step: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[step] = time.perf_counter() - started
