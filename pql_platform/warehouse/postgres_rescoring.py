"""The models computed on Postgres for some accounts only, or as of another instant.

The second implementation of what `rescoring` does on DuckDB: the queries that SQLMesh rendered at
deploy run unchanged, on temporary tables that hold only what matters to the accounts in question,
and their rows replace those of these accounts. All of it is one transaction, so readers see either
the scores from before or those from after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pql_platform.errors import PqlError
from pql_platform.warehouse.deployments import Deployed
from pql_platform.warehouse.gateways import ONE_WRITER
from pql_platform.warehouse.postgres_deployments import (
    deployed_models,
    last_rescoring,
    mark_current,
    scratch_name,
    set_clock,
)
from pql_platform.warehouse.rescoring import ROLL_UPS, Rescored
from pql_platform.warehouse.statements import postgres as statements

if TYPE_CHECKING:
    import psycopg

_BY_ACCOUNT = ("account_id", "scope_accounts")
_SCOPES = {
    "staging.links": ("link_id", '"raw.links"'),
    "staging.identities": ("anonymous_id", "scope_identities"),
    "staging.merged_users": ("user_id", "scope_merged_users"),
}
"""Which rows of a model a rescoring replaces: column, and table of the scope that lists them."""


def rescore(connection: psycopg.Connection, as_of: datetime) -> Rescored:
    """Bring features and scores up to `as_of` for every account that can have changed.

    Args:
        connection: From `gateways.open_postgres`; new events were transferred.
        as_of: Aware instant; a later one than the last, else everything is recomputed.

    Raises:
        PqlError: The models are not deployed yet.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [ONE_WRITER])
        before = last_rescoring(connection)
        if before is None:
            raise PqlError("The models are not deployed yet", hint="Run `pql run` once")
        since_load, previous = before
        moment = as_of.astimezone(UTC).replace(tzinfo=None)
        everything = previous.date() != moment.date() or previous > moment
        set_clock(connection, as_of)
        _start(connection, moment)
        models = deployed_models(connection)
        if everything:
            _everything(connection)
        else:
            statements.run(connection, "touched_accounts", since_load=since_load, as_of=moment)
            if not _count(connection, "scope_fresh"):
                mark_current(connection)
                return Rescored("nothing", 0)
            statements.run(connection, "scoped_links")
        _compute(connection, models)
        for model in models:
            if model.physical_table is None:
                continue
            if everything:
                _replace(connection, model, model.physical_table, "TRUE")
            elif model.model not in ROLL_UPS:
                key, scope = _SCOPES.get(model.model, _BY_ACCOUNT)
                listed = f"{key} IN (SELECT {key} FROM {scope})"  # noqa: S608 - names written above
                _replace(connection, model, model.physical_table, listed)
        mark_current(connection)
        accounts = scratch_name("staging.accounts") if everything else "scope_accounts"
        rescored = Rescored("all" if everything else "touched", _count(connection, accounts))
        if everything:
            # Unlike temporary tables, these views would outlive the transaction.
            connection.execute('DROP VIEW "raw.events", "raw.links" CASCADE')
        return rescored


@contextmanager
def as_known_at(
    connection: psycopg.Connection, as_of: datetime, accounts: Iterable[str] | None = None
) -> Iterator[None]:
    """Inside the block, the temporary tables called `scratch_name(model)` hold the past.

    Computed by the models that were deployed then; nothing of it stays.

    Args:
        connection: From `gateways.open_postgres`.
        as_of: Aware instant; only what had been received by then counts.
        accounts: Account ids to compute; None means all.
    """
    with connection.transaction(force_rollback=True):
        _start(connection, as_of.astimezone(UTC).replace(tzinfo=None))
        if accounts is None:
            _everything(connection)
        else:
            connection.execute("CREATE TEMP TABLE scope_accounts (account_id TEXT) ON COMMIT DROP")
            connection.execute(
                "INSERT INTO scope_accounts SELECT UNNEST(%s::TEXT[])", [list(accounts)]
            )
            statements.run(connection, "members_ever")
            statements.run(connection, "scoped_links")
        _compute(connection, deployed_models(connection, as_of))
        yield


def _start(connection: psycopg.Connection, moment: datetime) -> None:
    # To compile the queries takes longer than to run them over a few accounts.
    connection.execute("SET LOCAL jit = off")
    connection.execute('CREATE TEMP TABLE "raw.clock" (as_of TIMESTAMP) ON COMMIT DROP')
    connection.execute('INSERT INTO "raw.clock" VALUES (%s)', [moment])


def _everything(connection: psycopg.Connection) -> None:
    connection.execute('CREATE TEMP VIEW "raw.events" AS SELECT * FROM raw.events')
    connection.execute('CREATE TEMP VIEW "raw.links" AS SELECT * FROM raw.links')


def _compute(connection: psycopg.Connection, models: Iterable[Deployed]) -> None:
    # Names and queries come from the deployed SQLMesh project, never from input.
    for model in models:
        name = scratch_name(model.model)
        if model.kind == "view":
            connection.execute(f"CREATE TEMP VIEW {name} AS {model.query}".encode())
        else:
            connection.execute(f"CREATE TEMP TABLE {name} ON COMMIT DROP AS {model.query}".encode())
            # Without it the planner takes every temporary table for a large one.
            connection.execute(f"ANALYZE {name}".encode())


def _replace(connection: psycopg.Connection, model: Deployed, table: str, listed: str) -> None:
    """Replace the listed rows of a physical table by those just computed, column by name."""
    computed = scratch_name(model.model)
    found = connection.execute(f"SELECT * FROM {computed} LIMIT 0".encode())  # noqa: S608 - names of deployed models
    columns = ", ".join(f'"{column.name}"' for column in found.description or ())
    connection.execute(f"DELETE FROM {table} WHERE {listed}".encode())  # noqa: S608
    connection.execute(
        f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {computed} WHERE {listed}".encode()  # noqa: S608
    )


def _count(connection: psycopg.Connection, table: str) -> int:
    row = connection.execute(f"SELECT COUNT(*) FROM {table}".encode()).fetchone()  # noqa: S608 - a name written in this module
    return int(row[0]) if row else 0
