"""What becomes of a hand-off, by what became of its messages.

The one place where a hand-off's state changes after it was written. Why a message ends as it does
belongs to `transitions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Exists, exists, or_, select, update

from pql_platform.ledger.states import (
    ALERT,
    CANCELED,
    DEAD,
    DELIVERED,
    DIGEST,
    FOLLOW_UPS,
    PENDING,
    SENDABLE,
    WEBHOOK,
)
from pql_platform.ledger.tables import digest_entries, handoffs, outbox

_TELLING = (ALERT, DIGEST)
"""Kinds by which a rep hears of a lead."""


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
    in_digests = select(digest_entries.c.outbox_id).where(digest_entries.c.handoff_id == id_)
    rows = conn.execute(
        select(outbox.c.kind, outbox.c.state, outbox.c.delivered_at, outbox.c.last_error)
        .where(or_(outbox.c.handoff_id == id_, outbox.c.id.in_(in_digests)))
        .where(outbox.c.kind.not_in(FOLLOW_UPS), outbox.c.kind.not_like(f"{WEBHOOK}%"))
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
        alerts = [row for row in arrived if row.kind in _TELLING]
        values["delivered_at"] = max(row.delivered_at for row in alerts or arrived)
    conn.execute(update(handoffs).where(handoffs.c.id == id_).values(**values))


def settle_digested(conn: Connection, outbox_id: int) -> None:
    """Derive the states of all hand-offs that a digest names."""
    named = select(digest_entries.c.handoff_id).where(digest_entries.c.outbox_id == outbox_id)
    for id_ in conn.execute(named.order_by(digest_entries.c.handoff_id)).scalars().all():
        settle_handoff(conn, id_)


def in_digest() -> Exists:
    """Whether a message is a digest that names a hand-off, in a query of both."""
    named = exists().where(
        digest_entries.c.outbox_id == outbox.c.id, digest_entries.c.handoff_id == handoffs.c.id
    )
    # Said explicitly: two levels down, the hand-off would be any hand-off.
    return named.correlate(outbox, handoffs)


def _fate(current: str, rows: Sequence[Any]) -> str:
    if current in (DELIVERED, DEAD) or not rows:
        return current
    if all(row.state == DELIVERED for row in rows):
        return DELIVERED
    if current == PENDING:
        return DEAD if any(row.state == DEAD for row in rows) else PENDING
    # Ended before all was sent: what a person has seen cannot be called withdrawn.
    seen = any(row.kind in _TELLING and row.state == DELIVERED for row in rows)
    return DELIVERED if seen else current
