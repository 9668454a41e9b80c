"""Breakers: what stops messages from leaving until somebody repairs or overrides it.

The prefix of a name says how far it reaches: `channel:slack` holds that channel, `share:boards`
that program, and any other, such as `suite:scores`, everything. Messages to people on call always
pass. When to open a breaker is decided by checks and by the outbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, delete, false, or_, select, true, update

from pql_platform.errors import PqlError
from pql_platform.ledger.insertion import insert_once
from pql_platform.ledger.states import ONCALL
from pql_platform.ledger.tables import breakers, handoffs, outbox

# A mute that does not end is the commonest silent failure.
LONGEST_OVERRIDE: Final = timedelta(days=7)
_CHANNEL: Final = "channel:"
_SHARE: Final = "share:"


@dataclass(frozen=True)
class Breaker:
    """An open breaker, with the override that a person may have put on it."""

    name: str
    opened_at: datetime
    reason: str
    opened_by: str
    overridden_until: datetime | None
    overridden_by: str | None
    override_reason: str | None


def open_breaker(conn: Connection, name: str, reason: str, by: str, now: datetime) -> bool:
    """Open a breaker, or leave it as it is when it is open, with any override.

    Returns:
        Whether it was closed before.
    """
    values = {"name": name, "opened_at": now, "reason": reason, "opened_by": by}
    return insert_once(conn, breakers, values, breakers.c.name == name)


def close_breaker(conn: Connection, name: str) -> bool:
    """Close a breaker, and say whether it was open."""
    return conn.execute(delete(breakers).where(breakers.c.name == name)).rowcount == 1


def override(
    conn: Connection, name: str, by: str, reason: str, until: datetime, *, now: datetime
) -> None:
    """Let messages pass an open breaker until a moment at most seven days away.

    Raises:
        PqlError: It is not open, or the override lacks a person, a reason or an end in range.
    """
    if not by.strip() or not reason.strip():
        raise PqlError("an override needs who and why", hint="Give both")
    if not now < until <= now + LONGEST_OVERRIDE:
        raise PqlError(
            f"an override cannot end at {until.isoformat()}",
            field="until",
            hint=f"Choose a moment within the next {LONGEST_OVERRIDE.days} days",
        )
    changed = conn.execute(
        update(breakers)
        .where(breakers.c.name == name)
        .values(overridden_until=until, overridden_by=by, override_reason=reason)
    )
    if changed.rowcount == 0:
        raise PqlError(f"breaker {name} is not open", hint="There is nothing to override")


def open_breakers(conn: Connection) -> list[Breaker]:
    """Every open breaker, overridden or not, oldest first."""
    query = select(breakers).order_by(breakers.c.opened_at, breakers.c.name)
    return [Breaker(**row._mapping) for row in conn.execute(query)]


def holding(conn: Connection, now: datetime) -> list[Breaker]:
    """The open breakers that no override lifts at this moment, oldest first."""
    return [
        breaker
        for breaker in open_breakers(conn)
        if breaker.overridden_until is None or breaker.overridden_until <= now
    ]


def held_by(held: Sequence[Breaker]) -> ColumnElement[bool]:
    """The condition on outbox rows, joined to their hand-offs, of being held by these breakers."""
    names = [breaker.name for breaker in held]
    channels = [name.removeprefix(_CHANNEL) for name in names if name.startswith(_CHANNEL)]
    programs = [name.removeprefix(_SHARE) for name in names if name.startswith(_SHARE)]
    reach: list[ColumnElement[bool]] = [outbox.c.channel.in_(channels)]
    if programs:
        # A message without a hand-off cannot be shown to be another program's, so it waits too.
        reach.append(or_(outbox.c.handoff_id.is_(None), handoffs.c.program.in_(programs)))
    if len(channels) + len(programs) < len(names):
        reach.append(true())
    return and_(outbox.c.kind != ONCALL, or_(false(), *reach))
