"""How long one calibration takes on a large product, and how much memory.

The data set is that of the other benchmarks. Making, loading and scoring it is not part of a
calibration and is not timed. Whether the result is any good is asked of `worlds`.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.dataset import DAYS, write_dataset
from benchmarks.measured import Measured, measured
from benchmarks.platform_line import fill, settings_of
from benchmarks.worlds_evaluation import Laps, calibrate
from pql_platform.demo.main_job import PROGRAM
from pql_platform.program.load import load_program
from pql_platform.warehouse.connection import open_warehouse

EVENTS, ACCOUNTS = 10_000_000, 100_000
"""Issue 4: in under 2 minutes and 4 GB."""

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)


def measure_large(folder: Path, events: int, accounts: int, seed: int) -> Measured[Laps]:
    """Time one calibration, in a process of its own.

    Args:
        folder: For files and warehouse.
        events: Events of the data set.
        accounts: Its accounts.
        seed: Of the data.
    """
    home = folder / "home"
    write_dataset(folder / "files", events, accounts, DAYS, seed, AS_OF)
    measured(_fill, folder / "files", home)
    return measured(calibrate_home, home)


def draw_no_bars() -> None:
    """Let nothing of this process appear on standard output.

    DuckDB takes a spawned process for an interactive one, and draws progress bars there.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def calibrate_home(home: Path) -> Laps:
    """Calibrate a filled installation of the demo's program; the time of each step."""
    draw_no_bars()
    laps = Laps()
    with open_warehouse(settings_of(home)) as connection:
        calibrate(connection, load_program(PROGRAM).program, AS_OF, laps)
    return laps


def _fill(files: Path, home: Path) -> None:
    draw_no_bars()
    fill(files, AS_OF, home, None)
