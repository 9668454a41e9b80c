"""Score tables, and where two of them differ: a benchmark of unlike results says nothing.

A score table is an Arrow table of `SCHEMA`, one row per user and account. Who computed it is not
known here.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa

SCHEMA = pa.schema(
    [("level", pa.string()), ("subject_id", pa.string()), ("score", pa.decimal128(9, 2))]
)


def read_scores(database: Path, table: str = "scores") -> pa.Table:
    """Read the score table that was left in a DuckDB file."""
    with duckdb.connect(str(database), read_only=True) as connection:
        found = connection.table(table).select("level", "subject_id", "score").to_arrow_table()
    return found.cast(SCHEMA)


def differences(a: pa.Table, b: pa.Table) -> list[tuple[str, str, Decimal | None, Decimal | None]]:
    """Return (level, subject_id, score in a, score in b) where they are not exactly equal.

    Who is missing from one of them has None there; a row that stands twice differs from one that
    stands once.
    """
    with duckdb.connect() as connection:
        connection.register("table_a", a)
        connection.register("table_b", b)
        return connection.execute(
            """
            WITH a AS (
              SELECT *, ROW_NUMBER() OVER (PARTITION BY level, subject_id) AS copy FROM table_a
            ), b AS (
              SELECT *, ROW_NUMBER() OVER (PARTITION BY level, subject_id) AS copy FROM table_b
            )
            SELECT level, subject_id, a.score, b.score
            FROM a FULL JOIN b USING (level, subject_id, copy)
            WHERE a.score IS DISTINCT FROM b.score
            ORDER BY level, subject_id
            """
        ).fetchall()
