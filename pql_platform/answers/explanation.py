"""Why a user or account has its score: every contribution, yesterday's score, what would be enough.

Computed from the events as of the instant asked for, by the same queries that made the score.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
from sqlalchemy import Engine

from pql_platform.answers.moments import last_pass
from pql_platform.answers.scores import thresholds_at
from pql_platform.domain.counterfactual import Lever, smallest_step
from pql_platform.errors import PqlError
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.program.load import load_programs
from pql_platform.program.schema import Program
from pql_platform.program.suggest import closest
from pql_platform.qualify.tiers import compute_tiers, read_subjects
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.rescoring import as_known_at, live_schemas


def explain(settings: Settings, subject_id: str, as_of: datetime | None) -> dict[str, Any]:
    """Explain one user or account, in each program that scores it; the highest score first.

    Args:
        settings: The installation.
        subject_id: A user id or an account id.
        as_of: Aware instant; None means the last pass.

    Returns:
        id, level, program, score, yesterday, threshold, qualified, reason, contributions (points
        add up to the score), counterfactual, version and as_of.

    Raises:
        PqlError: Nobody has that id, or nothing was known at that time.
    """
    moment = as_of or last_pass(settings)
    engine = open_ledger(settings.ledger_url)
    try:
        with open_warehouse(settings) as connection:
            account = _account_of(connection, subject_id)
            found = [
                answer
                for loaded in load_programs(settings.programs)
                if (
                    answer := _explain(
                        connection, engine, loaded.program, subject_id, account, moment
                    )
                )
            ]
    finally:
        engine.dispose()
    if not found:
        raise PqlError(
            f"{subject_id} was not known at {moment.isoformat()}",
            hint="Ask for a later time with --as-of",
        )
    return max(found, key=lambda answer: answer["score"])


def _account_of(connection: duckdb.DuckDBPyConnection, subject_id: str) -> str:
    row = connection.execute(
        """
        SELECT account_id FROM staging.accounts WHERE account_id = $id
        UNION ALL
        SELECT account_id FROM staging.users WHERE user_id = $id
        """,
        {"id": subject_id},
    ).fetchone()
    if row is not None:
        return str(row[0])
    known = connection.execute(
        "SELECT subject_id FROM features.subjects ORDER BY subject_id LIMIT 20000"
    ).fetchall()
    meant = closest(subject_id, [name for (name,) in known])
    raise PqlError(
        f"There is no user or account {subject_id!r}",
        hint=f"Did you mean `{meant}`?" if meant else "List them with `pql scores`",
    )


def _explain(
    connection: duckdb.DuckDBPyConnection,
    engine: Engine,
    program: Program,
    subject_id: str,
    account_id: str,
    as_of: datetime,
) -> dict[str, Any] | None:
    with reading(engine) as conn:
        thresholds = thresholds_at(conn, program, as_of)
    with as_known_at(connection, as_of, [account_id]), live_schemas(connection):
        subjects = read_subjects(connection, program)
        judged = compute_tiers(subjects, program, thresholds, as_of)
        mine = judged[judged["subject_id"] == subject_id]
        if mine.empty:
            return None
        # An id that names both an account and a user is explained as the account.
        row = mine.sort_values("level").iloc[0].to_dict()
        contributions = _contributions(connection, program, row)
        levers = _levers(connection, program, row, contributions)
    with as_known_at(connection, as_of - timedelta(days=1), [account_id]), live_schemas(connection):
        earlier = connection.execute(
            "SELECT score FROM scores.composites"
            " WHERE program = ? AND level = ? AND subject_id = ?",
            [program.program, row["level"], subject_id],
        ).fetchone()
    score, threshold = Decimal(row["score"]), Decimal(row["threshold"])
    return {
        "id": subject_id,
        "level": row["level"],
        "program": program.program,
        "score": score,
        "yesterday": earlier[0] if earlier else None,
        "threshold": threshold,
        "qualified": bool(row["qualified"]),
        "reason": row["reason"] if isinstance(row["reason"], str) else None,
        "contributions": contributions,
        "counterfactual": _counterfactual(program, score, threshold, levers),
        "version": thresholds.version,
        "as_of": as_of,
    }


def _contributions(
    connection: duckdb.DuckDBPyConnection, program: Program, row: dict[str, Any]
) -> list[dict[str, Any]]:
    signals = {signal.name: signal for signal in program.signals}
    rows = connection.execute(
        """
        SELECT signal, category, value, points FROM scores.contributions
        WHERE program = ? AND level = ? AND subject_id = ?
        ORDER BY points DESC, signal
        """,
        [program.program, row["level"], row["subject_id"]],
    ).fetchall()
    return [
        {
            "signal": signal,
            "category": category,
            "value": value,
            "points": points,
            "says": signals[signal].spoken(value) if signal in signals else _SAYS[category],
        }
        for signal, category, value, points in rows
    ]


_SAYS = {
    "compound": "all of its signals together",
    "negative": "points taken away by the program",
    "limit": "scores stay between 0 and 100",
}


def _levers(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    row: dict[str, Any],
    contributions: list[dict[str, Any]],
) -> list[Lever]:
    values = dict(
        connection.execute(
            "SELECT signal, value FROM features.signals"
            " WHERE program = ? AND level = ? AND subject_id = ?",
            [program.program, row["level"], row["subject_id"]],
        ).fetchall()
    )
    earned = {item["signal"]: item["points"] for item in contributions}
    return [
        Lever(
            signal=signal.name,
            value=values.get(signal.name, 0.0),
            threshold=float(signal.threshold),
            points=Decimal(earned.get(signal.name, 0)),
            max_points=program.max_points[signal.name],
            half_life_days=float(program.half_life_days),
            lower_is_better=signal.lower_is_better,
        )
        for signal in program.signals
    ]


def _counterfactual(
    program: Program, score: Decimal, threshold: Decimal, levers: list[Lever]
) -> str:
    if score >= threshold:
        return f"It is {score - threshold} points over the threshold."
    step = smallest_step(score, threshold, levers)
    if step is None:
        return f"No single signal would be enough: {threshold - score} points are missing."
    signal = next(item for item in program.signals if item.name == step.signal)
    return f"It would cross, with {step.score} points, once it has {signal.spoken(step.value)}."
