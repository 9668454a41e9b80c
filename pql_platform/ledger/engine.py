"""Opens the ledger: settings of the database, its schema, and refusals a person can act on.

The only module of the ledger that knows which database it talks to. What is stored belongs in
`tables`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    ExceptionContext,
    column,
    create_engine,
    event,
    func,
    inspect,
    make_url,
    select,
    table,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from pql_platform.errors import PqlError

REVISIONS: Final = ("0001", "0002", "0003", "0004")
"""Every revision, oldest first, so that a start need not import Alembic to know the newest."""

# Not Alembic's own name: Dagster's storage may share a Postgres database, and it uses that one.
VERSION_TABLE: Final = "ledger_version"

# Longest wait for another writer. Transactions take milliseconds; whoever waits longer is stuck.
_BUSY_SECONDS: Final = 30
_UPGRADE_SECONDS: Final = 60
# Any number that no other program locks on in the same Postgres database.
_ADVISORY_LOCK: Final = 7_065_132_001
_READING: Final = "ledger_reading"


def open_ledger(url: str) -> Engine:
    """Open the ledger, creating or upgrading its tables where needed.

    Transactions of the returned engine write: on SQLite each takes the write lock when it begins,
    so that none fails half-way because another process wrote in between. To look only, there is
    `reading`.

    Args:
        url: SQLAlchemy URL, such as `sqlite:////var/lib/pql/ledger.sqlite`.

    Raises:
        PqlError: The URL is unusable, the database cannot be opened, or a newer release wrote it.
    """
    target = _parse(url)
    sqlite = target.get_backend_name() == "sqlite"
    if sqlite:
        _create_private(Path(str(target.database)))
    engine = _create(target)
    try:
        if not _is_ready(engine):
            _upgrade(engine)
    except DBAPIError as error:
        engine.dispose()
        raise _cannot_be_opened(target, error) from error
    except PqlError:
        engine.dispose()
        raise
    return engine


@contextmanager
def looking(url: str) -> Iterator[Connection | None]:
    """A connection for a look at a ledger that may not be there: nothing is made or upgraded.

    Gives None where there is no ledger, or one that an older release left.

    Raises:
        PqlError: The URL is unusable, the database cannot be read, or a newer release wrote it.
    """
    target = _parse(url)
    if target.get_backend_name() == "sqlite" and not Path(str(target.database)).exists():
        yield None
        return
    engine = _create(target)
    try:
        with reading(engine) as conn:
            yield conn if _revision(conn) == REVISIONS[-1] else None
    except DBAPIError as error:
        raise _cannot_be_opened(target, error) from error
    finally:
        engine.dispose()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one state throughout and keeps no writer waiting."""
    options: dict[str, Any] = {_READING: True}
    if engine.dialect.name == "postgresql":
        # By default each statement there sees what was committed before it.
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as conn:
        yield conn


def _cannot_be_opened(target: URL, error: DBAPIError) -> PqlError:
    # Postgres explains itself over several lines.
    why = " ".join(str(error.orig).split())
    return PqlError(
        f"the ledger {target.render_as_string()} cannot be opened ({why})",
        field="PQL_STATE_URL",
        hint="Name a database that exists and answers, or unset PQL_STATE_URL",
    )


def _parse(url: str) -> URL:
    try:
        target = make_url(url)
        target.get_dialect()
    except (ArgumentError, NoSuchModuleError) as error:
        raise PqlError(
            "this is no database URL",
            field="PQL_STATE_URL",
            hint="Write it like sqlite:////var/lib/pql/ledger.sqlite or postgresql+psycopg://host/db",
        ) from error
    if target.get_backend_name() == "sqlite" and (
        not target.database or target.database.startswith((":memory:", "file:"))
    ):
        raise PqlError(
            "the ledger needs a file that outlives the process",
            field="PQL_STATE_URL",
            hint="Give a path, like sqlite:////var/lib/pql/ledger.sqlite",
        )
    return target


