"""What a sensor asks of the outbox: is there work, when next, and how old is the oldest.

Looks without touching anything. Doing the work belongs to `outbox`, and judging an age to monitors.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from pql_platform.ledger.claims import next_due
from pql_platform.ledger.states import SENDING, UNFINISHED
from pql_platform.ledger.tables import outbox


@dataclass(frozen=True)
class QueueState:
    """The messages of some channels that are not finished.

    Attributes:
        due: A drain would find work now.
        next_at: When it would at the earliest; None when nothing waits, or breakers hold it all.
        unfinished: How many messages wait or are on their way, held ones included.
        oldest: When the oldest of them was written.
    """

    due: bool
    next_at: datetime | None
    unfinished: int
    oldest: datetime | None


def waiting_channels(conn: Connection) -> tuple[str, ...]:
    """The channels for which anything is unfinished."""
    query = select(outbox.c.channel).where(outbox.c.state.in_(UNFINISHED)).distinct()
    return tuple(conn.execute(query.order_by(outbox.c.channel)).scalars())


def queue_state(conn: Connection, channels: Collection[str], now: datetime) -> QueueState:
    """Look at the queue of some channels."""
    ours = outbox.c.channel.in_(channels)
    unfinished, oldest = conn.execute(
        select(func.count(), func.min(outbox.c.created_at)).where(
            ours, outbox.c.state.in_(UNFINISHED)
        )
    ).one()
    leases_end = select(func.min(outbox.c.lease_until)).where(ours, outbox.c.state == SENDING)
    moments = (next_due(conn, channels, now), conn.execute(leases_end).scalar())
    next_at = min((moment for moment in moments if moment is not None), default=None)
    return QueueState(next_at is not None and next_at <= now, next_at, unfinished, oldest)
