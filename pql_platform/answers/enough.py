"""What would be enough for one user or account: its signals and its team as they stand.

Gathers what `domain/counterfactual.py` reckons with; why the score is what it is says
`explanation`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import duckdb

from pql_platform.domain.counterfactual import Lever, TeamSpread, say, smallest_step
from pql_platform.domain.grammar import counted, number
from pql_platform.domain.points import LIMIT, TEAM_SPREAD
from pql_platform.program.schema import Program
from pql_platform.program.signals import DAY_MEASURES, Signal


def what_would_be_enough(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    row: dict[str, Any],
    contributions: list[dict[str, Any]],
) -> str:
    """Say in one sentence what would take a score over its threshold, or that it is over.

    Args:
        connection: Where `features` is as of the instant in question.
        program: The program that judges.
        row: The judged user or account: a row of `TIER_COLUMNS`.
        contributions: Its contributions, with signal, category and points.
    """
    score, threshold = Decimal(row["score"]), Decimal(row["threshold"])
    if score >= threshold:
        over = number(score - threshold)
        return (
            f"The score is {over} points over the threshold."
            if score > threshold
            else ("The score is exactly at the threshold.")
        )
    if row["qualified"]:
        carried = counted(int(row["users_over"]), "user")
        return f"It qualifies without the score: {carried} of it are over their own threshold."
    values = dict(
        connection.execute(
            "SELECT signal, value FROM features.signals"
            " WHERE program = ? AND level = ? AND subject_id = ?",
            [program.program, row["level"], row["subject_id"]],
        ).fetchall()
    )
    earned = {item["signal"]: item["points"] for item in contributions}
    step = smallest_step(
        sum((item["points"] for item in contributions if item["category"] != LIMIT), Decimal(0)),
        threshold,
        [_lever(program, signal, values, earned) for signal in program.signals],
        _team(connection, program, row) if row["level"] == "account" else None,
    )
    if step is None:
        missing = number(threshold - score)
        return f"No single step would be enough: {missing} points are missing."
    if step.signal == TEAM_SPREAD:
        return say(step)
    [signal] = [signal for signal in program.signals if signal.name == step.signal]
    who = "the team" if signal.counts_team else "one user"
    return say(
        step, signal.spoken(step.value), who=who if row["level"] == "account" else "this user"
    )


def _lever(
    program: Program, signal: Signal, values: dict[str, float], earned: dict[str, Decimal]
) -> Lever:
    days = signal.window_days if signal.measure in DAY_MEASURES else None
    return Lever(
        signal=signal.name,
        value=values.get(signal.name, 0.0),
        threshold=float(signal.threshold),
        points=Decimal(earned.get(signal.name, 0)),
        max_points=program.max_points[signal.name],
        half_life_days=float(program.half_life_days),
        lower_is_better=signal.lower_is_better,
        most=1 if signal.measure == "ever" else days,
    )


def _team(
    connection: duckdb.DuckDBPyConnection, program: Program, row: dict[str, Any]
) -> TeamSpread:
    (engaged,) = connection.execute(
        "SELECT engaged_users FROM features.subjects"
        " WHERE program = ? AND level = 'account' AND subject_id = ?",
        [program.program, row["subject_id"]],
    ).fetchone() or (0,)
    rule = program.account_rule
    return TeamSpread(
        engaged_users=engaged,
        spread_users=rule.spread_users,
        spread_points=rule.spread_points,
        single_user_cap=rule.single_user_cap,
    )
