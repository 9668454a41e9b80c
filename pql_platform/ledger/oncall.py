"""Messages to the people on call, in the same outbox as everything else.

Written in the transaction that records the trouble, so that neither is without the other; one per
cause and hour, not per lead. No breaker holds them. How one looks belongs to the Slack adapter.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from pql_platform.ledger.claims import OutboxRow
from pql_platform.ledger.handoffs import NewMessage, outbox_values
from pql_platform.ledger.insertion import insert_once
from pql_platform.ledger.keys import oncall_key
from pql_platform.ledger.states import ONCALL
from pql_platform.ledger.tables import outbox
from pql_platform.ledger.transitions import Page

ONCALL_CHANNEL: Final = "slack"


def notify(
    conn: Connection, *, cause: str, title: str, body: str, severity: str, now: datetime
) -> bool:
    """Write one message to the people on call, once per cause and hour.

    Args:
        conn: In a transaction.
        cause: What groups messages.
        title: What happened, in one line.
        body: What it means and what to do, in several.
        severity: `warning`, `error` or `critical`.
        now: The moment.

    Returns:
        Whether it was written: False when this hour has one for the cause.
    """
    payload = {
        "cause": cause,
        "title": title,
        "body": body,
        "severity": severity,
        "since": now.isoformat(),
    }
    key = oncall_key(cause, now)
    message = NewMessage(ONCALL_CHANNEL, ONCALL, payload)
    return insert_once(conn, outbox, outbox_values(message, key, None, now), outbox.c.key == key)


def notify_about(conn: Connection, row: OutboxRow, page: Page, now: datetime) -> bool:
    """Tell the people on call what happened to a message of the outbox.

    Nothing is written about a message that is itself for them: it would only pile up behind it.

    Args:
        conn: In the transaction that records the trouble.
        row: The message in trouble; the first one stands for all with the same cause.
        page: What to tell.
        now: The moment.

    Returns:
        Whether it was written.
    """
    if row.kind == ONCALL:
        return False
    body = [page.body, f"First seen with outbox message {row.id} ({row.kind} to {row.channel})."]
    if row.handoff_id is not None:
        body.append(
            f"Hand-off {row.handoff_id} of {row.program}: {row.level} {row.subject_id}, "
            f"account {row.account_id or 'unknown'}."
        )
    return notify(
        conn,
        cause=page.cause,
        title=page.title,
        body="\n".join(body),
        severity=page.severity,
        now=now,
    )
