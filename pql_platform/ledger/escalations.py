"""Tier deadlines that passed without contact, each escalated once.

Finds them and puts one message each into the outbox; a contact in time stops it there too. Who is
told is in the hand-off's story, and what the message says is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, exists, select

from pql_platform.ledger.handoffs import Handoff, NewMessage, outbox_values
from pql_platform.ledger.insertion import insert_once
from pql_platform.ledger.keys import message_key
from pql_platform.ledger.states import DELIVERED, ESCALATION
from pql_platform.ledger.tables import handoffs, outbox

ESCALATE_TO: Final = "escalate_to"
"""The key of a story that names who hears of a missed deadline."""
_CHANNEL: Final = "slack"


def due_escalations(conn: Connection, now: datetime) -> list[Handoff]:
    """Delivered hand-offs past their deadline without contact or escalation, the oldest first.

    Only those whose story names somebody to escalate to, and whose episode still runs.
    """
    escalated = exists().where(outbox.c.handoff_id == handoffs.c.id, outbox.c.kind == ESCALATION)
    query = (
        select(handoffs)
        .where(
            handoffs.c.state == DELIVERED,
            handoffs.c.closed_at.is_(None),
            handoffs.c.contacted_at.is_(None),
            handoffs.c.due_at <= now,
            ~escalated,
        )
        .order_by(handoffs.c.due_at, handoffs.c.id)
    )
    late = [Handoff(**row._mapping) for row in conn.execute(query)]
    return [handoff for handoff in late if handoff.story.get(ESCALATE_TO)]


def enqueue_escalations(
    conn: Connection, now: datetime, make_payload: Callable[[Handoff], Mapping[str, Any]]
) -> tuple[str, ...]:
    """Put one escalation per late hand-off into the outbox.

    Args:
        conn: In a transaction.
        now: The moment at which deadlines are held against the clock.
        make_payload: Content of the message for the Slack channel.

    Returns:
        Ids of the hand-offs escalated now; none of them ever again.
    """
    escalated = []
    for handoff in due_escalations(conn, now):
        key = message_key(
            handoff.program,
            handoff.level,
            handoff.subject_id,
            ESCALATION,
            handoff.tier,
            handoff.episode,
        )
        message = NewMessage(_CHANNEL, ESCALATION, make_payload(handoff))
        values = outbox_values(message, key, handoff.id, now)
        if insert_once(conn, outbox, values, outbox.c.key == key):
            escalated.append(handoff.id)
    return tuple(escalated)
