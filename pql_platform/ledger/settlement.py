"""Writing down what became of an attempt, with everything that follows, in one transaction.

The fencing token decides whether a dispatcher may still speak for a message. Which step follows
which outcome is decided in `transitions`.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, update

from pql_platform.ledger import turns
from pql_platform.ledger.breakers import open_breaker
from pql_platform.ledger.claims import Claim
from pql_platform.ledger.fates import settle_digested, settle_handoff
from pql_platform.ledger.oncall import notify_about
from pql_platform.ledger.states import DELIVERED, DIGEST, IN_FLIGHT
from pql_platform.ledger.tables import attempts, outbox
from pql_platform.ledger.transitions import Jitter, Step, backoff_seconds


def settle(conn: Connection, claim: Claim, step: Step, now: datetime, jitter: Jitter) -> bool:
    """Write down a step.

    Args:
        conn: In a transaction.
        claim: The attempt that the step follows.
        step: What follows.
        now: The moment.
        jitter: Spreads pauses.

    Returns:
        False when somebody else has taken the message over: then only the log is written.
    """
    row = claim.row
    changed = conn.execute(
        update(outbox)
        .where(
            outbox.c.id == row.id,
            outbox.c.lease_token == claim.token,
            # UNKNOWN as well: whoever comes back late with certainty may replace doubt by it.
            outbox.c.state.in_(IN_FLIGHT),
        )
        .values(
            state=step.state,
            attempts=step.attempts,
            not_before=step.not_before,
            lease_until=None,
            lease_by=None,
            last_error=step.error,
            evidence=asdict(step.evidence) if step.evidence else None,
            delivered_at=now if step.state == DELIVERED else None,
        )
    )
    mine = changed.rowcount == 1
    detail = step.evidence.reference if step.evidence else step.error
    conn.execute(
        insert(attempts).values(
            outbox_id=row.id,
            attempt=claim.token,
            worker=claim.worker,
            started_at=claim.started_at,
            finished_at=now,
            result=step.result if mine else "too late",
            detail=detail if mine else f"{step.result}: {detail}",
        )
    )
    if mine:
        _follow(conn, claim, step, now, jitter)
    return mine


def _follow(conn: Connection, claim: Claim, step: Step, now: datetime, jitter: Jitter) -> None:
    row = claim.row
    if step.pause:
        wait = step.told_seconds
        if wait is None:
            wait = backoff_seconds(turns.failures(conn, row.channel) + 1, jitter)
        turns.pause(conn, row.channel, now + timedelta(seconds=wait))
    if step.answered:
        turns.note_answer(conn, row.channel)
    if step.refused:
        open_breaker(conn, f"channel:{row.channel}", step.error or "refused", "outbox", now)
    if step.page:
        notify_about(conn, row, step.page, now)
    if row.handoff_id is not None:
        settle_handoff(conn, row.handoff_id)
    elif row.kind == DIGEST:
        settle_digested(conn, row.id)
