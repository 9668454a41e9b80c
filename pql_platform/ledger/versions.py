"""The model versions of a program, which one is live, and which one was at any time.

A version is written once and never changed; what is live changes by compare-and-set, with who and
why, and each such promotion is kept. How a version is found belongs to calibration, what it scores
to the warehouse, and what its program says to `qualify`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from pql_platform.errors import PqlError
from pql_platform.ledger.insertion import insert_once
from pql_platform.ledger.tables import live_versions, model_versions, promotions


@dataclass(frozen=True)
class NewVersion:
    """A model version before it has a number.

    Attributes:
        program: The program it scores.
        program_digest: SHA-256 of the program file as it was.
        enter_account: Threshold at account level in points; None when accounts are not scored.
        enter_user: The same at user level.
        leave_margin: Points below the threshold that a qualified subject may fall.
        top_share: The share that the threshold aims at; None when it was set by hand.
        population: How many subjects the threshold was computed on.
        qualified_share: The share of them at or above the threshold.
        created_at: When.
        created_by: The person or job that made it.
        reason: Why, in words.
        parent: Id of the version it came from.
        program_text: The program it was made with, as JSON; None in versions of older releases.
        weights: Calibrated points per category; None, as what follows, in versions that judge by
            the points of the program file.
        points: Calibrated most points per signal.
        compounds: Calibrated compounds, as a program file writes them; None leaves the file's.
        evidence: What speaks for it, JSON-able: the backtest, and what it was drawn on.
        base_digest: `definition_digest` of the program file that it was calibrated on: what it
            changes counts while the file says the same.
        data_from: The first moment of the data it was calibrated on.
        data_to: The last one.
    """

    program: str
    program_digest: str
    enter_account: Decimal | None
    enter_user: Decimal | None
    leave_margin: Decimal
    created_at: datetime
    created_by: str
    reason: str
    top_share: Decimal | None = None
    population: int | None = None
    qualified_share: Decimal | None = None
    parent: str | None = None
    program_text: str | None = None
    weights: Mapping[str, Decimal] | None = None
    points: Mapping[str, Decimal] | None = None
    compounds: Sequence[Mapping[str, Any]] | None = None
    evidence: Mapping[str, Any] | None = None
    base_digest: str | None = None
    data_from: datetime | None = None
    data_to: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ModelVersion(NewVersion):
    """A recorded model version; its id reads `boards-v1`."""

    id: str
    number: int


@dataclass(frozen=True)
class LiveVersion:
    """The version that decides now, since when, and who made it so."""

    version: ModelVersion
    since: datetime
    promoted_by: str
    why: str


@dataclass(frozen=True)
class Promotion:
    """That a version became live: since when, who approved it, and why."""

    version_id: str
    since: datetime
    promoted_by: str
    why: str


def record_version(conn: Connection, version: NewVersion) -> ModelVersion:
    """Store a version under the next number of its program."""
    highest = select(func.max(model_versions.c.number)).where(
        model_versions.c.program == version.program
    )
    number = (conn.execute(highest).scalar() or 0) + 1
    recorded = ModelVersion(**asdict(version), number=number, id=f"{version.program}-v{number}")
    conn.execute(insert(model_versions).values(**asdict(recorded)))
    return recorded


def list_versions(conn: Connection, program: str | None = None) -> list[ModelVersion]:
    """Versions by program and number."""
    query = select(model_versions).order_by(model_versions.c.program, model_versions.c.number)
    if program is not None:
        query = query.where(model_versions.c.program == program)
    return [_version(row) for row in conn.execute(query)]


def promote(
    conn: Connection,
    program: str,
    version_id: str,
    by: str,
    why: str,
    expected: str | None,
    *,
    now: datetime,
) -> None:
    """Make a version live, if what is live is still what the caller saw.

    Args:
        conn: In a transaction.
        program: The program.
        version_id: The version to make live.
        by: Who decided.
        why: Their reason.
        expected: Id of the version that is live now; None when none is.
        now: The moment of the decision.

    Raises:
        PqlError: The version is not the program's, `by` or `why` is empty, or another promotion
            came first.
    """
    if not by.strip() or not why.strip():
        raise PqlError("a promotion needs who and why", hint="Give both --by and --why")
    owner = conn.execute(
        select(model_versions.c.program).where(model_versions.c.id == version_id)
    ).scalar()
    if owner != program:
        raise PqlError(
            f"program {program} has no version {version_id}",
            field="version",
            hint="Name one that a calibration or a run has recorded",
        )
    values = {"version_id": version_id, "since": now, "promoted_by": by, "why": why}
    if expected is None:
        won = insert_once(
            conn,
            live_versions,
            {"program": program, **values},
            live_versions.c.program == program,
        )
    else:
        changed = conn.execute(
            update(live_versions)
            .where(live_versions.c.program == program, live_versions.c.version_id == expected)
            .values(**values)
        )
        won = changed.rowcount == 1
    if not won:
        live = live_version(conn, program)
        raise PqlError(
            f"{version_id} was not promoted: {live.version.id if live else 'no version'} is live, "
            f"not {expected or 'none'} as expected",
            field="version",
            hint="Compare with what is live now and promote again",
        )
    conn.execute(insert(promotions).values(program=program, **values))


def find_version(conn: Connection, version_id: str) -> ModelVersion | None:
    """One version by its id; None when it was never recorded."""
    row = conn.execute(select(model_versions).where(model_versions.c.id == version_id)).first()
    return None if row is None else _version(row)


def live_version(conn: Connection, program: str) -> LiveVersion | None:
    """The version that decides for the program; None before the first promotion."""
    row = conn.execute(
        select(
            model_versions, live_versions.c.since, live_versions.c.promoted_by, live_versions.c.why
        )
        .join(live_versions, live_versions.c.version_id == model_versions.c.id)
        .where(live_versions.c.program == program)
    ).first()
    if row is None:
        return None
    return LiveVersion(_version(row), row.since, row.promoted_by, row.why)


def version_at(conn: Connection, program: str, moment: datetime) -> ModelVersion | None:
    """The version that decided at a moment: the last one promoted by then.

    Before the first promotion it is the first version, which is what would have decided; None for a
    program without any.
    """
    promoted = (
        select(model_versions)
        .join(promotions, promotions.c.version_id == model_versions.c.id)
        .where(promotions.c.program == program)
        .limit(1)
    )
    by_then = promoted.where(promotions.c.since <= moment).order_by(
        promotions.c.since.desc(), promotions.c.id.desc()
    )
    first = promoted.order_by(promotions.c.since, promotions.c.id)
    row = conn.execute(by_then).first() or conn.execute(first).first()
    return None if row is None else _version(row)


def list_promotions(conn: Connection, program: str) -> list[Promotion]:
    """Every promotion of a program, in the order in which they were made."""
    query = select(
        promotions.c.version_id, promotions.c.since, promotions.c.promoted_by, promotions.c.why
    ).where(promotions.c.program == program)
    return [Promotion(*row) for row in conn.execute(query.order_by(promotions.c.id))]


def versioned_programs(conn: Connection) -> list[str]:
    """Names of all programs that ever had a live version, in order."""
    query = select(promotions.c.program).distinct().order_by(promotions.c.program)
    return list(conn.execute(query).scalars())


def _version(row: Row[tuple[object, ...]]) -> ModelVersion:
    found = row._mapping
    return ModelVersion(**{column.name: found[column] for column in model_versions.c})
