"""The models computed for some accounts only, or as of another instant, without SQLMesh.

The queries are those that SQLMesh rendered at deploy, run unchanged in a catalog of their own whose
raw.events and raw.links hold only what matters to the accounts in question. That is exact while
features are account-local and windows are anchored on days: so after UTC midnight every account is
recomputed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from pql_platform.errors import PqlError
from pql_platform.warehouse import statements
from pql_platform.warehouse.deployments import Deployed, deployed_models

_BY_ACCOUNT = ("account_id", "scope.accounts")
_SCOPES = {
    "staging.links": ("link_id", "raw.links"),
    "staging.identities": ("anonymous_id", "scope.identities"),
    "staging.merged_users": ("user_id", "scope.merged_users"),
}
"""Which rows of a model a rescoring replaces: column, and table of `live` that lists them."""

ROLL_UPS = frozenset({"features.sessions", "features.signal_days"})
"""Computed for the accounts touched, but only a full pass stores them: nothing reads them between,
and replacing rows in the two largest tables would cost more than all the rest."""

IN_MEMORY = 2_000_000
"""Messages up to which everything is computed in memory; above, in a file beside the warehouse."""


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


def mark_current(connection: duckdb.DuckDBPyConnection) -> None:
    """Record that features and scores now follow all that was loaded, up to the clock."""
    before = _last_rescoring(connection)
    (clock,) = connection.execute("SELECT as_of FROM warehouse.raw.clock").fetchone() or (None,)
    statements.run(
        connection,
        "mark_current",
        since_load=before[0] if before else 0,
        # NULL before the first pass: nothing had been said that could be restated.
        since=before[1] if before else None,
        anew=before is None or clock is None or clock < before[1],
    )


def rescore(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> Rescored:
    """Bring features and scores up to `as_of` for every account that can have changed.

    Args:
        connection: The warehouse, held for writing.
        as_of: Aware instant; a later one than the last, else everything is recomputed.
    """
    before = _last_rescoring(connection)
    if before is None:
        raise PqlError("The models are not deployed yet", hint="Run `pql run` once")
    since_load, previous = before
    everything = previous.date() != _naive(as_of).date() or previous > _naive(as_of)
    set_clock(connection, as_of)
    with _live_catalog(connection, as_of, everything):
        if everything:
            connection.execute("CREATE VIEW live.raw.events AS FROM warehouse.raw.events")
            connection.execute("CREATE VIEW live.raw.links AS FROM warehouse.raw.links")
            _compute(connection, deployed_models(connection))
            _write_back(connection, everything=True)
            return Rescored("all", _count(connection, "live.staging.accounts"))
        statements.run(connection, "touched_accounts", since_load=since_load, as_of=_naive(as_of))
        changed = _count(connection, "live.scope.fresh") > 0
        accounts = _count(connection, "live.scope.accounts")
        if changed:
            models = deployed_models(connection)
            statements.run(connection, "scoped_links")
            statements.run(connection, "scoped_events")
            statements.run(connection, "narrow_events", with_properties=_read_properties(models))
            _compute(connection, models)
        _write_back(connection, everything=False, changed=changed)
    return Rescored("touched" if changed else "nothing", accounts)


@contextmanager
def as_known_at(
    connection: duckdb.DuckDBPyConnection,
    as_of: datetime,
    accounts: Iterable[str] | None = None,
    *,
    models: Sequence[Deployed] | None = None,
) -> Iterator[None]:
    """Inside the block, `live.scores`, `live.features` and `live.staging` hold the past.

    Args:
        connection: The warehouse; it is not changed.
        as_of: Aware instant; only what had been received by then counts.
        accounts: Account ids to compute; None means all.
        models: What to compute, in order; None means the models that were deployed then.
    """
    with _live_catalog(connection, as_of, everything=accounts is None):
        if accounts is None:
            connection.execute("CREATE VIEW live.raw.events AS FROM warehouse.raw.events")
            connection.execute("CREATE VIEW live.raw.links AS FROM warehouse.raw.links")
        else:
            connection.execute(
                "CREATE TABLE live.scope.accounts AS SELECT UNNEST($ids::TEXT[]) AS account_id",
                {"ids": list(accounts)},
            )
            statements.run(connection, "members_ever")
            statements.run(connection, "scoped_links")
            statements.run(connection, "scoped_events")
        _compute(connection, deployed_models(connection, as_of) if models is None else models)
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
def _live_catalog(
    connection: duckdb.DuckDBPyConnection, as_of: datetime, everything: bool
) -> Iterator[None]:
    file = _scratch_file(connection) if everything else None
    if file is not None:
        file.unlink(missing_ok=True)
    # ATTACH takes no bound parameter; the path is the operator's own and quoted as a literal.
    where = str(file).replace("'", "''") if file is not None else ":memory:"
    connection.execute(f"ATTACH '{where}' AS live")
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
        if file is not None:
            file.unlink(missing_ok=True)


def _scratch_file(connection: duckdb.DuckDBPyConnection) -> Path | None:
    """Where everything is computed that does not fit into memory; None while it does."""
    if _count(connection, "warehouse.raw.events") <= IN_MEMORY:
        return None
    (path,) = connection.execute(
        "SELECT path FROM duckdb_databases() WHERE database_name = 'warehouse'"
    ).fetchone() or (None,)
    return Path(path).with_name("scratch.duckdb") if path else None


def _read_properties(models: Iterable[Deployed]) -> bool:
    """Whether any model but the views that pass them on reads the properties of events."""
    passed_on = ("staging.messages", "staging.events")
    return any("properties" in item.query for item in models if item.model not in passed_on)


def _compute(connection: duckdb.DuckDBPyConnection, models: Iterable[Deployed]) -> None:
    connection.execute("USE live")
    for model in models:
        # Names and queries come from the deployed SQLMesh project, never from input.
        connection.execute(f"CREATE {model.kind} live.{model.model} AS {model.query}")
    connection.execute("USE warehouse")


def _write_back(
    connection: duckdb.DuckDBPyConnection, *, everything: bool, changed: bool = True
) -> None:
    """Replace the rows that were in scope, all tables in one transaction."""
    connection.execute("BEGIN")
    try:
        for model in deployed_models(connection) if changed else ():
            if model.physical_table is None:
                continue
            if everything:
                connection.execute(f"DELETE FROM {model.physical_table}")  # noqa: S608 - names of deployed models
                connection.execute(
                    f"INSERT INTO {model.physical_table} BY NAME FROM live.{model.model}"
                )
            elif model.model not in ROLL_UPS:
                _replace(connection, model.model, model.physical_table)
        mark_current(connection)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _replace(connection: duckdb.DuckDBPyConnection, model: str, table: str) -> None:
    key, scope = _SCOPES.get(model, _BY_ACCOUNT)
    # Names of deployed models and of this module's own tables, never input.
    listed = f"{key} IN (SELECT {key} FROM live.{scope})"  # noqa: S608
    connection.execute(f"DELETE FROM {table} WHERE {listed}")  # noqa: S608
    connection.execute(
        f"INSERT INTO {table} BY NAME SELECT * FROM live.{model} WHERE {listed}"  # noqa: S608
    )


def _last_rescoring(connection: duckdb.DuckDBPyConnection) -> tuple[int, datetime] | None:
    """The newest load and the instant up to which features and scores have followed."""
    row = connection.execute("SELECT load_id, as_of FROM warehouse.ops.rescored").fetchone()
    return (int(row[0]), row[1]) if row else None


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    (rows,) = connection.execute(
        f"SELECT COUNT(*) FROM {table}"  # noqa: S608 - a name written in this module
    ).fetchone() or (0,)
    return int(rows)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
