"""Messages that come after the alert of a hand-off: in its thread, in its place, to the CRM.

One per kind and cause, in the same outbox. What they say is `handoff`; where the alert stands is
read from the evidence of its delivery.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from pql_platform.ledger.handoffs import Handoff, NewMessage, outbox_values
from pql_platform.ledger.insertion import insert_once
from pql_platform.ledger.keys import message_key
from pql_platform.ledger.states import ALERT, ALERT_EDIT, CANCELED, DELIVERED, SENDABLE
from pql_platform.ledger.tables import handoffs, outbox


def follow_up(
    conn: Connection, handoff: Handoff, message: NewMessage, cause: str, now: datetime
) -> bool:
    """Put a message about a hand-off into the outbox, once per kind and cause.

    An edit of the alert replaces the edits that still wait: the last word counts.

    Args:
        conn: In a transaction.
        handoff: What it is about.
        message: What to send.
        cause: What it is sent for; empty where there can be only one of the kind.
        now: The moment from which it is due.

    Returns:
        Whether it was written.
    """
    kind = f"{message.kind}:{cause}" if cause else message.kind
    key = message_key(
        handoff.program, handoff.level, handoff.subject_id, kind, handoff.tier, handoff.episode
    )
    values = outbox_values(message, key, handoff.id, now)
    if not insert_once(conn, outbox, values, outbox.c.key == key):
        return False
    if message.kind == ALERT_EDIT:
        conn.execute(
            update(outbox)
            .where(
                outbox.c.handoff_id == handoff.id,
                outbox.c.kind == ALERT_EDIT,
                outbox.c.key != key,
                outbox.c.state.in_(SENDABLE),
            )
            .values(state=CANCELED, last_error="a later edit says more")
        )
    return True


def place_of_alert(conn: Connection, handoff_id: str) -> dict[str, Any] | None:
    """Where the alert of a hand-off stands, as its channel gave it; None while nobody has it.

    Returns:
        `key`, the alert's idempotency key, and the details of the evidence, such as Slack's
        `channel` and `ts`.
    """
    row = conn.execute(
        select(outbox.c.key, outbox.c.evidence).where(
            outbox.c.handoff_id == handoff_id,
            outbox.c.kind == ALERT,
            outbox.c.state == DELIVERED,
        )
    ).first()
    return None if row is None else {"key": row.key, **row.evidence["detail"]}


def change_handoff(conn: Connection, handoff_id: str, values: Mapping[str, Any]) -> None:
    """Write what has changed about a hand-off that goes on: owner, deadline, tier, story.

    Raises:
        ValueError: Something else is among it, such as its id or its state, which only the ledger
            itself changes.
    """
    allowed = {
        *("owner", "owner_reason", "due_at", "remind_at", "snoozed_until", "tier", "story"),
    }
    if refused := set(values) - allowed:
        raise ValueError(f"{', '.join(sorted(refused))} of a hand-off cannot be changed")
    conn.execute(update(handoffs).where(handoffs.c.id == handoff_id).values(**values))
