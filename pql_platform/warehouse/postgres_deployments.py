"""The full build on Postgres, and which models were in force there when.

As `building` and `deployments` do for DuckDB: SQLMesh plans and computes, and what it rendered is
kept in ops.models, so that the live path and questions about the past run the same queries without
it. How they run them is in `postgres_rescoring`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pql_platform.errors import PqlError
from pql_platform.settings import Settings
from pql_platform.warehouse.deployments import Deployed
from pql_platform.warehouse.gateways import ONE_WRITER, open_postgres
from pql_platform.warehouse.manifest import manifest_of
from pql_platform.warehouse.project import rebuild
from pql_platform.warehouse.statements import postgres as statements

if TYPE_CHECKING:
    import psycopg
    from sqlmesh import Context
    from sqlmesh.core.model import Model

LOOKED_UP_BY = ("account_id", "user_id", "link_id", "anonymous_id")
"""Columns by which the live path finds the rows that it replaces; each gets an index."""


@dataclass(frozen=True)
class PostgresModel:
    """One model as SQLMesh deployed it, with its query for the live path."""

    deployed: Deployed
    fingerprint: str
    columns: tuple[str, ...]


def build(settings: Settings, as_of: datetime, models: Collection[str] | None = None) -> None:
    """Deploy the current definition and compute every model (or these) as of an instant.

    Args:
        settings: With the gateway postgres; the raw tables are there (`transfer.to_postgres`).
        as_of: Aware instant.
        models: Names such as `features.signals`; None means every model.

    Raises:
        PqlError: Postgres cannot be reached, or a model or an audit failed.
    """
    found: list[PostgresModel] = []
    with open_postgres(settings) as connection:
        with connection.transaction():
            # For the session: what is brought over or rescored meanwhile would count as scored.
            connection.execute("SELECT pg_advisory_lock(%s)", [ONE_WRITER])
            statements.run(connection, "tables")
            set_clock(connection, as_of)
        rebuild(settings, models, after=lambda context: found.extend(_models_of(context)))
        with connection.transaction():
            _record(connection, found, as_of)
            mark_current(connection)


def set_clock(connection: psycopg.Connection, as_of: datetime) -> None:
    """Set the instant as of which everything downstream is computed."""
    connection.execute("DELETE FROM raw.clock")
    connection.execute(
        "INSERT INTO raw.clock VALUES (%s)", [as_of.astimezone(UTC).replace(tzinfo=None)]
    )


def last_rescoring(connection: psycopg.Connection) -> tuple[int, datetime] | None:
    """The newest load and the instant (naive UTC) that features and scores have followed."""
    row = connection.execute("SELECT load_id, as_of FROM ops.rescored").fetchone()
    return (row[0], row[1]) if row else None


def mark_current(connection: psycopg.Connection) -> None:
    """Record that features and scores now follow all that was loaded, up to the clock."""
    before = last_rescoring(connection)
    (clock,) = connection.execute("SELECT as_of FROM raw.clock").fetchone() or (None,)
    statements.run(
        connection,
        "mark_current",
        since_load=before[0] if before else 0,
        # Before the first pass nothing had been said that could be restated: no time is before it.
        since=before[1] if before else None,
        anew=before is None or clock is None or clock < before[1],
    )


def deployed_models(
    connection: psycopg.Connection, as_of: datetime | None = None
) -> list[Deployed]:
    """Return the models of one deployment in the order in which they are computed.

    Args:
        connection: The Postgres warehouse.
        as_of: The deployment in force then, the first one for any earlier time; None for the
            latest.

    Raises:
        PqlError: No models were deployed.
    """
    rows = connection.execute(
        """
        SELECT model, kind, physical_table, query FROM ops.models
        WHERE deployment = COALESCE(
          (
            SELECT deployment FROM ops.models
            WHERE deployed_at <= COALESCE(%s::TIMESTAMP, 'infinity')
            ORDER BY deployed_at DESC, deployment DESC LIMIT 1
          ),
          (SELECT MIN(deployment) FROM ops.models)
        )
        ORDER BY position
        """,
        [as_of.astimezone(UTC).replace(tzinfo=None) if as_of else None],
    ).fetchall()
    if not rows:
        raise PqlError("The models are not deployed yet", hint="Run `pql run` once")
    return [Deployed(*row) for row in rows]


def scratch_name(name: str) -> str:
    """The quoted name of a model or raw table inside a rescoring: `"features.signals"`.

    One identifier with a dot in it, so that it is found among the temporary tables, where Postgres
    knows no schemas.
    """
    return f'"{name}"'


def _models_of(context: Context) -> list[PostgresModel]:
    """What was deployed, in the order in which it is computed."""
    scratch = {model.name for model in manifest_of(context)} | {"raw.events", "raw.links"}
    return [
        PostgresModel(
            Deployed(
                model.name,
                model.kind,
                _physical_table(context, model.name) if model.kind == "table" else None,
                _scratch_query(context.get_model(model.name, True), {*scratch, "raw.clock"}),
            ),
            model.fingerprint,
            tuple(name for name, _, _ in model.columns),
        )
        for model in manifest_of(context)
    ]


def _physical_table(context: Context, name: str) -> str:
    table = context.get_snapshot(name, raise_if_missing=True).table_name()
    # The database is that of the connection.
    return ".".join(table.replace('"', "").split(".")[-2:])


def _scratch_query(model: Model, scratch: set[str]) -> str:
    """The query in the dialect of Postgres, on temporary tables in place of models."""
    from sqlglot import exp

    query = model.render_query_or_raise().copy()
    for table in query.find_all(exp.Table):
        table.set("catalog", None)
        if (name := f"{table.db}.{table.name}") in scratch:
            table.set("db", None)
            table.set("this", exp.to_identifier(name, quoted=True))
    return query.sql("postgres", comments=False, identify=True)


def _record(
    connection: psycopg.Connection, models: Sequence[PostgresModel], as_of: datetime
) -> None:
    """Store the models beside the data they describe, and index what the live path looks up.

    The same models once more only renew where their tables are: a deployment is a change.
    """
    for model in models:
        if (table := model.deployed.physical_table) is None:
            continue
        for column in (name for name in LOOKED_UP_BY if name in model.columns):
            index = f"{table.partition('.')[2]}_{column}"
            connection.execute(
                f'CREATE INDEX IF NOT EXISTS "{index}" ON {table} ({column})'.encode()
            )
        connection.execute(f"ANALYZE {table}".encode())
    newest = "(SELECT MAX(deployment) FROM ops.models)"
    known = connection.execute(
        f"SELECT model, fingerprint FROM ops.models WHERE deployment = {newest}".encode()  # noqa: S608 - a constant
    ).fetchall()
    if dict(known) == {model.deployed.model: model.fingerprint for model in models}:
        connection.cursor().executemany(
            f"UPDATE ops.models SET physical_table = %s WHERE model = %s AND deployment = {newest}".encode(),  # noqa: S608, E501
            [(model.deployed.physical_table, model.deployed.model) for model in models],
        )
        return
    (number,) = connection.execute(
        "SELECT COALESCE(MAX(deployment), 0) + 1 FROM ops.models"
    ).fetchone() or (1,)
    connection.cursor().executemany(
        "INSERT INTO ops.models VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [
            (
                *(number, as_of.astimezone(UTC).replace(tzinfo=None), position),
                *(model.deployed.model, model.deployed.kind, model.deployed.physical_table),
                *(model.fingerprint, model.deployed.query),
            )
            for position, model in enumerate(models)
        ],
    )
