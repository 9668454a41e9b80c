"""The models computed for some accounts only, or as of another instant, without SQLMesh.

The queries are those that SQLMesh rendered at deploy, run unchanged in a catalog in memory whose
raw.events holds only what matters to the accounts in question. That is exact while features are
account-local and windows are anchored on days: so after UTC midnight every account is recomputed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from pql_platform.errors import PqlError
from pql_platform.warehouse import statements
from pql_platform.warehouse.manifest import ModelManifest

_BY_ACCOUNT = ("account_id", "accounts")
_SCOPES = {"staging.identities": ("anonymous_id", "devices")}
"""Which rows of a model a rescoring replaces: column, and table of the scope that lists them."""


@dataclass(frozen=True)
class Deployed:
    """One model as it stands in the warehouse."""

    model: str
    kind: str
    physical_table: str | None
    query: str


@dataclass(frozen=True)
class Rescored:
    """What one rescoring did: `scope` is touched, all or nothing; accounts is a count."""

    scope: str
    accounts: int


def set_clock(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> None:
    """Set the instant as of which everything downstream is computed."""
    connection.execute("BEGIN")
    connection.execute("DELETE FROM raw.clock")
    connection.execute("INSERT INTO raw.clock VALUES (?)", [_naive(as_of)])
    connection.execute("COMMIT")


def read_clock(connection: duckdb.DuckDBPyConnection) -> datetime:
    """Return the instant as of which the tables are computed.

    Raises:
        PqlError: Nothing was computed yet.
    """
    row = connection.execute("SELECT as_of FROM raw.clock").fetchone()
    if row is None:
        raise PqlError("There are no scores yet", hint="Run `pql run`")
    as_of: datetime = row[0]
    return as_of.replace(tzinfo=UTC)


def record_deployment(
    connection: duckdb.DuckDBPyConnection,
    models: Iterable[ModelManifest],
    physical_tables: dict[str, str],
) -> None:
    """Store the rendered models beside the data they describe, and mark all of it as current."""
    connection.execute("BEGIN")
    connection.execute("DELETE FROM ops.models")
    for position, model in enumerate(models):
        connection.execute(
            "INSERT INTO ops.models VALUES (?, ?, ?, ?, ?, ?)",
            [
                position,
                model.name,
                model.kind,
                physical_tables.get(model.name),
                model.fingerprint,
                model.query,
            ],
        )
    _mark_current(connection)
    connection.execute("COMMIT")


def is_deployed(connection: duckdb.DuckDBPyConnection, models: Iterable[ModelManifest]) -> bool:
    """Whether the warehouse holds exactly these models: none changed, added or taken away."""
    rows = connection.execute("SELECT model, fingerprint FROM warehouse.ops.models").fetchall()
    return dict(rows) == {model.name: model.fingerprint for model in models}


def deployed_models(connection: duckdb.DuckDBPyConnection) -> list[Deployed]:
    """Return the deployed models in the order in which they are computed.

    Raises:
        PqlError: No models were deployed.
    """
    rows = connection.execute(
        "SELECT model, kind, physical_table, query FROM warehouse.ops.models ORDER BY position"
    ).fetchall()
    if not rows:
        raise PqlError("The models are not deployed yet", hint="Run `pql run` once")
    return [Deployed(*row) for row in rows]


def rescore(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> Rescored:
    """Bring features and scores up to `as_of` for every account that can have changed.

    Args:
        connection: The warehouse, held for writing.
        as_of: Aware instant; a later one than the last, else everything is recomputed.
    """
    row = connection.execute("SELECT as_of FROM ops.rescored").fetchone()
    if row is None:
        raise PqlError("The models are not deployed yet", hint="Run `pql run` once")
    previous: datetime = row[0]
    everything = previous.date() != _naive(as_of).date() or previous > _naive(as_of)
    set_clock(connection, as_of)
    with _live_catalog(connection, as_of):
        if everything:
            connection.execute(
                "CREATE TABLE live.scope.accounts AS"
                " SELECT account_id FROM warehouse.staging.accounts"
            )
            connection.execute("CREATE VIEW live.raw.events AS FROM warehouse.raw.events")
        else:
            statements.run(connection, "touched_by_messages")
            statements.run(connection, "scoped_events")
        (accounts,) = _one(connection, "SELECT COUNT(*) FROM live.scope.accounts")
        models = deployed_models(connection)
        if everything or accounts:
            _compute(connection, models)
        if everything:
            # New accounts and devices, too, belong to everything.
            connection.execute(
                "INSERT INTO live.scope.accounts SELECT account_id FROM live.staging.accounts"
            )
            connection.execute(
                "CREATE TABLE live.scope.devices AS"
                " SELECT anonymous_id FROM live.staging.identities"
                " UNION SELECT anonymous_id FROM warehouse.staging.identities"
            )
        _write_back(connection, models if everything or accounts else [])
    scope = "all" if everything else "touched" if accounts else "nothing"
    return Rescored(scope, accounts)


@contextmanager
def as_known_at(
    connection: duckdb.DuckDBPyConnection,
    as_of: datetime,
    accounts: Iterable[str] | None = None,
) -> Iterator[None]:
    """Inside the block, `live.scores`, `live.features` and `live.staging` hold the past.

    Args:
        connection: The warehouse; it is not changed.
        as_of: Aware instant; only what had been received by then counts.
        accounts: Account ids to compute; None means all.
    """
    with _live_catalog(connection, as_of):
        if accounts is None:
            connection.execute("CREATE VIEW live.raw.events AS FROM warehouse.raw.events")
        else:
            connection.execute(
                "CREATE TABLE live.scope.accounts AS SELECT UNNEST($ids::TEXT[]) AS account_id",
                {"ids": list(accounts)},
            )
            statements.run(connection, "scoped_events")
        _compute(connection, deployed_models(connection))
        yield


@contextmanager
def live_schemas(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Inside `as_known_at`, let unqualified names such as scores.composites mean the past."""
    connection.execute("USE live")
    try:
        yield
    finally:
        connection.execute("USE warehouse")


