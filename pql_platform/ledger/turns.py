"""When a channel may be used next, for all dispatchers together.

Keeps the pace that the other side asks for and the pauses after failures: a channel that fails for
one message would fail for the next one too, so the whole queue waits, in order. Kept in the
database, because a promise to wait must survive the process that heard it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select, update

from pql_platform.ledger.insertion import insert_once
from pql_platform.ledger.tables import channel_turns

_ALWAYS: Final = datetime.min.replace(tzinfo=UTC)


def unregistered(conn: Connection, channels: Collection[str]) -> list[str]:
    """The channels that have no row yet."""
    return [channel for channel, moment in free_at(conn, channels).items() if moment == _ALWAYS]


def register(conn: Connection, channels: Collection[str], now: datetime) -> None:
    """Give channels their rows, which `take_turn` needs."""
    for channel in channels:
        values = {"channel": channel, "free_at": now, "failures": 0}
        insert_once(conn, channel_turns, values, channel_turns.c.channel == channel)


def free_at(conn: Connection, channels: Collection[str]) -> dict[str, datetime]:
    """The moment from which each channel may be used; one never used is free."""
    query = select(channel_turns.c.channel, channel_turns.c.free_at)
    known = {
        row.channel: row.free_at
        for row in conn.execute(query.where(channel_turns.c.channel.in_(channels)))
    }
    return {channel: known.get(channel, _ALWAYS) for channel in channels}


def take_turn(conn: Connection, channel: str, now: datetime, pace_seconds: float) -> bool:
    """Reserve the channel for one message; False when it is not free yet."""
    taken = conn.execute(
        update(channel_turns)
        .where(channel_turns.c.channel == channel, channel_turns.c.free_at <= now)
        .values(free_at=now + timedelta(seconds=pace_seconds))
    )
    return taken.rowcount == 1


def failures(conn: Connection, channel: str) -> int:
    """How often in a row the channel has failed; it stays the same until the transaction ends."""
    query = select(channel_turns.c.failures).where(channel_turns.c.channel == channel)
    return int(conn.execute(query.with_for_update()).scalar_one())


def pause(conn: Connection, channel: str, until: datetime) -> None:
    """Count a failure, and let nobody use the channel before `until`."""
    conn.execute(
        update(channel_turns)
        .where(channel_turns.c.channel == channel)
        .values(failures=channel_turns.c.failures + 1)
    )
    conn.execute(
        update(channel_turns)
        .where(channel_turns.c.channel == channel, channel_turns.c.free_at < until)
        .values(free_at=until)
    )


def note_answer(conn: Connection, channel: str) -> None:
    """Forget earlier failures: the channel has answered."""
    conn.execute(
        update(channel_turns)
        .where(channel_turns.c.channel == channel, channel_turns.c.failures > 0)
        .values(failures=0)
    )
