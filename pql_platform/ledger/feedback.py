"""What reps answered: one row per answer, whatever it came through, each counted once.

Writing it down only; what an answer changes is `handoff/answers.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, func, select

from pql_platform.ledger.insertion import insert_once
from pql_platform.ledger.states import CONTACTED, DELIVERED, NOT_A_FIT, WRONG_OWNER
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


@dataclass(frozen=True)
class Answers:
    """What reps made of the alerts of a program, each lead counted once per action.

    Attributes:
        alerted: Leads that somebody was told of.
        answered: Leads that got any answer.
        contacted: Leads with a contact.
        not_a_fit: Leads said not to fit, by the word of the last reason.
        wrong_owner: Leads that went to the wrong owner first.
    """

    alerted: int
    answered: int
    contacted: int
    not_a_fit: Mapping[str, int]
    wrong_owner: int


def answers_since(conn: Connection, program: str, since: datetime) -> Answers:
    """Sum up the answers to leads that were opened since a moment."""
    ours = (handoffs.c.program == program) & (handoffs.c.opened_at >= since)
    alerted = conn.execute(
        select(func.count())
        .select_from(handoffs)
        .where(ours, handoffs.c.state == DELIVERED, handoffs.c.due_at.is_not(None))
    ).scalar_one()
    query = (
        select(feedback.c.handoff_id, feedback.c.action, feedback.c.detail)
        .join(handoffs, feedback.c.handoff_id == handoffs.c.id)
        .where(ours)
        .order_by(feedback.c.id)
    )
    said: dict[str, dict[str, str | None]] = {}
    for id_, action, detail in conn.execute(query):
        said.setdefault(action, {})[id_] = detail
    return Answers(
        alerted=alerted,
        answered=len({id_ for leads in said.values() for id_ in leads}),
        contacted=len(said.get(CONTACTED, {})),
        not_a_fit=Counter(str(reason) for reason in said.get(NOT_A_FIT, {}).values()),
        wrong_owner=len(said.get(WRONG_OWNER, {})),
    )