@contextmanager
def _live_catalog(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> Iterator[None]:
    connection.execute("ATTACH ':memory:' AS live")
    try:
        for schema in ("scope", "raw", "staging", "features", "scores"):
            connection.execute(f"CREATE SCHEMA live.{schema}")
        connection.execute(
            "CREATE TABLE live.raw.clock AS SELECT ?::TIMESTAMP AS as_of", [_naive(as_of)]
        )
        connection.execute(
            "CREATE VIEW live.raw.personal_email_domains AS"
            " FROM warehouse.raw.personal_email_domains"
        )
        yield
    finally:
        connection.execute("USE warehouse")
        connection.execute("DETACH live")


def _compute(connection: duckdb.DuckDBPyConnection, models: Iterable[Deployed]) -> None:
    connection.execute("USE live")
    for model in models:
        # Names and queries come from the deployed SQLMesh project, never from input.
        connection.execute(f"CREATE {model.kind} live.{model.model} AS {model.query}")
    connection.execute("USE warehouse")


def _write_back(connection: duckdb.DuckDBPyConnection, models: Iterable[Deployed]) -> None:
    """Replace the rows of the accounts in scope, all tables in one transaction."""
    connection.execute("BEGIN")
    try:
        for model in models:
            if model.physical_table is None:
                continue
            key, scope = _SCOPES.get(model.model, _BY_ACCOUNT)
            connection.execute(
                f"DELETE FROM {model.physical_table} WHERE {key} IN (FROM live.scope.{scope})"  # noqa: S608 - names of deployed models
            )
            connection.execute(
                f"INSERT INTO {model.physical_table} BY NAME"  # noqa: S608
                f" SELECT * FROM live.{model.model}"
                f" WHERE {key} IN (FROM live.scope.{scope})"
            )
        _mark_current(connection)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _mark_current(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("DELETE FROM warehouse.ops.rescored")
    connection.execute(
        "INSERT INTO warehouse.ops.rescored"
        " SELECT (SELECT COALESCE(MAX(load_id), 0) FROM warehouse.raw.loads), as_of"
        " FROM warehouse.raw.clock"
    )


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    row = connection.execute(query).fetchone()
    return row if row is not None else (0,)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
