"""Which messages are due, and taking one so that nobody else does.

Every claim is a compare-and-set on the state and the fencing token a dispatcher has seen, in a
transaction that ends before anything is sent. What becomes of a message belongs to `settlement`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, case, func, literal, select, update

from pql_platform.domain.delivery import Message
from pql_platform.ledger import turns
from pql_platform.ledger.breakers import held_by, holding
from pql_platform.ledger.states import (
    AFTERWARDS,
    ALERT_EDIT,
    CANCELED,
    ONCALL,
    SENDING,
    SUPPRESSED,
    URGING,
    WAITING,
    WITHDRAWN,
)
from pql_platform.ledger.tables import handoffs, outbox

# Longer than any client timeout, so that only a dead or stopped dispatcher outlives its lease.
LEASE: Final = timedelta(seconds=60)
# A send begins this soon after its claim or not at all, so that whoever finds the claim abandoned
# knows how long its message may still turn up.
START_WITHIN_SECONDS: Final = 5.0


@dataclass(frozen=True)
class OutboxRow:
    """A message as a dispatcher saw it, with what its hand-off says about it (None without one)."""

    id: int
    handoff_id: str | None
    key: str
    channel: str
    kind: str
    payload: Mapping[str, Any]
    state: str
    attempts: int
    lease_token: int
    program: str | None
    level: str | None
    subject_id: str | None
    account_id: str | None
    crossed_at: datetime | None
    opened_at: datetime | None

    @property
    def message(self) -> Message:
        """What the channel gets to see."""
        return Message(self.key, self.kind, self.payload)


@dataclass(frozen=True)
class Claim:
    """A message that one dispatcher has taken.

    Attributes:
        row: The message as it was before.
        token: The fencing token; whoever holds a higher one has taken the message over.
        attempts: How often it has been sent, this time included.
        worker: Who took it.
        started_at: When the attempt began.
    """

    row: OutboxRow
    token: int
    attempts: int
    worker: str
    started_at: datetime


_WITH_HANDOFF: Final = outbox.outerjoin(handoffs, outbox.c.handoff_id == handoffs.c.id)
_ROW: Final = select(
    outbox.c.id,
    outbox.c.handoff_id,
    outbox.c.key,
    outbox.c.channel,
    outbox.c.kind,
    outbox.c.payload,
    outbox.c.state,
    outbox.c.attempts,
    outbox.c.lease_token,
    handoffs.c.program,
    handoffs.c.level,
    handoffs.c.subject_id,
    handoffs.c.account_id,
    handoffs.c.crossed_at,
    handoffs.c.opened_at,
).select_from(_WITH_HANDOFF)


def due_rows(
    conn: Connection, channels: Collection[str], now: datetime, limit: int
) -> list[OutboxRow]:
    """Messages that may be handled now: pages first, then in the order of their writing."""
    free = [name for name, moment in turns.free_at(conn, channels).items() if moment <= now]
    query = (
        _due(_ROW, free, now)
        .where(~held_by(holding(conn, now)))
        .order_by(case((outbox.c.kind == ONCALL, 0), else_=1), outbox.c.id)
        .limit(limit)
    )
    return [OutboxRow(**row._mapping) for row in conn.execute(query)]


def next_due(conn: Connection, channels: Collection[str], now: datetime) -> datetime | None:
    """The first moment at which a message that no breaker holds may be handled."""
    query = (
        select(outbox.c.channel, func.min(outbox.c.not_before).label("not_before"))
        .select_from(_WITH_HANDOFF)
        .where(outbox.c.channel.in_(channels), outbox.c.state.in_(WAITING))
        .where(~held_by(holding(conn, now)))
        .group_by(outbox.c.channel)
    )
    free = turns.free_at(conn, channels)
    moments = [max(row.not_before, free[row.channel]) for row in conn.execute(query)]
    return min(moments, default=None)


def count_held(conn: Connection, channels: Collection[str], now: datetime) -> int:
    """How many messages would be due if no breaker held them."""
    held = holding(conn, now)
    if not held:
        return 0
    query = _due(select(func.count()).select_from(_WITH_HANDOFF), channels, now)
    return int(conn.execute(query.where(held_by(held))).scalar_one())


def _due(query: Select[Any], channels: Collection[str], now: datetime) -> Select[Any]:
    return query.where(
        outbox.c.channel.in_(channels),
        outbox.c.state.in_(WAITING),
        outbox.c.not_before <= now,
    )


def obsolete(conn: Connection, row: OutboxRow) -> str | None:
    """Why a message need not be sent any more, by what has become of its hand-off."""
    if row.handoff_id is None:
        return None
    if row.kind in AFTERWARDS:
        return "a later edit says more" if _is_edited_later(conn, row) else None
    handoff = conn.execute(
        select(
            handoffs.c.state,
            handoffs.c.reason,
            handoffs.c.closed_at,
            handoffs.c.contacted_at,
            handoffs.c.snoozed_until,
            outbox.c.created_at,
        )
        .join(outbox, outbox.c.handoff_id == handoffs.c.id)
        .where(outbox.c.id == row.id)
    ).one()
    if handoff.state in (SUPPRESSED, WITHDRAWN):
        return str(handoff.reason)
    if handoff.closed_at is not None:
        return "its episode ended"
    if row.kind in URGING and handoff.contacted_at is not None:
        return "contacted meanwhile"
    snoozed = handoff.snoozed_until
    if row.kind in URGING and snoozed is not None and snoozed > handoff.created_at:
        return "snoozed meanwhile"
    return None


def _is_edited_later(conn: Connection, row: OutboxRow) -> bool:
    """Whether a newer edit of the same alert was written: an older one must not come after it."""
    newer = select(literal(1)).where(
        outbox.c.handoff_id == row.handoff_id, outbox.c.kind == ALERT_EDIT, outbox.c.id > row.id
    )
    return row.kind == ALERT_EDIT and conn.execute(newer).first() is not None


def cancel(conn: Connection, row: OutboxRow, reason: str) -> bool:
    """Cancel a message that is as it was seen; False when somebody else has taken it."""
    changed = conn.execute(
        update(outbox).where(_as_seen(row)).values(state=CANCELED, last_error=reason)
    )
    return changed.rowcount == 1


def claim_to_send(
    conn: Connection, row: OutboxRow, *, now: datetime, worker: str, pace_seconds: float
) -> Claim | None:
    """Take a message for sending.

    Returns:
        None when somebody else has it, a breaker holds it, or the channel is not free.
    """
    if not _still_free(conn, row, now):
        return None
    if not turns.take_turn(conn, row.channel, now, pace_seconds):
        return None
    claim = Claim(row, row.lease_token + 1, row.attempts + 1, worker, now)
    changed = conn.execute(
        update(outbox)
        .where(_as_seen(row))
        .values(
            state=SENDING,
            attempts=claim.attempts,
            lease_token=claim.token,
            lease_until=now + LEASE,
            lease_by=worker,
        )
    )
    return claim if changed.rowcount == 1 else None


def claim_to_look(conn: Connection, row: OutboxRow, *, now: datetime, worker: str) -> Claim | None:
    """Take a message for looking whether it has arrived.

    It stays UNKNOWN, because looking changes nothing outside; nobody else looks until a lease's
    time has passed.

    Returns:
        None when somebody else has it, a breaker holds it, or the channel is not free.
    """
    if not _still_free(conn, row, now) or not turns.take_turn(conn, row.channel, now, 0):
        return None
    claim = Claim(row, row.lease_token + 1, row.attempts, worker, now)
    changed = conn.execute(
        update(outbox).where(_as_seen(row)).values(lease_token=claim.token, not_before=now + LEASE)
    )
    return claim if changed.rowcount == 1 else None


def expired(conn: Connection, channels: Collection[str], now: datetime) -> list[Claim]:
    """The claims whose dispatcher did not come back within its lease."""
    query = _ROW.add_columns(outbox.c.lease_until, outbox.c.lease_by).where(
        outbox.c.state == SENDING, outbox.c.lease_until <= now, outbox.c.channel.in_(channels)
    )
    claims = []
    for found in conn.execute(query):
        columns = dict(found._mapping)
        started_at = columns.pop("lease_until") - LEASE
        worker = columns.pop("lease_by")
        row = OutboxRow(**columns)
        claims.append(Claim(row, row.lease_token, row.attempts, worker, started_at))
    return claims


def _as_seen(row: OutboxRow) -> ColumnElement[bool]:
    return (
        (outbox.c.id == row.id)
        & (outbox.c.state == row.state)
        & (outbox.c.lease_token == row.lease_token)
    )


def _still_free(conn: Connection, row: OutboxRow, now: datetime) -> bool:
    query = select(literal(1)).select_from(_WITH_HANDOFF).where(_as_seen(row))
    return conn.execute(query.where(~held_by(holding(conn, now)))).first() is not None
