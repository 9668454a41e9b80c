"""More crossings at once than anybody can read: the most urgent are alerted, a digest has the rest.

Each lead of a digest is handed over as any other, with its task and its deadline; only the alerts
are one message (reliability F12). What the digest looks like is the Slack adapter's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select

from pql_platform.domain.grammar import counted
from pql_platform.domain.wording import account_name, contact_name, owner_name
from pql_platform.handoff.planning import Planned
from pql_platform.ledger.handoffs import NewMessage, outbox_values
from pql_platform.ledger.insertion import insert_once
from pql_platform.ledger.keys import storm_key
from pql_platform.ledger.states import ALERT, DIGEST
from pql_platform.ledger.tables import digest_entries, outbox

_HOUR = timedelta(hours=1)

TO_A_DIGEST = 60
"""Leads that one message lists, within Slack's limits for any names."""


def calm(
    conn: Connection, planned: Sequence[Planned], most_an_hour: int, now: datetime
) -> tuple[list[Planned], list[Planned]]:
    """Divide crossings into those that are alerted one by one and those that a digest lists.

    Args:
        conn: The ledger.
        planned: The crossings of a pass.
        most_an_hour: Alerts that one channel bears in an hour.
        now: The moment.

    Returns:
        The crossings as they are to be written, without the alerts that the digest replaces; and
        those that it lists, the most urgent first.
    """
    alerted = [one for one in planned if any(message.kind == ALERT for message in one.messages)]
    lately = conn.execute(
        select(func.count())
        .select_from(outbox)
        .where(outbox.c.kind == ALERT, outbox.c.created_at > now - _HOUR)
    ).scalar_one()
    room = max(most_an_hour - lately, 0)
    if len(alerted) <= room:
        return list(planned), []
    by_urgency = sorted(alerted, key=lambda one: (one.handoff.tier, -one.handoff.score))
    listed = [_without_alert(one) for one in by_urgency[room:]]
    instead = {id(before): after for before, after in zip(by_urgency[room:], listed, strict=True)}
    return [instead.get(id(one), one) for one in planned], listed


def write_storm(
    conn: Connection, program: str, listed: Sequence[tuple[str, Planned]], now: datetime
) -> None:
    """Put the digests of a storm into the outbox, tied to the hand-offs that they list.

    As many as it takes to list each of them once.

    Args:
        conn: In the transaction that writes the hand-offs.
        program: The program.
        listed: Ids of the hand-offs with what was planned, the most urgent first.
        now: The moment.
    """
    for first in range(0, len(listed), TO_A_DIGEST):
        part = listed[first : first + TO_A_DIGEST]
        last = first + len(part)
        which = "" if len(listed) == len(part) else f", {first + 1} to {last}"
        title = f"{counted(len(listed), 'more lead')} crossed at once{which}"
        _write(conn, program, title, part, now)


def _write(
    conn: Connection, program: str, title: str, part: Sequence[tuple[str, Planned]], now: datetime
) -> None:
    payload = {
        "title": title,
        "program": program,
        "as_of": now.astimezone(UTC).isoformat(),
        "leads": [_entry(id_, one) for id_, one in part],
    }
    key = storm_key(program, [id_ for id_, _ in part])
    message = NewMessage("slack", DIGEST, payload)
    if not insert_once(conn, outbox, outbox_values(message, key, None, now), outbox.c.key == key):
        return
    row = conn.execute(select(outbox.c.id).where(outbox.c.key == key)).scalar_one()
    conn.execute(insert(digest_entries), [{"outbox_id": row, "handoff_id": id_} for id_, _ in part])


def _without_alert(one: Planned) -> Planned:
    kept = [message for message in one.messages if message.kind != ALERT]
    return replace(one, messages=kept)


def _entry(id_: str, one: Planned) -> dict[str, Any]:
    story = one.story
    contact = contact_name(story)
    return {
        "handoff": id_,
        "level": story.level,
        "account": story.account_id,
        "name": account_name(story) if contact is None else f"{account_name(story)} ({contact})",
        "score": str(story.score),
        "threshold": str(story.threshold),
        "tier": story.tier,
        "owner": owner_name(story),
        "owner_slack": story.owner_slack,
        "due_at": story.due_at.isoformat() if story.due_at else None,
    }
