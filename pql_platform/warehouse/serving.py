"""The copy that readers open: the CLI, the report, sensors and the UI never wait for a writer.

Written whole beside the old one and put in its place by an atomic rename. It holds what people ask
about (scores, reasons, tiers), not the events.
"""

from __future__ import annotations

import duckdb

from pql_platform.settings import Settings

PUBLISHED = (
    "raw.clock",
    "raw.loads",
    "staging.users",
    "staging.accounts",
    "features.signals",
    "features.subjects",
    "scores.contributions",
    "scores.composites",
    "pql.tiers",
    "ops.models",
    "ops.rescored",
)


def publish(connection: duckdb.DuckDBPyConnection, settings: Settings) -> int:
    """Publish the current tables to `settings.serving`; return the size of the copy in bytes.

    Args:
        connection: The warehouse, held for writing.
        settings: Where the copy goes.
    """
    part = settings.serving.with_suffix(".part")
    part.unlink(missing_ok=True)
    # ATTACH takes no bound parameter; the path is the operator's own.
    connection.execute(f"ATTACH {_literal(str(part))} AS serving")
    try:
        for schema in sorted({name.partition(".")[0] for name in PUBLISHED}):
            connection.execute(f"CREATE SCHEMA serving.{schema}")
        for name in PUBLISHED:
            connection.execute(f"CREATE TABLE serving.{name} AS FROM warehouse.{name}")
    finally:
        connection.execute("DETACH serving")
    size = part.stat().st_size
    part.replace(settings.serving)
    return size


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
