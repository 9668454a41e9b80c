"""The books of the ledger: every crossing has one fate, and nothing is stuck or contradictory.

Counts for a blocking check. Holding the ledger against Slack and the CRM belongs to reconciliation.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select

from pql_platform.ledger.fates import in_digest
from pql_platform.ledger.states import (
    ALERT,
    DEAD,
    DELIVERED,
    FOLLOW_UPS,
    PENDING,
    SENDABLE,
    SUPPRESSED,
    UNFINISHED,
    WEBHOOK,
    WITHDRAWN,
)
from pql_platform.ledger.tables import handoffs, outbox


@dataclass(frozen=True)
class Conservation:
    """Hand-offs of one program by fate, and the ids of those that contradict their messages."""

    crossed: int
    delivered: int
    suppressed: int
    withdrawn: int
    dead: int
    pending: int
    orphans: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing was lost on the way."""
        fates = self.delivered + self.suppressed + self.withdrawn + self.dead + self.pending
        return self.crossed == fates and not self.orphans


def conservation(conn: Connection, program: str) -> Conservation:
    """Count the fates of a program's crossings.

    An orphan is a hand-off that waits although no message of it is unfinished, that counts as
    delivered although its alert (without one: any of its messages) did not arrive, or that ended
    although a message of it may still be sent. Only messages that decide a fate count, as in
    `fates`: neither follow-ups nor the calls of tools.
    """
    ours = handoffs.c.program == program
    crossed = conn.execute(select(func.count()).select_from(handoffs).where(ours)).scalar_one()
    by_state = (
        select(handoffs.c.state, func.count().label("handoffs"))
        .where(ours)
        .group_by(handoffs.c.state)
    )
    counts = {row.state: row.handoffs for row in conn.execute(by_state)}
    orphans = conn.execute(
        select(handoffs.c.id).where(ours, _contradicts()).order_by(handoffs.c.id)
    ).scalars()
    return Conservation(
        crossed=crossed,
        delivered=counts.get(DELIVERED, 0),
        suppressed=counts.get(SUPPRESSED, 0),
        withdrawn=counts.get(WITHDRAWN, 0),
        dead=counts.get(DEAD, 0),
        pending=counts.get(PENDING, 0),
        orphans=tuple(orphans),
    )


def _contradicts() -> ColumnElement[bool]:
    decides = outbox.c.kind.not_in(FOLLOW_UPS) & outbox.c.kind.not_like(f"{WEBHOOK}%")
    its_own = (outbox.c.handoff_id == handoffs.c.id) & decides
    its_message = or_(its_own, in_digest())
    unfinished = exists().where(its_message, outbox.c.state.in_(UNFINISHED))
    sendable = exists().where(its_own, outbox.c.state.in_(SENDABLE))
    arrived = exists().where(its_message, outbox.c.state == DELIVERED)
    alert_missing = exists().where(its_message, outbox.c.kind == ALERT, outbox.c.state != DELIVERED)
    return (
        ((handoffs.c.state == PENDING) & ~unfinished)
        | ((handoffs.c.state == DELIVERED) & (~arrived | alert_missing))
        | (handoffs.c.state.in_((SUPPRESSED, WITHDRAWN)) & sendable)
    )
