"""What would be enough, in one sentence, for accounts and users as they stand."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pql_platform.answers.enough import what_would_be_enough
from pql_platform.program.load import load_program
from pql_platform.program.schema import Program

PROGRAM = load_program(Path(__file__).parents[2] / "programs" / "boards.yaml").program


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """An account with one engaged user who created two boards ten minutes ago."""
    with duckdb.connect() as opened:
        opened.execute("CREATE SCHEMA features")
        opened.execute(
            "CREATE TABLE features.signals AS SELECT 'boards' AS program, level,"
            " subject_id, 'boards_created' AS signal, 2.0 AS value"
            " FROM (VALUES ('account', 'acme'), ('user', 'ann')) AS known (level, subject_id)"
        )
        opened.execute(
            "CREATE TABLE features.subjects AS SELECT 'boards' AS program, 'account' AS level,"
            " 'acme' AS subject_id, 1 AS engaged_users"
        )
        yield opened


def said(
    connection: duckdb.DuckDBPyConnection,
    score: str,
    threshold: str,
    level: str = "account",
    limit: str = "0",
    program: Program = PROGRAM,
    **row: Any,
) -> str:
    points = Decimal("11.5")
    contributions = [
        {"signal": "boards_created", "category": "usage_depth", "points": points},
        {
            "signal": "team_project",
            "category": "compound",
            "points": Decimal(score) - points - Decimal(limit),
        },
        {"signal": "single_user_cap", "category": "limit", "points": Decimal(limit)},
    ]
    subject = {"account": "acme", "user": "ann"}[level]
    judged = {"level": level, "subject_id": subject, "qualified": False, "users_over": 0}
    return what_would_be_enough(
        connection,
        program,
        {**judged, "score": Decimal(score), "threshold": Decimal(threshold), **row},
        contributions,
    )


def test_a_score_over_its_threshold_says_by_how_much(connection) -> None:
    assert said(connection, "62.5", "60") == "The score is 2.5 points over the threshold."
    assert said(connection, "60", "60") == "The score is exactly at the threshold."


def test_an_account_that_its_users_carry_needs_no_score(connection) -> None:
    carried = said(connection, "20", "60", qualified=True, users_over=3)
    assert carried == "It qualifies without the score: 3 users of it are over their own threshold."


def test_the_smallest_step_says_who_would_have_to_take_it(connection) -> None:
    done = "reached for more than the free plan allows once in the last 14 days."
    assert said(connection, "45", "60") == f"The score would cross, at 70, if one user {done}"
    assert said(connection, "45", "60", "user") == (
        f"The score would cross, at 70, if this user {done}"
    )
    of_team = PROGRAM.model_copy(
        update={
            "signals": tuple(
                signal.model_copy(update={"account_value": "team"}) for signal in PROGRAM.signals
            )
        }
    )
    assert said(connection, "45", "60", program=of_team) == (
        f"The score would cross, at 70, if the team {done}"
    )


def test_one_person_alone_crosses_a_threshold_above_the_cap_with_a_second_one_only(
    connection,
) -> None:
    # 80 points of one person are held at 75, and the colleague brings the spread as well.
    joined = said(connection, "75", "80", limit="-5")
    assert joined.startswith("The score would cross, at 82.5, if 1 more user took up the product")


def test_what_no_single_step_reaches_says_what_is_missing(connection) -> None:
    assert said(connection, "12.5", "90") == (
        "No single step would be enough: 77.5 points are missing."
    )
