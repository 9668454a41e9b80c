"""Hand-offs: one row per crossing, from the moment it is decided to its outcome.

Writes a crossing together with its messages, ends it, and keeps what people report back. Who
crosses is decided in `pql_platform.domain.qualification`; sending belongs to `outbox`, and what a
hand-off becomes by it to `fates`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, insert, select, update

from pql_platform.domain.qualification import Level
from pql_platform.errors import PqlError
from pql_platform.ledger.fates import end_unsent
from pql_platform.ledger.insertion import insert_once
from pql_platform.ledger.keys import handoff_id, message_key
from pql_platform.ledger.states import (
    PENDING,
    SUPPRESSED,
    WITHDRAWN,
)
from pql_platform.ledger.tables import handoffs, outbox


@dataclass(frozen=True)
class NewHandoff:
    """A crossing to be written down.

    Attributes:
        crossed_at: When the behaviour crossed the threshold, by the time of its events.
        opened_at: When the platform decided so; its messages are due from then on.
        score: In points, as is the threshold.
        paying: Whether the account pays; the database refuses one that does not fit the motion.
        story: What the alert says, JSON-able; `escalate_to` in it names who hears of a missed
            deadline.
        suppressed_because: Set when the crossing is only recorded (backfill, shadow stage), and
            then without messages.
        caused_by: `model` when a new version alone made it cross; None when its events did.
        owner_reason: Why the owner is who it is.
        remind_at: When half of the time to the deadline is over.
    """

    program: str
    motion: str
    level: Level
    subject_id: str
    account_id: str | None
    tier: int
    episode: int
    score: Decimal
    threshold: Decimal
    version_id: str
    paying: bool
    crossed_at: datetime
    opened_at: datetime
    owner: str | None
    due_at: datetime | None
    story: Mapping[str, Any]
    run_id: str | None = None
    suppressed_because: str | None = None
    caused_by: str | None = None
    owner_reason: str | None = None
    remind_at: datetime | None = None


@dataclass(frozen=True)
class NewMessage:
    """One message of a hand-off: at most one of each kind."""

    channel: str
    kind: str
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class Handoff:
    """A hand-off as it stands in the ledger."""

    id: str
    program: str
    motion: str
    level: Level
    subject_id: str
    account_id: str | None
    tier: int
    episode: int
    score: Decimal
    threshold: Decimal
    version_id: str
    paying: bool
    crossed_at: datetime
    opened_at: datetime
    closed_at: datetime | None
    state: str
    reason: str | None
    owner: str | None
    owner_reason: str | None
    due_at: datetime | None
    remind_at: datetime | None
    snoozed_until: datetime | None
    delivered_at: datetime | None
    contacted_at: datetime | None
    contacted_by: str | None
    outcome: str | None
    story: Mapping[str, Any]
    run_id: str | None
    caused_by: str | None


def open_handoff(conn: Connection, new: NewHandoff, messages: Sequence[NewMessage]) -> str:
    """Write a crossing and its messages, or nothing when this episode is known already.

    Args:
        conn: In a transaction: the caller commits both together or neither.
        new: The crossing.
        messages: What it sends; none when it is suppressed from the start.

    Returns:
        The hand-off's id, the same for every repetition.

    Raises:
        ValueError: There are messages although it is suppressed, or none although it is not.
        IntegrityError: The subject has another open episode, or the account's paying state does
            not fit the motion.
    """
    if bool(messages) == bool(new.suppressed_because):
        raise ValueError("a crossing either sends messages or says why it is suppressed")
    id_ = handoff_id(new.program, new.level, new.subject_id, new.episode)
    values = {**vars(new), "story": dict(new.story)}
    values["reason"] = values.pop("suppressed_because")
    values["state"] = SUPPRESSED if new.suppressed_because else PENDING
    if not insert_once(conn, handoffs, {"id": id_, **values}, handoffs.c.id == id_):
        return id_
    for message in messages:
        key = message_key(
            new.program, new.level, new.subject_id, message.kind, new.tier, new.episode
        )
        conn.execute(insert(outbox).values(**outbox_values(message, key, id_, new.opened_at)))
    return id_


def outbox_values(message: NewMessage, key: str, id_: str | None, now: datetime) -> dict[str, Any]:
    """The row of a message that is due at once; its hand-off's id is None for a page."""
    return {
        "handoff_id": id_,
        "key": key,
        "channel": message.channel,
        "kind": message.kind,
        "payload": dict(message.payload),
        "state": PENDING,
        "attempts": 0,
        "lease_token": 0,
        "not_before": now,
        "created_at": now,
    }


def close_episodes(conn: Connection, ids: Collection[str], now: datetime, reason: str) -> None:
    """End episodes whose subjects fell below the threshold or are no longer eligible.

    A hand-off that reached nobody becomes WITHDRAWN and its unsent messages CANCELED. A message
    that may be on its way is left to be resolved, and if the alert turns out to have arrived, the
    hand-off counts as DELIVERED: the rep has seen it. Repeating this changes nothing.
    """
    for id_ in ids:
        ended = conn.execute(
            update(handoffs)
            .where(handoffs.c.id == id_, handoffs.c.closed_at.is_(None))
            .values(closed_at=now)
        )
        if ended.rowcount:
            end_unsent(conn, id_, WITHDRAWN, reason)


def list_handoffs(conn: Connection, program: str | None = None) -> list[Handoff]:
    """Hand-offs in the order in which they were opened."""
    query = select(handoffs).order_by(handoffs.c.opened_at, handoffs.c.id)
    if program is not None:
        query = query.where(handoffs.c.program == program)
    return [Handoff(**row._mapping) for row in conn.execute(query)]


def find_handoff(conn: Connection, id_: str) -> Handoff:
    """One hand-off.

    Raises:
        PqlError: There is none with this id.
    """
    row = conn.execute(select(handoffs).where(handoffs.c.id == id_)).first()
    if row is None:
        raise _unknown(id_)
    return Handoff(**row._mapping)


def record_contact(conn: Connection, id_: str, at: datetime, by: str) -> bool:
    """Stop the clock of a hand-off; the first contact counts.

    Returns:
        Whether this was the first.

    Raises:
        PqlError: There is no such hand-off.
    """
    changed = conn.execute(
        update(handoffs)
        .where(handoffs.c.id == id_, handoffs.c.contacted_at.is_(None))
        .values(contacted_at=at, contacted_by=by)
    )
    if changed.rowcount == 0:
        find_handoff(conn, id_)
    return changed.rowcount == 1


def record_outcome(conn: Connection, id_: str, outcome: str) -> None:
    """Say what came of a hand-off; a later outcome replaces an earlier one.

    Raises:
        PqlError: There is no such hand-off.
    """
    changed = conn.execute(update(handoffs).where(handoffs.c.id == id_).values(outcome=outcome))
    if changed.rowcount == 0:
        raise _unknown(id_)


def _unknown(id_: str) -> PqlError:
    return PqlError(f"there is no hand-off {id_}", hint="List them with: pql handoffs")
