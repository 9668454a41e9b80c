"""What becomes of a hand-off, by what became of its messages.

The one place where a hand-off's state changes after it was written. Why a message ends as it does
belongs to `transitions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from pql_platform.ledger.states import (
    ALERT,
    CANCELED,
    DEAD,
    DELIVERED,
    PENDING,
    SENDABLE,
)
from pql_platform.ledger.tables import handoffs, outbox


def end_unsent(conn: Connection, id_: str, state: str, reason: str) -> int:
    """Cancel a hand-off's unsent messages, and set its state if its fate was open.

    Returns:
        How many messages were canceled.
    """
    conn.execute(
        update(handoffs)
        .where(handoffs.c.id == id_, handoffs.c.state == PENDING)
        .values(state=state, reason=reason)
    )
    canceled = conn.execute(
        update(outbox)
        .where(outbox.c.handoff_id == id_, outbox.c.state.in_(SENDABLE))
        .values(state=CANCELED, last_error=reason)
    )
    settle_handoff(conn, id_)
    return canceled.rowcount


def settle_handoff(conn: Connection, id_: str) -> None:
    """Derive a hand-off's state from the states of its messages."""
    # Locked, or two dispatchers that finish its last two messages at once would both see one open.
    current = conn.execute(
        select(handoffs.c.state).where(handoffs.c.id == id_).with_for_update()
    ).scalar_one()
    rows = conn.execute(
        select(outbox.c.kind, outbox.c.state, outbox.c.delivered_at, outbox.c.last_error)
        .where(outbox.c.handoff_id == id_)
        .order_by(outbox.c.id)
    ).all()
    fate = _fate(current, rows)
    if fate == current:
        return
    values: dict[str, Any] = {"state": fate}
    if fate == DEAD:
        values["reason"] = next(row.last_error for row in rows if row.state == DEAD)
    if fate == DELIVERED:
        arrived = [row for row in rows if row.state == DELIVERED]
        alerts = [row for row in arrived if row.kind == ALERT]
        values["delivered_at"] = max(row.delivered_at for row in alerts or arrived)
    conn.execute(update(handoffs).where(handoffs.c.id == id_).values(**values))


def _fate(current: str, rows: Sequence[Any]) -> str:
    if current in (DELIVERED, DEAD) or not rows:
        return current
    if all(row.state == DELIVERED for row in rows):
        return DELIVERED
    if current == PENDING:
        return DEAD if any(row.state == DEAD for row in rows) else PENDING
    # Ended before all was sent: what a person has seen cannot be called withdrawn.
    seen = any(row.kind == ALERT and row.state == DELIVERED for row in rows)
    return DELIVERED if seen else current
