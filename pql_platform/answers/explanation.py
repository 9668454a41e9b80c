"""Why a user or account has its score: every contribution, how it came about, what would be enough.

Computed from the events as of the instant asked for, by the queries and judged by the version and
the program of that time. What would be enough is gathered in `enough`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb

from pql_platform.answers.enough import what_would_be_enough
from pql_platform.answers.moments import last_pass, programs_in_force, standing
from pql_platform.answers.subjects import accounts_ever, merged_into, refused_subject
from pql_platform.domain.grammar import number
from pql_platform.domain.points import LIMIT, SINGLE_USER_CAP, SPREAD
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.program.schema import Program
from pql_platform.qualify.history import daily_scores
from pql_platform.qualify.tiers import compute_tiers, read_subjects
from pql_platform.qualify.versions import InForce
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.rescoring import as_known_at, live_schemas

HISTORY_DAYS = 14
"""Days of closing scores that an explanation shows."""


def explain(settings: Settings, subject_id: str, as_of: datetime | None) -> dict[str, Any]:
    """Explain one user or account, in the program that gives it the highest score.

    Args:
        settings: The installation.
        subject_id: A user id or an account id.
        as_of: Aware instant; None means the last pass.

    Returns:
        id, level, program, score, yesterday (the score as known a day earlier, by the queries of
        then), history (closing scores of the last days as they were said), threshold, qualified,
        reason, contributions (points add up to the score), counterfactual, version, as_of, and how
        the answer stands (restated, final, program_kept, notes).

    Raises:
        PqlError: Nobody has that id, or nothing was known at that time.
    """
    moment = as_of or last_pass(settings)
    engine = open_ledger(settings.ledger_url)
    try:
        with open_warehouse(settings) as connection:
            with reading(engine) as ledger:
                judges = programs_in_force(connection, ledger, settings, moment)
            accounts = accounts_ever(connection, subject_id)
            with as_known_at(connection, moment, accounts), live_schemas(connection):
                found = [_explain(connection, judge, subject_id, moment) for judge in judges]
                successor = merged_into(connection, subject_id)
            answers = [answer for answer in found if answer is not None]
            if not answers:
                raise refused_subject(connection, subject_id, successor, moment)
            best = max(answers, key=lambda answer: answer["score"])
            [judge] = [judge for judge in judges if judge.program.program == best["program"]]
            stands = standing(connection, [judge], moment)
            return {
                **best,
                "yesterday": _score_at(connection, best, moment - timedelta(days=1), accounts),
                "history": _history(connection, best, moment),
                **stands.fields,
                "notes": list(stands.notes),
            }
    finally:
        engine.dispose()


def _explain(
    connection: duckdb.DuckDBPyConnection, judge: InForce, subject_id: str, as_of: datetime
) -> dict[str, Any] | None:
    program = judge.program
    judged = compute_tiers(read_subjects(connection, program), program, judge.thresholds, as_of)
    mine = judged[judged["subject_id"] == subject_id]
    if mine.empty:
        return None
    # An id that names both an account and a user is explained as the account.
    row = mine.sort_values("level").iloc[0].to_dict()
    contributions = _contributions(connection, program, row)
    return {
        "id": subject_id,
        "level": row["level"],
        "program": program.program,
        "score": Decimal(row["score"]),
        "threshold": Decimal(row["threshold"]),
        "qualified": bool(row["qualified"]),
        "reason": row["reason"] if isinstance(row["reason"], str) else None,
        "contributions": contributions,
        "counterfactual": what_would_be_enough(connection, program, row, contributions),
        "version": judge.thresholds.version,
        "as_of": as_of,
    }


def _contributions(
    connection: duckdb.DuckDBPyConnection, program: Program, row: dict[str, Any]
) -> list[dict[str, Any]]:
    rows = connection.execute(
        """
        SELECT signal, category, user_id, value, points FROM scores.contributions
        WHERE program = ? AND level = ? AND subject_id = ?
        ORDER BY points DESC, signal
        """,
        [program.program, row["level"], row["subject_id"]],
    ).fetchall()
    signals = {signal.name: signal for signal in program.signals}
    return [
        {
            "signal": name,
            "category": category,
            "user_id": user_id,
            "value": value,
            "points": points,
            "says": signals[name].spoken(value)
            if name in signals
            else _says(program, name, category, value),
        }
        for name, category, user_id, value, points in rows
    ]


def _says(program: Program, name: str, category: str, value: float | None) -> str:
    """What a contribution that is no signal says."""
    if name == SINGLE_USER_CAP:
        cap = number(program.account_rule.single_user_cap)
        return f"one person alone can score {cap} at most"
    if category == SPREAD and value is not None:
        return f"{number(Decimal(value))} of its people use it"
    return {
        "compound": "all of its signals together",
        "negative": "points taken away by the program",
        LIMIT: "scores stay between 0 and 100",
    }.get(category, name)


def _score_at(
    connection: duckdb.DuckDBPyConnection,
    answer: dict[str, Any],
    as_of: datetime,
    accounts: list[str],
) -> Decimal | None:
    """The score as it was known at another instant, by the queries of that instant."""
    with as_known_at(connection, as_of, accounts), live_schemas(connection):
        row = connection.execute(
            "SELECT score FROM scores.composites"
            " WHERE program = ? AND level = ? AND subject_id = ?",
            [answer["program"], answer["level"], answer["id"]],
        ).fetchone()
    return row[0] if row else None


def _history(
    connection: duckdb.DuckDBPyConnection, answer: dict[str, Any], as_of: datetime
) -> list[dict[str, Any]]:
    frame = daily_scores(
        connection,
        answer["program"],
        as_of.date() - timedelta(days=HISTORY_DAYS - 1),
        as_of.date(),
        until=as_of,
        level=answer["level"],
        subject_id=answer["id"],
    )
    return [{"day": row.day.date(), "score": Decimal(row.score)} for row in frame.itertuples()]
