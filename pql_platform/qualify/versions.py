"""Which scores qualify: thresholds set on the current population, kept as model versions.

A version is made when a program has none, when its definition has changed, and every quarter. It is
recorded with its evidence and made live by compare-and-set; the rules of a share are in
`domain/qualification.py`.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pandas as pd
from sqlalchemy import Connection

from pql_platform.domain.qualification import threshold_for_share
from pql_platform.errors import PqlError
from pql_platform.ledger.versions import (
    ModelVersion,
    NewVersion,
    live_version,
    promote,
    record_version,
)
from pql_platform.program.schema import Program
from pql_platform.qualify.tiers import Thresholds
from pql_platform.warehouse.definition import definition_digest

NOBODY = Decimal("100.25")
"""A threshold that no score reaches, for a population in which nobody has a point yet."""


def current_thresholds(
    conn: Connection, program: Program, subjects: pd.DataFrame, now: datetime
) -> Thresholds:
    """Return the live thresholds, setting them first where the definition has none yet.

    Args:
        conn: The ledger, in a transaction.
        program: The program.
        subjects: `read_subjects`, which a new version is computed on.
        now: The clock of the run.
    """
    live = live_version(conn, program.program)
    due = _why_recalibrate(live.version if live else None, program, subjects)
    if due is None:
        return live_thresholds(conn, program.program)
    by, reason = due
    return _thresholds(recalibrate(conn, program, subjects, now, by=by, reason=reason))


def _why_recalibrate(
    version: ModelVersion | None, program: Program, subjects: pd.DataFrame
) -> tuple[str, str] | None:
    """Who asks for a new version and why; None while the live one holds."""
    if version is None:
        return "first run", "no version yet"
    if version.program_digest != _digest(program):
        return "deploy", "the program file has changed"
    if NOBODY in (version.enter_account, version.enter_user) and _has_points(subjects):
        return "first points", "nobody had a point before"
    return None


def live_thresholds(conn: Connection, program: str) -> Thresholds:
    """Return the thresholds that decide now.

    Raises:
        PqlError: The program has no version yet.
    """
    live = live_version(conn, program)
    return thresholds_of_version(live.version if live else None, program)


def thresholds_of_version(version: ModelVersion | None, program: str) -> Thresholds:
    """Return the thresholds that a version set.

    Raises:
        PqlError: There is no version.
    """
    if version is None:
        raise PqlError(f"Program {program} has no model version yet", hint="Run `pql run`")
    return _thresholds(version)


def recalibrate(
    conn: Connection,
    program: Program,
    subjects: pd.DataFrame,
    now: datetime,
    *,
    by: str,
    reason: str,
) -> ModelVersion:
    """Compute thresholds on the current population, record them as a version, make it live.

    Args:
        conn: The ledger, in a transaction.
        program: The program.
        subjects: `read_subjects`: the population is where `in_population` holds.
        now: The clock of the run.
        by: Who or what asked.
        reason: Why.

    Raises:
        PqlError: Another recalibration came first.
    """
    live = live_version(conn, program.program)
    population = subjects[subjects["in_population"]]
    accounts = population[population["level"] == "account"]
    enter_account = _threshold(program, accounts)
    enter_user = _threshold(program, population[population["level"] == "user"])
    qualified = (accounts["eligible"] & (accounts["score"] >= float(enter_account))).sum()
    version = record_version(
        conn,
        NewVersion(
            program=program.program,
            program_digest=_digest(program),
            enter_account=enter_account,
            enter_user=enter_user,
            leave_margin=program.threshold.leave_margin,
            top_share=program.threshold.top_share if program.threshold.enter == "auto" else None,
            population=len(accounts),
            qualified_share=Decimal(f"{qualified / max(len(accounts), 1):.6f}"),
            created_at=now,
            created_by=by,
            reason=reason,
            parent=live.version.id if live else None,
        ),
    )
    promote(
        conn,
        program.program,
        version.id,
        by=by,
        why=reason,
        expected=live.version.id if live else None,
        now=now,
    )
    return version


def _threshold(program: Program, population: pd.DataFrame) -> Decimal:
    if program.threshold.enter != "auto":
        return Decimal(program.threshold.enter)
    scores = [Decimal(score) for score in population["score"]]
    if not any(scores):
        return NOBODY
    return threshold_for_share(scores, program.threshold.top_share)


def _has_points(subjects: pd.DataFrame) -> bool:
    return bool((subjects.loc[subjects["in_population"], "score"] > 0).any())


def _digest(program: Program) -> str:
    """What the thresholds depend on: the scores, and how the share is drawn."""
    threshold = program.threshold
    return f"{definition_digest(program)}-{threshold.enter}-{threshold.top_share}"


def _thresholds(version: ModelVersion) -> Thresholds:
    if version.enter_account is None or version.enter_user is None:
        raise PqlError(
            f"Version {version.id} has no threshold for both levels",
            hint="Run a recalibration",
        )
    return Thresholds(version.id, version.enter_account, version.enter_user)
