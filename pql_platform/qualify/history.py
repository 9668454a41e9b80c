"""What was said of everybody, and when: the score history, written with the tiers of each pass.

A row is written when a score, its verdict, its tier or its version is another than before; scores
by day follow from these rows. What would have been said at any instant is computed anew by
`pql_platform.answers` and needs no history.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal

import duckdb
import pandas as pd

from pql_platform.warehouse import statements


@dataclass(frozen=True)
class Recorded:
    """What a pass added to the history.

    Attributes:
        changes: Rows written.
        behind: Whether the clock of the pass lies before that of an earlier one: nothing is
            written then, because what was said later still stands.
    """

    changes: int
    behind: bool = False


@dataclass(frozen=True)
class Said:
    """What was said of one user or account from `as_of` on; no score when nobody had the id."""

    as_of: datetime
    score: Decimal | None
    qualified: bool
    tier: int | None
    version: str


def record_scores(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> Recorded:
    """Add what pql.tiers says otherwise than the pass before; a repeated pass adds nothing.

    A pass repeated at the same instant with another result takes the place of the first.

    Args:
        connection: The warehouse, held for writing, with the tiers of this pass.
        as_of: The clock of the pass.
    """
    moment = _naive(as_of)
    statements.run(connection, "score_history_tables")
    row = connection.execute("SELECT as_of FROM pql.history_clock").fetchone()
    if row is not None and moment < row[0]:
        return Recorded(0, behind=True)
    changes = _compare(connection)
    connection.execute("BEGIN")
    try:
        if changes and row is not None and moment == row[0]:
            statements.run(connection, "score_history_undo", as_of=moment)
            changes = _compare(connection)
        if changes:
            statements.run(connection, "score_history_write", as_of=moment)
        connection.execute("DELETE FROM pql.history_clock")
        connection.execute("INSERT INTO pql.history_clock VALUES (?)", [moment])
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("DROP TABLE score_changes")
    return Recorded(changes)


def history_of(
    connection: duckdb.DuckDBPyConnection,
    program: str,
    level: str,
    subject_id: str,
    since: datetime,
) -> list[Said]:
    """Return what was said of one user or account: the row that held at `since`, and all later."""
    statements.run(connection, "score_history_tables")
    frame = statements.query(
        connection,
        "score_history_of",
        program=program,
        level=level,
        subject_id=subject_id,
        since=_naive(since),
    )
    return [
        Said(
            as_of=row.as_of.to_pydatetime().replace(tzinfo=UTC),
            score=None if pd.isna(row.score) else Decimal(row.score),
            qualified=bool(row.qualified),
            tier=None if pd.isna(row.tier) else int(row.tier),
            version=row.version,
        )
        for row in frame.itertuples()
    ]


def daily_scores(
    connection: duckdb.DuckDBPyConnection,
    program: str,
    day_from: date,
    day_to: date,
    *,
    until: datetime | None = None,
    level: str | None = None,
    subject_id: str | None = None,
) -> pd.DataFrame:
    """Return the closing score of each UTC day, for everybody or for one level or one id.

    Args:
        connection: The warehouse.
        program: The program's name.
        day_from: First day.
        day_to: Last day; days after the last pass have no rows.
        until: Only what had been said by then counts; None means the end of `day_to`.
        level: `account` or `user`; None for both.
        subject_id: One id; None for all.

    Returns:
        Columns level, subject_id, day (date) and score (points), ordered by them.
    """
    statements.run(connection, "score_history_tables")
    return statements.query(
        connection,
        "score_history_days",
        program=program,
        day_from=day_from,
        day_to=day_to,
        until=_naive(until) if until else datetime.combine(day_to, time.max),
        level=level,
        subject_id=subject_id,
    )


def _compare(connection: duckdb.DuckDBPyConnection) -> int:
    statements.run(connection, "score_history_changes")
    (changes,) = connection.execute("SELECT COUNT(*) FROM score_changes").fetchone() or (0,)
    return int(changes)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
