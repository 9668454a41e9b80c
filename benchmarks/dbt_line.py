"""The same scores with dbt: the project in dbt_project/, run as its users run it, by the command.

A process of its own, for dbt keeps its database open as long as the process lives. dbt-duckdb is an
extra of the benchmarks; nothing else needs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from benchmarks.rules import lay_out, read_rules

PROJECT = Path(__file__).parent / "dbt_project"


def run_dbt(folder: Path, as_of: datetime, database: Path) -> float:
    """Score every user and account from the inbox files of a folder.

    Args:
        folder: Holds inbox files.
        as_of: Aware instant; what was known by then counts.
        database: A DuckDB file; gets the table scores (level, subject_id, score) among others.

    Returns:
        Seconds of `dbt run`, its own start included.

    Raises:
        RuntimeError: dbt failed; holds what it said.
    """
    with duckdb.connect(str(database)) as connection:
        lay_out(connection, read_rules())
    variables = {
        "files": str(folder.absolute() / "*.parquet"),
        "as_of": as_of.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" "),
    }
    with tempfile.TemporaryDirectory() as scratch:
        command = [
            *(sys.executable, "-m", "dbt.cli.main", "--no-use-colors", "run"),
            *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
            *("--target-path", scratch, "--log-path", scratch),
            *("--vars", json.dumps(variables)),
        ]
        started = time.perf_counter()
        result = subprocess.run(
            command,
            cwd=PROJECT,
            env={**os.environ, "BENCHMARK_DATABASE": str(database.absolute())},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - started
    if result.returncode != 0:
        raise RuntimeError(f"dbt failed:\n{result.stdout}{result.stderr}")
    return seconds
