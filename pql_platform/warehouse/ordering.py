"""The order of raw.events: by account, as far as it has been put in order.

Messages arrive by time and are asked for by account. In order, those of a few accounts lie in a few
places, and a micro-batch over a hundred million messages reads what it needs and no more.
"""

from __future__ import annotations

import duckdb

from pql_platform.warehouse import statements

SMALLEST = 1_000_000
"""Messages below which order is not worth anything: they are read whole in a few milliseconds."""

TOLERATED = 0.25
"""Share of unordered messages up to which nothing is done: each message is then written four times
more on average."""


def keep_in_order(connection: duckdb.DuckDBPyConnection) -> bool:
    """Put raw.events in order if too much of it is not; return whether that was done."""
    (total,) = connection.execute("SELECT COUNT(*) FROM raw.events").fetchone() or (0,)
    (ordered,) = connection.execute(
        "SELECT COALESCE(MAX(events), 0) FROM ops.clustered"
    ).fetchone() or (0,)
    if total - ordered < max(SMALLEST, TOLERATED * total):
        return False
    connection.execute("BEGIN")
    try:
        statements.run(connection, "put_in_order")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return True
