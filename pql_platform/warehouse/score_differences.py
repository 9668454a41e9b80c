"""How the scores of a challenger differ from those that production had at the same instant.

Only compares what `environments` has computed and kept. Which of the two is better is not for a
difference to say: it shows who would be called, and who would not be any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import duckdb

from pql_platform.errors import PqlError
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.environments import check_name, unknown_challenger

MOST_SUBJECTS = 20
"""How many subjects a difference shows of each kind."""

_CHOICES = {
    "largest": "differs ORDER BY ABS(COALESCE(challenger, 0) - COALESCE(production, 0)) DESC",
    "gained": "over_now AND NOT over_before ORDER BY challenger DESC",
    "lost": "over_before AND NOT over_now ORDER BY production DESC",
}


@dataclass(frozen=True)
class ScoreChange:
    """A user or account that the two definitions score differently, in points; None is no score."""

    program: str
    level: str
    subject_id: str
    account_id: str
    production: Decimal | None
    challenger: Decimal | None


@dataclass(frozen=True)
class Difference:
    """How a challenger's scores differ from production's at the instant of the challenger.

    Attributes:
        as_of: That instant, aware UTC.
        subjects: Users and accounts that either of them scores, times programs.
        differing: Those with another score.
        gained: Those over the present threshold with the challenger only, a count.
        lost: Those over it in production only, a count.
        largest: The largest changes.
        first_gained: The highest challenger scores among those gained.
        first_lost: The highest production scores among those lost.
    """

    as_of: datetime
    subjects: int
    differing: int
    gained: int
    lost: int
    largest: tuple[ScoreChange, ...]
    first_gained: tuple[ScoreChange, ...]
    first_lost: tuple[ScoreChange, ...]


def difference(
    settings: Settings, name: str, thresholds: Mapping[tuple[str, str], Decimal]
) -> Difference:
    """Compare a challenger's scores with those that production had at the same instant.

    Args:
        settings: Where the warehouse is.
        name: The challenger.
        thresholds: Score at which a subject is over, points, by program and level; where there is
            none, nobody gains or loses.

    Raises:
        PqlError: There is no such challenger.
    """
    check_name(name)
    with open_warehouse(settings) as connection:
        _check_is_computed(connection, settings, name)
        _compare(connection, name, thresholds)
        row = connection.execute(
            """
            SELECT ANY_VALUE(as_of), COUNT(*), COUNT(*) FILTER (WHERE differs),
              COUNT(*) FILTER (WHERE over_now AND NOT over_before),
              COUNT(*) FILTER (WHERE over_before AND NOT over_now)
            FROM compared
            """
        ).fetchone()
        as_of, subjects, differing, gained, lost = row or (None, 0, 0, 0, 0)
        if as_of is None:
            raise PqlError("Production had no scores to compare with", hint="Run `pql run` first")
        return Difference(
            as_of=as_of.replace(tzinfo=UTC),
            subjects=subjects,
            differing=differing,
            gained=gained,
            lost=lost,
            largest=_first(connection, "largest"),
            first_gained=_first(connection, "gained"),
            first_lost=_first(connection, "lost"),
        )


def _check_is_computed(
    connection: duckdb.DuckDBPyConnection, settings: Settings, name: str
) -> None:
    row = connection.execute(
        "SELECT 1 FROM information_schema.tables"
        " WHERE table_schema = 'challengers' AND table_name = ?",
        [name],
    ).fetchone()
    if row is None:
        raise unknown_challenger(settings, name)


def _compare(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    thresholds: Mapping[tuple[str, str], Decimal],
) -> None:
    """Write temporary table `compared`: each subject with both scores, and whether it is over."""
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE compared AS
        WITH thresholds AS (
          SELECT UNNEST($programs::TEXT[]) AS program, UNNEST($levels::TEXT[]) AS level,
            UNNEST($scores::DECIMAL(9, 2)[]) AS threshold
        )
        SELECT program, level, subject_id,
          COALESCE(challenger.account_id, production.account_id) AS account_id,
          production.score AS production, challenger.score AS challenger,
          (SELECT as_of FROM challengers.{name} LIMIT 1) AS as_of,
          production.score IS DISTINCT FROM challenger.score AS differs,
          COALESCE(production.score >= thresholds.threshold, FALSE) AS over_before,
          COALESCE(challenger.score >= thresholds.threshold, FALSE) AS over_now
        FROM challengers.{name} AS production
        FULL JOIN scores__{name}.composites AS challenger USING (program, level, subject_id)
        LEFT JOIN thresholds USING (program, level)
        """,  # noqa: S608 - the name was checked
        {
            "programs": [program for program, _ in thresholds],
            "levels": [level for _, level in thresholds],
            "scores": list(thresholds.values()),
        },
    )


def _first(connection: duckdb.DuckDBPyConnection, choice: str) -> tuple[ScoreChange, ...]:
    rows = connection.execute(
        "SELECT program, level, subject_id, account_id, production, challenger FROM compared"  # noqa: S608
        f" WHERE {_CHOICES[choice]}, program, level, subject_id LIMIT $most",
        {"most": MOST_SUBJECTS},
    ).fetchall()
    return tuple(ScoreChange(*row) for row in rows)
