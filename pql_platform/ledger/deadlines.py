"""Whose time to the first contact runs out: what is due to be said about it, once each.

Finds the steps of a deadline that have come and were not taken: a reminder at half of the time,
then an escalation and the report of a breach. What they say, and to whom, is `handoff/urging.py`; a
contact in time stops them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Exists, and_, exists, or_, select

from pql_platform.ledger.fates import in_digest
from pql_platform.ledger.handoffs import Handoff
from pql_platform.ledger.states import (
    ALERT,
    BREACH,
    DELIVERED,
    ESCALATION,
    PENDING,
    REMINDER,
    UNFINISHED,
)
from pql_platform.ledger.tables import handoffs, outbox


@dataclass(frozen=True)
class DueStep:
    """One step that has come: the hand-off, and the kind of message."""

    handoff: Handoff
    kind: str


def due_steps(conn: Connection, now: datetime) -> list[DueStep]:
    """The steps that have come for hand-offs somebody was told of, the earliest deadline first.

    Not a reminder where the deadline itself has passed, as after a night without the daemon.
    """
    return [
        DueStep(handoff, kind) for handoff in _waiting(conn, now) for kind in _due(handoff, now)
    ]


def _due(handoff: Handoff, now: datetime) -> Sequence[str]:
    if handoff.due_at is None or handoff.due_at > now:
        return (REMINDER,)
    return (ESCALATION, BREACH) if handoff.story.get("escalate_to") else (BREACH,)


def _waiting(conn: Connection, now: datetime) -> list[Handoff]:
    """Hand-offs whose latest step is not in the outbox yet."""
    # Of this deadline: what was said before it was put off, or given to somebody else, is past.
    due = and_(handoffs.c.due_at <= now, ~_said(BREACH, since=handoffs.c.due_at))
    soon = and_(
        handoffs.c.remind_at <= now,
        handoffs.c.due_at > now,
        ~_said(REMINDER, since=handoffs.c.remind_at),
    )
    query = (
        select(handoffs)
        .where(_runs_unanswered(), _somebody_was_told(), or_(due, soon))
        .order_by(handoffs.c.due_at, handoffs.c.id)
    )
    return [Handoff(**row._mapping) for row in conn.execute(query)]


def untold(conn: Connection, now: datetime) -> list[Handoff]:
    """Hand-offs of whose time half is over before their alert, or the digest that stands for it,
    has arrived, the earliest deadline first."""
    alert = and_(outbox.c.handoff_id == handoffs.c.id, outbox.c.kind == ALERT)
    missing = exists().where(or_(alert, in_digest()), outbox.c.state.in_(UNFINISHED))
    query = (
        select(handoffs)
        .where(_runs_unanswered(), handoffs.c.remind_at <= now, missing)
        .order_by(handoffs.c.due_at, handoffs.c.id)
    )
    return [Handoff(**row._mapping) for row in conn.execute(query)]


def _runs_unanswered() -> ColumnElement[bool]:
    return and_(
        handoffs.c.state.in_((PENDING, DELIVERED)),
        handoffs.c.closed_at.is_(None),
        handoffs.c.contacted_at.is_(None),
        handoffs.c.outcome.is_(None),
    )


def _somebody_was_told() -> ColumnElement[bool]:
    """The alert arrived, or the digest that names it: the CRM may still be down."""
    digested = exists().where(in_digest(), outbox.c.state == DELIVERED)
    return or_(handoffs.c.state == DELIVERED, _said(ALERT, DELIVERED), digested)


def _said(
    kind: str, state: str | None = None, since: ColumnElement[datetime] | None = None
) -> Exists:
    said = exists().where(outbox.c.handoff_id == handoffs.c.id, outbox.c.kind == kind)
    if state is not None:
        said = said.where(outbox.c.state == state)
    return said if since is None else said.where(outbox.c.created_at >= since)
