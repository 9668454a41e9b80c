"""Scores as somebody asks for them: the present from the serving copy, the past computed.

The past is evaluated with the deployed queries as of the instant asked for, from what had been
received by then, and judged by the model version of that time.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import pandas as pd
from sqlalchemy import Connection

from pql_platform.answers.moments import is_present, require_accounts
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.ledger.versions import list_versions
from pql_platform.program.load import load_programs
from pql_platform.program.schema import Program
from pql_platform.program.signals import CATEGORIES
from pql_platform.qualify.tiers import Thresholds, compute_tiers, read_subjects
from pql_platform.qualify.versions import thresholds_of_version
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_serving, open_warehouse
from pql_platform.warehouse.rescoring import as_known_at, live_schemas

_PARTS = ", ".join(f"composites.{category}" for category in CATEGORIES)


def score_rows(
    settings: Settings, level: str | None = None, as_of: datetime | None = None
) -> list[dict[str, Any]]:
    """Return one row per user and account, best scores first.

    Args:
        settings: The installation.
        level: `account` or `user`; None for both.
        as_of: Aware instant; None means as of the last pass.

    Returns:
        Rows with id, level, program, score, categories, threshold, qualified, tier, reason,
        version and as_of.
    """
    if as_of is None or is_present(settings, as_of):
        with open_serving(settings) as connection:
            rows = _current(connection)
    else:
        rows = _past(settings, as_of)
    wanted = [row for row in rows if level is None or row["level"] == level]
    return sorted(wanted, key=lambda row: (-row["score"], row["level"], row["id"]))


def _current(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    frame = connection.execute(
        f"""
        SELECT tiers.*, {_PARTS}
        FROM pql.tiers AS tiers
        INNER JOIN scores.composites AS composites USING (program, level, subject_id)
        """  # noqa: S608 - the categories are constants
    ).df()
    return _rows(frame)


def _past(settings: Settings, as_of: datetime) -> list[dict[str, Any]]:
    frames = []
    engine = open_ledger(settings.ledger_url)
    with (
        open_warehouse(settings) as connection,
        as_known_at(connection, as_of),
        live_schemas(connection),
    ):
        for loaded in load_programs(settings.programs):
            with reading(engine) as conn:
                thresholds = thresholds_at(conn, loaded.program, as_of)
            subjects = read_subjects(connection, loaded.program)
            judged = compute_tiers(subjects, loaded.program, thresholds, as_of)
            parts = connection.execute(
                f"SELECT level, subject_id, {_PARTS} FROM scores.composites AS composites"  # noqa: S608
                " WHERE program = ?",
                [loaded.program.program],
            ).df()
            frames.append(judged.merge(parts, on=["level", "subject_id"]))
    engine.dispose()
    rows = _rows(pd.concat(frames))
    require_accounts(rows, as_of)
    return rows


def thresholds_at(conn: Connection, program: Program, as_of: datetime) -> Thresholds:
    """Return the thresholds of the version that was the newest at that time.

    Before the first version, the first one: it is what would have been said.
    """
    versions = list_versions(conn, program.program)
    known = [version for version in versions if version.created_at <= as_of] or versions[:1]
    return thresholds_of_version(known[-1] if known else None, program.program)


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
