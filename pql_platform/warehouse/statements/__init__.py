"""The SQL that is not a model: raw tables, loading, and the scope of a rescoring.

One file per step, run as it stands; values are bound, never formatted in. What a feature or a score
is belongs in the SQLMesh project.
"""

from __future__ import annotations

from importlib.resources import files

import duckdb
import pandas as pd


def run(connection: duckdb.DuckDBPyConnection, name: str, **values: object) -> None:
    """Run the statements of `name`.sql in order, binding `values` by name."""
    script = files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
    for statement in duckdb.extract_statements(script):
        wanted = {key: values[key] for key in statement.named_parameters}
        connection.execute(statement, wanted or None)


def query(connection: duckdb.DuckDBPyConnection, name: str, **values: object) -> pd.DataFrame:
    """Return the rows of the one query in `name`.sql, with `values` bound by name."""
    script = files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
    return connection.execute(script, values or None).df()
