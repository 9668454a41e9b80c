"""How far each program may reach: what its file says, or what somebody has decided since.

A decision counts until the file's own `rollout` says something else than it did at the decision:
then whoever edited the file has spoken last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, insert, select

from pql_platform.errors import PqlError
from pql_platform.ledger.tables import rollouts
from pql_platform.program.schema import Program
from pql_platform.program.sections import Rollout
from pql_platform.program.suggest import shown

_OPTIONS = {"stage": "--stage", "sample": "--sample", "reps": "--rep", "by": "--by"}
"""What each key of `rollout` is called where somebody decides."""


@dataclass(frozen=True)
class RolloutDecision:
    """One decision.

    Attributes:
        program: Of which program.
        stage: `shadow`, `pilot` or `live`.
        sample: Share of leads handed over in a pilot.
        reps: Who gets them; None or empty for the routes.
        since: When it was decided.
        decided_by: Who.
        why: The reason.
        file_digest: Of the file's own `rollout` at the time.
    """

    program: str
    stage: str
    sample: Decimal
    reps: Sequence[str] | None
    since: datetime
    decided_by: str
    why: str
    file_digest: str


def file_digest(program: Program) -> str:
    """A hash of what the file itself says of its rollout; a default written out is the same."""
    said = program.rollout.model_dump_json(exclude_defaults=True)
    return hashlib.sha256(said.encode()).hexdigest()


def rollout_of(conn: Connection, program: Program) -> Rollout:
    """How far a program reaches now."""
    decision = decision_in_force(conn, program)
    return program.rollout if decision is None else _as_rollout(decision)


def decision_in_force(conn: Connection, program: Program) -> RolloutDecision | None:
    """The decision that counts now; None where the file speaks for itself."""
    decision = last_decision(conn, program.program)
    if decision is None or decision.file_digest != file_digest(program):
        return None
    return decision


def _as_rollout(decision: RolloutDecision) -> Rollout:
    return Rollout.model_validate(
        {
            "stage": decision.stage,
            "sample": decision.sample,
            "reps": tuple(decision.reps or ()),
            "by": decision.decided_by,
            "on": decision.since.date(),
        }
    )


def last_decision(conn: Connection, program: str) -> RolloutDecision | None:
    """The latest decision about a program; None when there is none."""
    decisions = list_decisions(conn, program)
    return decisions[-1] if decisions else None


def list_decisions(conn: Connection, program: str) -> list[RolloutDecision]:
    """Every decision about a program, the earliest first."""
    columns = [rollouts.c[name] for name in RolloutDecision.__dataclass_fields__]
    query = select(*columns).where(rollouts.c.program == program).order_by(rollouts.c.id)
    return [RolloutDecision(**row._mapping) for row in conn.execute(query)]


def record_decision(conn: Connection, decision: RolloutDecision) -> None:
    """Write a decision down; the ones before stay.

    Raises:
        PqlError: A program file could not say so either, and then no pass could read it back.
    """
    try:
        _as_rollout(decision)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise PqlError(
            f"{wrong['msg'].removeprefix('Value error, ')} (found {shown(wrong['input'])})",
            field=_OPTIONS.get(str(wrong["loc"][0])),
            hint="docs/program-file.md says what `rollout` takes",
        ) from error
    values: dict[str, Any] = {**vars(decision), "reps": list(decision.reps or ()) or None}
    conn.execute(insert(rollouts).values(**values))
