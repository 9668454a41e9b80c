"""What a calibration found, as a message to those who decide about it: once per version.

In the same outbox as everything else. What it says is `calibration/announcement.py`; how it looks
belongs to the Slack adapter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from pql_platform.ledger.handoffs import NewMessage, outbox_values
from pql_platform.ledger.insertion import insert_once
from pql_platform.ledger.keys import proposal_key
from pql_platform.ledger.states import DELIVERED, PROPOSAL
from pql_platform.ledger.tables import outbox


@dataclass(frozen=True)
class Proposed:
    """A proposal that was delivered.

    Attributes:
        champion: The version that was live when it was proposed to replace it.
        place: Where the message stands, as its channel gave it.
        reason: Why it was proposed, in one sentence.
    """

    champion: str
    place: dict[str, Any]
    reason: str


def place_of_proposal(conn: Connection, program: str, version_id: str) -> Proposed | None:
    """The delivered proposal of a version; None when nobody was asked about it."""
    key = proposal_key(program, version_id)
    row = conn.execute(
        select(outbox.c.payload, outbox.c.evidence).where(
            outbox.c.key == key, outbox.c.state == DELIVERED
        )
    ).first()
    if row is None:
        return None
    reasons = row.payload.get("reasons") or ["it was proposed"]
    return Proposed(str(row.payload["champion"]), row.evidence["detail"], str(reasons[0]))


def write_proposal(
    conn: Connection, payload: Mapping[str, Any], occasion: str, now: datetime
) -> bool:
    """Put what a calibration found into the outbox, unless it is there already.

    Args:
        conn: In the transaction that records the version.
        payload: From `announce` or `refusal`.
        occasion: What makes it one message: the id of the version, or the day of a refusal.
        now: The moment.

    Returns:
        Whether it was written.
    """
    key = proposal_key(str(payload["program"]), occasion)
    message = NewMessage("slack", PROPOSAL, dict(payload))
    return insert_once(conn, outbox, outbox_values(message, key, None, now), outbox.c.key == key)
