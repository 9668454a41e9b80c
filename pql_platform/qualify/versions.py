"""Which scores qualify, now and at any time: thresholds and their program, kept as model versions.

A version is made when a program has none, when its file has changed, and every quarter. It is
recorded with its evidence and its program and made live by compare-and-set; the rules of a share
are in `domain/qualification.py`. Versions that weigh the signals anew are recorded and promoted in
`promotion`; here they are only kept up while their program file stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from pql_platform.domain.qualification import threshold_for_share
from pql_platform.errors import PqlError
from pql_platform.ledger.calibrated import calibration_of
from pql_platform.ledger.versions import (
    ModelVersion,
    NewVersion,
    live_version,
    promote,
    record_version,
)
from pql_platform.program.load import program_text
from pql_platform.program.schema import Program
from pql_platform.qualify.kept_programs import keeps, program_of_version
from pql_platform.qualify.tiers import Thresholds
from pql_platform.warehouse.definition import definition_digest

NOBODY = Decimal("100.25")
"""A threshold that no score reaches, for a population in which nobody has a point yet."""

CALIBRATION_FIELDS = (
    "weights",
    "points",
    "compounds",
    "evidence",
    "base_digest",
    "data_from",
    "data_to",
)
"""What a calibrated version has beyond any other."""


@dataclass(frozen=True)
class InForce:
    """What judges the users and accounts of a program.

    Attributes:
        program: The program of the version; today's file where the version kept none.
        thresholds: The thresholds of the version, with its id.
        kept: Whether the version kept its program.
    """

    program: Program
    thresholds: Thresholds
    kept: bool


def current_thresholds(
    conn: Connection, program: Program, subjects: pd.DataFrame, now: datetime
) -> Thresholds:
    """Return the live thresholds, making a new version first where the program file has changed.

    What moves no score (tiers, routes, wording) keeps the thresholds; all else draws them anew.

    Args:
        conn: The ledger, in a transaction.
        program: The program in force.
        subjects: `read_subjects`, which new thresholds are computed on.
        now: The clock of the run.
    """
    live = live_version(conn, program.program)
    due = _why_recalibrate(live.version if live else None, program, subjects)
    if due is not None:
        by, reason = due
        return thresholds_of(recalibrate(conn, program, subjects, now, by=by, reason=reason))
    if live is None or keeps(live.version, program):
        return live_thresholds(conn, program.program)
    return thresholds_of(_carry_over(conn, live.version, program, now))


def _why_recalibrate(
    version: ModelVersion | None, program: Program, subjects: pd.DataFrame
) -> tuple[str, str] | None:
    """Who asks for a new version and why; None while the live one holds."""
    if version is None:
        return "first run", "no version yet"
    is_another = _definition_of(version) != definition_digest(program)
    if is_another and calibration_of(version) is not None:
        # It was calibrated on the file as it was: now the file counts as it is written.
        return "deploy", f"the program file has changed since {version.id}: its own points count"
    if version.program_digest != version_digest(program):
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
    if live is None:
        raise PqlError(f"Program {program} has no model version yet", hint="Run `pql run`")
    return thresholds_of(live.version)


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

    A calibration of the live version goes on while it is what the program scores by.

    Args:
        conn: The ledger, in a transaction.
        program: The program in force.
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
    return _make_live(
        conn,
        NewVersion(
            program=program.program,
            program_digest=version_digest(program),
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
            program_text=program_text(program),
            **_calibration_that_holds(live.version if live else None, program),
        ),
        now,
    )


def in_force(version: ModelVersion, today: Callable[[], Mapping[str, Program]]) -> InForce:
    """Return what a version judges by.

    Args:
        version: The version.
        today: Reads the program files, by name; asked only when the version kept no program.

    Raises:
        PqlError: The version kept no program and no file has it any more.
    """
    kept = program_of_version(version)
    program = kept or today().get(version.program)
    if program is None:
        raise PqlError(
            f"{version.id} kept no program, and no program file is called {version.program}",
            hint="Put the file back, or ask for a later time",
        )
    return InForce(program, thresholds_of(version), kept is not None)


def version_digest(program: Program) -> str:
    """What the thresholds of a version depend on: the scores, and how the share is drawn."""
    threshold = program.threshold
    return f"{definition_digest(program)}-{threshold.enter}-{threshold.top_share}"


def _definition_of(version: ModelVersion) -> str:
    """The `definition_digest` of the program that a version was made with."""
    return version.program_digest.partition("-")[0]


def _calibration_that_holds(version: ModelVersion | None, program: Program) -> dict[str, Any]:
    """What the next version takes over from a calibrated one that scores by this very program."""
    if version is None or calibration_of(version) is None:
        return {}
    if _definition_of(version) != definition_digest(program):
        return {}
    return {name: getattr(version, name) for name in CALIBRATION_FIELDS}


def _carry_over(
    conn: Connection, version: ModelVersion, program: Program, now: datetime
) -> ModelVersion:
    """Make a version of a changed file that moves no score: same thresholds, same evidence."""
    same = {field.name: getattr(version, field.name) for field in fields(NewVersion)}
    changed = {
        "leave_margin": program.threshold.leave_margin,
        "created_at": now,
        "created_by": "deploy",
        "reason": "the program file has changed in what moves no score: thresholds kept",
        "parent": version.id,
        "program_text": program_text(program),
    }
    return _make_live(conn, NewVersion(**{**same, **changed}), now)


def _make_live(conn: Connection, version: NewVersion, now: datetime) -> ModelVersion:
    """Record a version and promote it in the place of its parent."""
    made = record_version(conn, version)
    promote(
        conn,
        made.program,
        made.id,
        by=made.created_by,
        why=made.reason,
        expected=made.parent,
        now=now,
    )
    return made


def _threshold(program: Program, population: pd.DataFrame) -> Decimal:
    if program.threshold.enter != "auto":
        return Decimal(program.threshold.enter)
    scores = [Decimal(score) for score in population["score"]]
    if not any(scores):
        return NOBODY
    return threshold_for_share(scores, program.threshold.top_share)


def _has_points(subjects: pd.DataFrame) -> bool:
    return bool((subjects.loc[subjects["in_population"], "score"] > 0).any())


def thresholds_of(version: ModelVersion) -> Thresholds:
    """Return the thresholds of a version.

    Raises:
        PqlError: It has none for one of the levels.
    """
    if version.enter_account is None or version.enter_user is None:
        raise PqlError(
            f"Version {version.id} has no threshold for both levels",
            hint="Run a recalibration",
        )
    return Thresholds(version.id, version.enter_account, version.enter_user)
