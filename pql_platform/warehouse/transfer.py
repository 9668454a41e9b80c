"""Carries the raw tables from the DuckDB warehouse into the engine that computes the models.

The inbox, duplicates and quarantine are settled in DuckDB whatever the gateway; another engine gets
the outcome: new events and links, and at first the clock and the mailbox domains. A transfer
continues where the last one ended, so it serves a first move and every load after it. No number is
made here.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
from pyarrow import csv

from pql_platform.warehouse.gateways import ONE_WRITER

if TYPE_CHECKING:
    import psycopg
    from pyspark.sql import SparkSession

ROWS_AT_ONCE = 500_000
"""Rows in memory at a time: about 500 MB of events."""


@dataclass(frozen=True)
class RawTable:
    """A table that the models read, with the columns that matter there, by name and type.

    `grows_by` is the column whose values only ever grow; a table without one is written once.
    `indexes` are what the rescoring of a few accounts looks rows up by.
    """

    name: str
    columns: dict[str, str]
    grows_by: str | None = None
    indexes: tuple[str, ...] = ()


RAW_TABLES = (
    RawTable(
        "raw.events",
        {
            "message_id": "TEXT",
            "type": "TEXT",
            "event": "TEXT",
            "occurred_at": "TIMESTAMP",
            "received_at": "TIMESTAMP",
            "properties": "JSON",
            "traits": "JSON",
            "load_id": "BIGINT",
            "link_id": "BIGINT",
        },
        grows_by="load_id",
        indexes=("load_id", "link_id"),
    ),
    RawTable(
        "raw.links",
        {
            "link_id": "BIGINT",
            "user_id": "TEXT",
            "anonymous_id": "TEXT",
            "previous_id": "TEXT",
            "group_id": "TEXT",
        },
        grows_by="link_id",
        indexes=("link_id", "user_id", "anonymous_id", "previous_id", "group_id"),
    ),
    # From then on the engine that computes has a clock of its own.
    RawTable("raw.clock", {"as_of": "TIMESTAMP"}),
    RawTable("raw.personal_email_domains", {"domain": "TEXT"}),
)

_SPARK_TYPES = {
    "TEXT": "STRING",
    "JSON": "STRING",
    "TIMESTAMP": "TIMESTAMP_NTZ",
    "BIGINT": "BIGINT",
}


def to_postgres(source: duckdb.DuckDBPyConnection, target: psycopg.Connection) -> dict[str, int]:
    """Bring the raw tables of a Postgres warehouse up to those of `source`, in one transaction.

    Args:
        source: The DuckDB warehouse.
        target: From `gateways.open_postgres`.

    Returns:
        Rows written, by table.
    """
    with target.transaction():
        # Not between the steps of a build, which would count these messages as scored.
        target.execute("SELECT pg_advisory_xact_lock(%s)", [ONE_WRITER])
        target.execute("CREATE SCHEMA IF NOT EXISTS raw")
        return {table.name: _copy(source, target, table) for table in RAW_TABLES}


def to_spark(source: duckdb.DuckDBPyConnection, session: SparkSession) -> dict[str, int]:
    """Bring the raw tables in Spark's catalog up to those of `source`.

    Spark has no transaction over tables: after a failure, the next transfer may find a load half
    written. Drop the tables and transfer again.

    Args:
        source: The DuckDB warehouse.
        session: From `gateways.open_spark`.

    Returns:
        Rows written, by table.
    """
    session.sql("CREATE DATABASE IF NOT EXISTS raw")
    return {table.name: _append(source, session, table) for table in RAW_TABLES}


def _copy(source: duckdb.DuckDBPyConnection, target: psycopg.Connection, table: RawTable) -> int:
    # JSON is parsed once here, not at each extraction, and keeps its text.
    columns = ", ".join(f"{name} {kind}" for name, kind in table.columns.items())
    target.execute(f"CREATE TABLE IF NOT EXISTS {table.name} ({columns})".encode())
    row = target.execute(_newest(table).encode()).fetchone()
    last = row[0] if row else None
    written = 0
    with target.cursor().copy(f"COPY {table.name} FROM STDIN (FORMAT csv)".encode()) as copy:
        for batch in _batches(source, table, last):
            written += batch.num_rows
            copy.write(_as_csv(batch))
    for column in table.indexes:
        index = f"{table.name.replace('.', '_')}_by_{column}"
        target.execute(f"CREATE INDEX IF NOT EXISTS {index} ON {table.name} ({column})".encode())
    if last is None:
        # From now on autovacuum keeps the planner informed.
        target.execute(f"ANALYZE {table.name}".encode())
    return written


def _append(source: duckdb.DuckDBPyConnection, session: SparkSession, table: RawTable) -> int:
    schema = ", ".join(f"{name} {_SPARK_TYPES[kind]}" for name, kind in table.columns.items())
    if not session.catalog.tableExists(table.name):
        session.sql(f"CREATE TABLE {table.name} ({schema}) USING parquet")
    row = session.sql(_newest(table)).first()
    last = row[0] if row else None
    written = 0
    for batch in _batches(source, table, last):
        written += batch.num_rows
        frame = session.createDataFrame(pa.Table.from_batches([batch]), schema=schema)
        frame.write.insertInto(table.name)
    return written


def _newest(table: RawTable) -> str:
    """The query of how far the target has come; NULL while it is empty."""
    column = table.grows_by or next(iter(table.columns))
    return f"SELECT MAX({column}) FROM {table.name}"  # noqa: S608 - names of this module


def _batches(
    source: duckdb.DuckDBPyConnection, table: RawTable, last: object
) -> Iterator[pa.RecordBatch]:
    """The rows that the target does not have: all, or those after `last`."""
    if table.grows_by is None and last is not None:
        return
    query = f"SELECT {', '.join(table.columns)} FROM {table.name}"  # noqa: S608 - names of this module
    if last is None:
        found = source.execute(query)
    else:
        found = source.execute(f"{query} WHERE {table.grows_by} > ?", [last])
    yield from found.to_arrow_reader(ROWS_AT_ONCE)


def _as_csv(batch: pa.RecordBatch) -> bytes:
    """CSV in which every text is quoted and NULL is not, which is how Postgres tells them apart."""
    buffer = io.BytesIO()
    csv.write_csv(batch, buffer, csv.WriteOptions(include_header=False))
    return buffer.getvalue()
