"""Whether the stored scores are those that the events give: the live path held against a rebuild.

Recomputes accounts with the deployed queries as of the instant of the stored tables, in a catalog
in memory, and compares row by row. Nothing is repaired here: a difference is a defect to look into.
When to compare and whom to tell belongs to the assets and sensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import duckdb

from pql_platform.errors import PqlError
from pql_platform.warehouse.rescoring import as_known_at, read_clock

COMPARED = ("scores.composites", "scores.contributions", "features.subjects")

MOST_ACCOUNTS = 2000
"""Accounts compared at once. The warehouse is held meanwhile, and other passes wait: about as long
as for a micro-batch that touches so many. A larger warehouse is gone through in turns."""

EXAMPLES = 20


@dataclass(frozen=True)
class Difference:
    """An account whose stored rows are not those of a rebuild, with its score of one program.

    Attributes:
        account_id: The account.
        tables: Where they differ.
        program: The program; None where neither side has a score of the account.
        stored: Score of the account in the warehouse, points; None where there is none.
        rebuilt: Score computed again, points; None where there is none.
    """

    account_id: str
    tables: tuple[str, ...]
    program: str | None
    stored: Decimal | None
    rebuilt: Decimal | None


@dataclass(frozen=True)
class Comparison:
    """What one comparison found.

    Attributes:
        as_of: The instant of both sides, aware UTC.
        accounts: Accounts compared, of `population`.
        population: Accounts in the warehouse.
        differing: Accounts with a difference.
        examples: The first of them by id, one entry for each of its programs.
    """

    as_of: datetime
    accounts: int
    population: int
    differing: int
    examples: tuple[Difference, ...]


def unsettled_because(connection: duckdb.DuckDBPyConnection) -> str | None:
    """Why the stored tables cannot be compared now: they are between two states of the events.

    Raises:
        PqlError: Nothing was computed yet.
    """
    row = connection.execute(
        """
        SELECT
          (SELECT COUNT(*) FROM raw.loads AS loads WHERE loads.load_id > rescored.load_id),
          (SELECT COUNT(*) FROM raw.clock AS clock WHERE clock.as_of <> rescored.as_of)
        FROM ops.rescored AS rescored
        """
    ).fetchone()
    if row is None:
        raise PqlError("There are no scores yet", hint="Run `pql run`")
    unscored, moved = row
    if unscored:
        return f"{unscored} of the loads are not scored yet"
    return "a rebuild has begun or has failed" if moved else None


def compare_with_rebuilt(
    connection: duckdb.DuckDBPyConnection, turn: int, most_accounts: int = MOST_ACCOUNTS
) -> Comparison:
    """Recompute accounts from the events and compare them with what is stored.

    All accounts when there are at most `most_accounts`; else every n-th by hash, another share each
    turn, so that n turns see all of them. Only while `unsettled_because` says nothing.

    Args:
        connection: The warehouse, held for writing; it is not changed.
        turn: Any number that grows by one from turn to turn.
        most_accounts: Accounts to compare at once, roughly.
    """
    as_of = read_clock(connection)
    population = _count(connection, "SELECT COUNT(*) FROM staging.accounts")
    shares = -(-population // most_accounts)
    accounts = _share(connection, turn % shares, shares) if shares > 1 else None
    with as_known_at(connection, as_of, accounts):
        differing = _differing(connection, accounts)
        examples = _examples(connection, dict(list(differing.items())[:EXAMPLES]))
    return Comparison(
        as_of=as_of,
        accounts=population if accounts is None else len(accounts),
        population=population,
        differing=len(differing),
        examples=examples,
    )


def _share(connection: duckdb.DuckDBPyConnection, number: int, shares: int) -> list[str]:
    """Ids of one share, of accounts that are stored and of groups that should be."""
    rows = connection.execute(
        """
        SELECT account_id FROM staging.accounts WHERE HASH(account_id) % $shares = $number
        UNION
        SELECT group_id FROM raw.links
        WHERE group_id IS NOT NULL AND HASH(group_id) % $shares = $number
        ORDER BY account_id
        """,
        {"shares": shares, "number": number},
    ).fetchall()
    return [account for (account,) in rows]


def _differing(
    connection: duckdb.DuckDBPyConnection, accounts: Sequence[str] | None
) -> dict[str, tuple[str, ...]]:
    """Accounts with a row that only one side has, in order, and the tables that hold it."""
    found: dict[str, tuple[str, ...]] = {}
    chosen = "$accounts IS NULL OR account_id IN (SELECT UNNEST($accounts::TEXT[]))"
    for table in COMPARED:
        rows = connection.execute(
            f"""
            WITH stored AS (
              SELECT * FROM warehouse.{table} WHERE {chosen}
            ), rebuilt AS (
              SELECT * FROM live.{table} WHERE {chosen}
            )
            SELECT account_id FROM (FROM stored EXCEPT ALL FROM rebuilt)
            UNION
            SELECT account_id FROM (FROM rebuilt EXCEPT ALL FROM stored)
            """,  # noqa: S608 - the names stand above
            {"accounts": accounts},
        ).fetchall()
        for (account,) in rows:
            found[account] = (*found.get(account, ()), table)
    return dict(sorted(found.items()))


def _examples(
    connection: duckdb.DuckDBPyConnection, differing: dict[str, tuple[str, ...]]
) -> tuple[Difference, ...]:
    rows = connection.execute(
        """
        WITH stored AS (
          SELECT program, account_id, score FROM warehouse.scores.composites
          WHERE level = 'account'
        ), rebuilt AS (
          SELECT program, account_id, score FROM live.scores.composites
          WHERE level = 'account'
        ), scores AS (
          SELECT program, account_id, stored.score AS stored, rebuilt.score AS rebuilt
          FROM stored FULL JOIN rebuilt USING (program, account_id)
        )
        SELECT differing.account_id, scores.program, scores.stored, scores.rebuilt
        FROM (SELECT UNNEST($accounts::TEXT[]) AS account_id) AS differing
        LEFT JOIN scores USING (account_id)
        ORDER BY differing.account_id, scores.program
        """,
        {"accounts": list(differing)},
    ).fetchall()
    return tuple(
        Difference(account, differing[account], program, stored, rebuilt)
        for account, program, stored, rebuilt in rows
    )


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row is not None else 0
