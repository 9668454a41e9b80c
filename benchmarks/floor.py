"""The floor: the least work that DuckDB needs from the inbox files to the same scores.

Runs floor.sql and times its steps. No audits, no history, no facts, no identities beyond those of
the data set; what the platform is measured against, not a second implementation to be used.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from benchmarks.rules import lay_out, read_rules

_SCRIPT = Path(__file__).with_suffix(".sql")
_TABLE = re.compile(r"CREATE (?:TEMP )?TABLE (\w+)")


def floor(folder: Path, as_of: datetime, database: Path) -> dict[str, float]:
    """Score every user and account from the inbox files of a folder.

    Args:
        folder: Holds inbox files.
        as_of: Aware instant; what was known by then counts.
        database: A DuckDB file; gets the table scores (level, subject_id, score).

    Returns:
        Seconds by step, in order.
    """
    seconds: dict[str, float] = {}
    with duckdb.connect(str(database)) as connection:
        # The order of files and rows means nothing here; keeping it would cost memory.
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("SET VARIABLE files = ?", [str(folder / "*.parquet")])
        connection.execute("SET VARIABLE as_of = ?", [as_of.astimezone(UTC).replace(tzinfo=None)])
        lay_out(connection, read_rules())
        for statement in duckdb.extract_statements(_SCRIPT.read_text(encoding="utf-8")):
            [step] = _TABLE.findall(statement.query)
            started = time.perf_counter()
            connection.execute(statement)
            seconds[step] = time.perf_counter() - started
    return seconds
