"""What the loaded events look like: their names, and the properties that programs ask of them.

For refusing a program that names what never occurs; what a program may say is in `program`.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from pql_platform.program.load import LoadedProgram
from pql_platform.program.properties import Occurrence, named_properties
from pql_platform.warehouse import statements


def known_events(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Return the names of all product events that ever occurred."""
    rows = connection.execute("SELECT DISTINCT event FROM raw.events").fetchall()
    return frozenset(name for (name,) in rows)


def property_occurrences(
    connection: duckdb.DuckDBPyConnection, programs: Sequence[LoadedProgram]
) -> dict[tuple[str, str], Occurrence]:
    """Return by event and dotted path how often a property that a program names occurs."""
    asked = sorted(
        {
            (event, named.path)
            for loaded in programs
            for named in named_properties(loaded.program)
            for event in named.events
        }
    )
    if not asked:
        return {}
    found = statements.query(
        connection,
        "property_occurrences",
        events=[event for event, _ in asked],
        paths=[path for _, path in asked],
        json_paths=[_json_path(path) for _, path in asked],
    )
    return {
        (row["event"], row["path"]): Occurrence(int(row["carried"]), int(row["numbers"]))
        for row in found.to_dict("records")
    }


def property_names(connection: duckdb.DuckDBPyConnection, events: Sequence[str]) -> frozenset[str]:
    """Return the names of the properties of these events, nested ones left out."""
    rows = connection.execute(
        "SELECT DISTINCT UNNEST(JSON_KEYS(properties)) FROM raw.events"
        " WHERE event IN (SELECT UNNEST($events))",
        {"events": list(events)},
    ).fetchall()
    return frozenset(name for (name,) in rows)


def _json_path(dotted: str) -> str:
    return "$" + "".join(f'."{key}"' for key in dotted.split("."))
