"""The SQL that is not a model, as Postgres spells it: bookkeeping, and the scope of a rescoring.

The same steps as in the files of the same names for DuckDB, with ids where those have hashes: here
indexes find them. One file per step, run as it stands; values are bound, never formatted in.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg


def run(connection: psycopg.Connection, name: str, **values: object) -> None:
    """Run the statements of `name`.sql in order, binding `values` by name."""
    from psycopg import ClientCursor

    script = files(__name__).joinpath(f"{name}.sql").read_bytes()
    # The server binds values to one statement at a time; this cursor binds them to all of a file.
    ClientCursor(connection).execute(script, values or None)
