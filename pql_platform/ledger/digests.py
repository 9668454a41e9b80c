"""One message to the alert channel in the place of many: who is a lead by a new version alone.

Written in the transaction that records those crossings, once for each time a version became live.
What it says is the caller's, how it looks the Slack adapter's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, func, select

from pql_platform.ledger.handoffs import NewMessage, outbox_values
from pql_platform.ledger.insertion import insert_once
from pql_platform.ledger.keys import digest_key
from pql_platform.ledger.states import DIGEST
from pql_platform.ledger.tables import outbox, promotions

_CHANNEL: Final = "slack"


def write_digest(
    conn: Connection, program: str, version_id: str, payload: Mapping[str, Any], now: datetime
) -> bool:
    """Put the digest of a version into the outbox, unless it is there already.

    Args:
        conn: In a transaction.
        program: The program.
        version_id: The version that made the crossings.
        payload: What it says, JSON-able.
        now: The moment.

    Returns:
        Whether it was written.
    """
    times = conn.execute(
        select(func.count())
        .select_from(promotions)
        .where(promotions.c.program == program, promotions.c.version_id == version_id)
    ).scalar_one()
    key = digest_key(program, version_id, times)
    message = NewMessage(_CHANNEL, DIGEST, payload)
    return insert_once(conn, outbox, outbox_values(message, key, None, now), outbox.c.key == key)