def _create_private(path: Path) -> None:
    """Make sure of mode 0600; SQLite gives its own side files the mode of the database."""
    try:
        path.touch(mode=0o600, exist_ok=True)
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except OSError as error:
        raise PqlError(
            f"the ledger {path} cannot be written ({error.strerror})",
            field="PQL_STATE_URL",
            hint="Create its folder and make it writable",
        ) from error


def _create(target: URL) -> Engine:
    # A payload with NaN is refused here rather than by whoever reads it later.
    to_json = partial(json.dumps, ensure_ascii=False, allow_nan=False)
    try:
        # Errors of the database quote no values: stories and payloads are about people.
        engine = create_engine(target, json_serializer=to_json, hide_parameters=True)
    except ModuleNotFoundError as error:
        raise PqlError(
            f"the driver {error.name} is not installed",
            field="PQL_STATE_URL",
            hint=f"Install it into the project's environment: uv pip install {error.name}",
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "handle_error", _quote_no_row)
    return engine


def _set_up_sqlite(connection: Any, _record: object) -> None:
    # The driver would open transactions by rules of its own; `_begin_sqlite` does it instead.
    connection.isolation_level = None
    for setting in (
        f"busy_timeout = {_BUSY_SECONDS * 1000}",
        # A confirmed hand-off survives a power cut: 0.3 ms per transaction, measured.
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {setting}")


def _begin_sqlite(conn: Connection) -> None:
    only_reads = conn.get_execution_options().get(_READING, False)
    conn.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")


def _quote_no_row(context: ExceptionContext) -> None:
    """Keep to the first line of an error: Postgres adds the row that it refused, values and all."""
    error = context.original_exception
    said = getattr(getattr(error, "diag", None), "message_primary", None)
    if said is None:
        return
    error.args = (said,)
    if context.sqlalchemy_exception is not None:
        kind = type(error)
        context.sqlalchemy_exception.args = (f"({kind.__module__}.{kind.__name__}) {said}",)


def _is_ready(engine: Engine) -> bool:
    with reading(engine) as conn:
        if _revision(conn) != REVISIONS[-1]:
            return False
        # A restored copy may have lost the mode, in which case readers would block writers.
        return engine.dialect.name != "sqlite" or _journal_mode(conn) == "wal"


def _revision(conn: Connection) -> str | None:
    if not inspect(conn).has_table(VERSION_TABLE):
        return None
    found = conn.execute(select(column("version_num")).select_from(table(VERSION_TABLE))).scalar()
    if found is not None and found not in REVISIONS:
        raise PqlError(
            f"the ledger is at revision {found}, newer than this release ({REVISIONS[-1]})",
            field="PQL_STATE_URL",
            hint="Install the release that wrote it, or restore the backup made before it",
        )
    return found


def _journal_mode(conn: Connection) -> str:
    return str(conn.exec_driver_sql("PRAGMA journal_mode").scalar())


def _upgrade(engine: Engine) -> None:
    if engine.dialect.name != "sqlite":
        _migrate(engine)
        return
    # Only when the schema is behind, for both imports count on the alert path (0.1 and 0.3 s).
    from filelock import FileLock, Timeout

    try:
        with FileLock(f"{engine.url.database}.lock", timeout=_UPGRADE_SECONDS, mode=0o600):
            # Two processes that switch to WAL at once can fail whatever the busy timeout is.
            connection = engine.raw_connection()
            try:
                connection.cursor().execute("PRAGMA journal_mode = WAL")
            finally:
                connection.close()
            _migrate(engine)
    except Timeout as error:
        raise PqlError(
            f"another process has been upgrading the ledger for {_UPGRADE_SECONDS} s",
            hint="Wait for it, or end it and start again",
        ) from error


def _migrate(engine: Engine) -> None:
    with engine.begin() as conn:
        if engine.dialect.name == "postgresql":
            conn.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        if _revision(conn) != REVISIONS[-1]:
            from pql_platform.ledger.migrate import upgrade

            upgrade(conn)
