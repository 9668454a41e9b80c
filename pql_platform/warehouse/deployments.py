"""Which models were in force when: their rendered queries, kept with every deployment.

The live path computes with the latest deployment, a question about the past with the one of that
time. What the queries say is decided in the SQLMesh project.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from pql_platform.errors import PqlError
from pql_platform.warehouse.manifest import ModelManifest


@dataclass(frozen=True)
class Deployed:
    """One model as it stands in the warehouse."""

    model: str
    kind: str
    physical_table: str | None
    query: str


def record_deployment(
    connection: duckdb.DuckDBPyConnection,
    models: Sequence[ModelManifest],
    physical_tables: dict[str, str],
    as_of: datetime,
) -> None:
    """Store the rendered models beside the data they describe.

    The same models once more only renew where their tables are: a deployment is a change.
    """
    if is_deployed(connection, models):
        connection.executemany(
            "UPDATE warehouse.ops.models SET physical_table = ?"
            " WHERE model = ? AND deployment = (SELECT MAX(deployment) FROM warehouse.ops.models)",
            [[physical_tables.get(model.name), model.name] for model in models],
        )
        return
    (number,) = connection.execute(
        "SELECT COALESCE(MAX(deployment), 0) + 1 FROM warehouse.ops.models"
    ).fetchone() or (1,)
    connection.executemany(
        "INSERT INTO warehouse.ops.models VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            [
                number,
                as_of.astimezone(UTC).replace(tzinfo=None),
                position,
                model.name,
                model.kind,
                physical_tables.get(model.name),
                model.fingerprint,
                model.query,
            ]
            for position, model in enumerate(models)
        ],
    )


def is_deployed(connection: duckdb.DuckDBPyConnection, models: Iterable[ModelManifest]) -> bool:
    """Whether the warehouse holds exactly these models: none changed, added or taken away."""
    rows = connection.execute(
        "SELECT model, fingerprint FROM warehouse.ops.models"
        " WHERE deployment = (SELECT MAX(deployment) FROM warehouse.ops.models)"
    ).fetchall()
    return dict(rows) == {model.name: model.fingerprint for model in models}


def deployed_models(
    connection: duckdb.DuckDBPyConnection, as_of: datetime | None = None
) -> list[Deployed]:
    """Return the models of one deployment in the order in which they are computed.

    Args:
        connection: The warehouse or its serving copy.
        as_of: The deployment in force then, the first one for any earlier time; None for the
            latest.

    Raises:
        PqlError: No models were deployed.
    """
    rows = connection.execute(
        """
        SELECT model, kind, physical_table, query FROM warehouse.ops.models
        WHERE deployment = COALESCE(
          (
            SELECT MAX_BY(deployment, (deployed_at, deployment)) FROM warehouse.ops.models
            WHERE deployed_at <= $as_of
          ),
          (SELECT MIN(deployment) FROM warehouse.ops.models)
        )
        ORDER BY position
        """
        if as_of is not None
        else """
        SELECT model, kind, physical_table, query FROM warehouse.ops.models
        WHERE deployment = (SELECT MAX(deployment) FROM warehouse.ops.models)
        ORDER BY position
        """,
        {"as_of": as_of.astimezone(UTC).replace(tzinfo=None)} if as_of is not None else None,
    ).fetchall()
    if not rows:
        raise PqlError("The models are not deployed yet", hint="Run `pql run` once")
    return [Deployed(*row) for row in rows]
