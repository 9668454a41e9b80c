"""Scores as somebody asks for them: the present from the serving copy, the past computed.

The past is evaluated with the queries and judged by the version and the program of that time, from
what had been received by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import pandas as pd

from pql_platform.answers.moments import (
    AS_SAID,
    Standing,
    is_present,
    programs_in_force,
    require_accounts,
    standing,
)
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.program.signals import CATEGORIES
from pql_platform.qualify.tiers import compute_tiers, read_subjects
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_serving, open_warehouse
from pql_platform.warehouse.rescoring import as_known_at, live_schemas

_PARTS = ", ".join(f"composites.{category}" for category in CATEGORIES)


@dataclass(frozen=True)
class Scores:
    """Scores of an instant.

    Attributes:
        rows: One per user and account, best scores first: id, level, program, score, categories,
            threshold, qualified, tier, reason, version, as_of, and how the answer stands
            (restated, final, program_kept).
        notes: What a reader must know of the answer as a whole, in sentences.
    """

    rows: list[dict[str, Any]]
    notes: tuple[str, ...]


def scores_of(
    settings: Settings, level: str | None = None, as_of: datetime | None = None
) -> Scores:
    """Return the scores of an instant.

    Args:
        settings: The installation.
        level: `account` or `user`; None for both.
        as_of: Aware instant; None means as of the last pass.

    Raises:
        PqlError: There are no scores yet, or nothing was known at that time.
    """
    if as_of is None or is_present(settings, as_of):
        with open_serving(settings) as connection:
            frame, stands = _current(connection), AS_SAID
    else:
        frame, stands = _past(settings, as_of)
    wanted = frame if level is None else frame[frame["level"] == level]
    rows = [{**row, **stands.fields} for row in _rows(wanted)]
    rows.sort(key=lambda row: (-row["score"], row["level"], row["id"]))
    return Scores(rows, stands.notes)


def _current(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    return connection.execute(
        f"""
        SELECT tiers.*, {_PARTS}
        FROM pql.tiers AS tiers
        INNER JOIN scores.composites AS composites USING (program, level, subject_id)
        """  # noqa: S608 - the categories are constants
    ).df()


def _past(settings: Settings, as_of: datetime) -> tuple[pd.DataFrame, Standing]:
    frames = []
    engine = open_ledger(settings.ledger_url)
    try:
        with open_warehouse(settings) as connection:
            with reading(engine) as ledger:
                judges = programs_in_force(connection, ledger, settings, as_of)
            stands = standing(connection, judges, as_of)
            with as_known_at(connection, as_of), live_schemas(connection):
                for judge in judges:
                    subjects = read_subjects(connection, judge.program)
                    judged = compute_tiers(subjects, judge.program, judge.thresholds, as_of)
                    parts = connection.execute(
                        f"SELECT level, subject_id, {_PARTS} FROM scores.composites AS composites"  # noqa: S608
                        " WHERE program = ?",
                        [judge.program.program],
                    ).df()
                    if len(judged):
                        frames.append(judged.merge(parts, on=["level", "subject_id"]))
    finally:
        engine.dispose()
    require_accounts(frames, as_of)
    return pd.concat(frames), stands


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {
            "id": row["subject_id"],
            "level": row["level"],
            "program": row["program"],
            "score": Decimal(row["score"]),
            "categories": {category: Decimal(row[category]) for category in CATEGORIES},
            "threshold": Decimal(row["threshold"]),
            "qualified": bool(row["qualified"]),
            "tier": None if pd.isna(row["tier"]) else int(row["tier"]),
            "reason": row["reason"] if isinstance(row["reason"], str) else None,
            "version": row["version"],
            "as_of": pd.Timestamp(row["as_of"]).to_pydatetime(),
        }
        for row in frame.to_dict("records")
    ]
