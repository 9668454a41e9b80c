"""What reps answered: one row per answer, whatever it came through, each counted once.

Writing it down only; what an answer changes is `handoff/answers.py`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, func, select

from pql_platform.ledger.insertion import insert_once
from pql_platform.ledger.states import NOT_A_FIT
from pql_platform.ledger.tables import feedback, handoffs, received_requests

REMEMBERED: Final = timedelta(minutes=15)
"""How long a signed request is remembered: three times the five minutes for which it is valid."""


@dataclass(frozen=True)
class Feedback:
    """One answer.

    Attributes:
        handoff_id: What it is about.
        event_key: Identity of the answer, so that a repetition changes nothing.
        action: `contacted`, `not_a_fit`, `snooze` or `wrong_owner`.
        detail: The reason, or the end of a snooze; None where there is none.
        source: `slack`, `crm` or `command`.
        given_by: Who answered.
        given_at: When.
    """

    handoff_id: str
    event_key: str
    action: str
    detail: str | None
    source: str
    given_by: str
    given_at: datetime


def record_feedback(conn: Connection, answer: Feedback) -> bool:
    """Write an answer down, and say whether it is new.

    Raises:
        IntegrityError: There is no such hand-off.
    """
    same = feedback.c.event_key == answer.event_key
    return insert_once(conn, feedback, asdict(answer), same)


def list_feedback(conn: Connection, handoff_id: str | None = None) -> list[Feedback]:
    """Every answer, the earliest first."""
    columns = [feedback.c[name] for name in Feedback.__dataclass_fields__]
    query = select(*columns).order_by(feedback.c.given_at, feedback.c.id)
    if handoff_id is not None:
        query = query.where(feedback.c.handoff_id == handoff_id)
    return [Feedback(**row._mapping) for row in conn.execute(query)]


def misfits(conn: Connection, program: str, since: datetime) -> dict[tuple[str, str], Feedback]:
    """The subjects that were said not to fit since a moment, by level and id, with the answer."""
    columns = [feedback.c[name] for name in Feedback.__dataclass_fields__]
    query = (
        select(handoffs.c.level, handoffs.c.subject_id, *columns)
        .join(handoffs, feedback.c.handoff_id == handoffs.c.id)
        .where(
            handoffs.c.program == program,
            feedback.c.action == NOT_A_FIT,
            feedback.c.given_at >= since,
        )
        .order_by(feedback.c.given_at)
    )
    return {(row[0], row[1]): Feedback(*row[2:]) for row in conn.execute(query)}


def note_request(conn: Connection, signature: str, now: datetime) -> bool:
    """Remember a signed request; False when it came before, and so is a replay."""
    conn.execute(
        delete(received_requests).where(received_requests.c.received_at < now - REMEMBERED)
    )
    values = {"signature": signature, "received_at": now}
    return insert_once(conn, received_requests, values, received_requests.c.signature == signature)


def count_feedback(conn: Connection, program: str) -> dict[str, int]:
    """How often each action was taken, of one program."""
    query = (
        select(feedback.c.action, func.count())
        .join(handoffs, feedback.c.handoff_id == handoffs.c.id)
        .where(handoffs.c.program == program)
        .group_by(feedback.c.action)
    )
    return {row[0]: row[1] for row in conn.execute(query)}
