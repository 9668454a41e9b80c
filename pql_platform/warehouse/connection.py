"""How the warehouse file is opened: one process at a time, briefly, and always closed.

A process that has a DuckDB file open blocks every other one, readers too (measured on 1.5), so the
file is guarded by an operating-system lock whose holder is named. Readers use the serving copy.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from pql_platform.errors import PqlError
from pql_platform.settings import Settings

LOCK_WAIT_SECONDS = 120.0
"""How long a step waits for the other writer: longer than any micro-batch, shorter than a run's
maximum, so that a stuck holder becomes a failure that names it."""


@contextmanager
def warehouse_lock(home: Path, wait_seconds: float = LOCK_WAIT_SECONDS) -> Iterator[None]:
    """Hold the right to open the warehouse file.

    Raises:
        PqlError: Another process still holds it after `wait_seconds`; names its process id.
    """
    holder = home / "warehouse.holder"
    lock = FileLock(home / "warehouse.lock", mode=0o600)
    # Whoever waits for the warehouse holds the turn meanwhile. Without it, one who lets go and at
    # once asks again is always first: passes back to back kept a rebuild out for 120 s (measured).
    turn = FileLock(home / "warehouse.turn", mode=0o600)
    deadline = time.monotonic() + wait_seconds
    try:
        with turn.acquire(timeout=wait_seconds):
            lock.acquire(timeout=max(deadline - time.monotonic(), 0))
    except Timeout as error:
        pid = holder.read_text(encoding="utf-8").strip() if holder.exists() else "unknown"
        raise PqlError(
            f"Another run is in progress (process {pid}) and holds the warehouse",
            hint="Wait for it to end, or stop that process; nothing was lost",
        ) from error
    try:
        holder.write_text(str(os.getpid()), encoding="utf-8")
        yield
    finally:
        lock.release()


@contextmanager
def open_warehouse(
    settings: Settings, wait_seconds: float = LOCK_WAIT_SECONDS, *, checkpoint: bool = True
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse for writing, with no access to anything outside PQL_HOME.

    Args:
        settings: Where it is.
        wait_seconds: How long to wait for the other writer.
        checkpoint: Whether closing writes what was committed from the log into the file. A step on
            the alert path leaves that to the next one that writes: it takes 0.3 to 0.9 s over ten
            million messages, and reading the log back takes 0.1 s (measured). What was committed
            is on disk either way.

    Raises:
        PqlError: The lock was not free in time, or the file cannot be opened.
    """
    with warehouse_lock(settings.home, wait_seconds), open_held_warehouse(settings) as connection:
        if not checkpoint:
            connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        yield connection


@contextmanager
def open_held_warehouse(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse for whoever holds its lock already, for work in several steps.

    Raises:
        PqlError: The file cannot be opened.
    """
    connection = open_file(settings.warehouse, settings)
    try:
        yield connection
    finally:
        connection.close()


ROW_GROUP = 8192
"""Rows that are read or passed over together, where DuckDB's default is 122,880: the events of five
hundred accounts among a hundred million then lie in 4 % of the groups and not in half of them."""

SEMI_JOIN_KEYS = 2_000
"""Up to so many keys a semi-join tells the scan beneath it which row groups to pass over; with a
million the test for each row costs more than it saves (measured: twice the time of a load)."""


def attach_statement(file: Path, alias: str = "warehouse") -> str:
    """The statement that opens the warehouse file; everybody who writes it must use this one."""
    # ATTACH takes no bound parameter; the path is the operator's own, quoted as a literal.
    path = str(file).replace("'", "''")
    return f"ATTACH IF NOT EXISTS '{path}' AS {alias} (ROW_GROUP_SIZE {ROW_GROUP})"


def open_file(path: Path, settings: Settings) -> duckdb.DuckDBPyConnection:
    """Open a warehouse file for writing, confined to PQL_HOME; the caller closes it.

    Raises:
        PqlError: It cannot be opened.
    """
    try:
        connection = duckdb.connect()
        connection.execute(attach_statement(path))
        connection.execute("USE warehouse")
        connection.execute(f"SET dynamic_or_filter_threshold = {SEMI_JOIN_KEYS}")
    except duckdb.Error as error:
        raise PqlError(
            f"The warehouse cannot be opened: {str(error).splitlines()[0]}",
            file=path,
            hint="Close what has it open; if it is damaged, rebuild it from the archive as "
            "docs/operations.md says",
        ) from error
    confine(connection, settings)
    return connection


def confine(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Let SQL reach files under PQL_HOME only, and let no statement lift that again."""
    # A SET takes no bound parameter; the path is the operator's own and quoted as a literal.
    folder = str(settings.home).replace("'", "''")
    connection.execute("SET TimeZone = 'UTC'")
    if settings.memory_limit is not None:
        connection.execute(f"SET memory_limit = '{settings.memory_limit}'")
    connection.execute(f"SET temp_directory = '{folder}/spill'")
    connection.execute(f"SET allowed_directories = ['{folder}/']")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


@contextmanager
def open_serving(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published copy for reading; never waits for a writer.

    Raises:
        PqlError: Nothing was published yet.
    """
    if not settings.serving.exists():
        raise PqlError(
            "There are no scores yet", hint="Load events with `pql ingest FILE`, then `pql run`"
        )
    connection = duckdb.connect(str(settings.serving), read_only=True)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()
