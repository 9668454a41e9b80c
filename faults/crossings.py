"""Crossings with an alert each, written by the platform itself into a ledger of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path

from sqlalchemy import Engine

from faults.borrowed import alert_stories
from pql_platform.ledger.engine import open_ledger
from pql_platform.ledger.handoffs import NewHandoff, NewMessage, open_handoff
from pql_platform.ledger.versions import NewVersion, record_version

PROGRAM, VERSION = "boards", "boards-v1"


@contextmanager
def fresh_ledger(folder: Path, now: datetime) -> Iterator[Engine]:
    """A ledger with a scoring version and nothing else, without any open connection."""
    engine = open_ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
    with engine.begin() as conn:
        record_version(
            conn,
            NewVersion(
                program=PROGRAM,
                program_digest="0" * 64,
                enter_account=Decimal(62),
                enter_user=Decimal(55),
                leave_margin=Decimal(5),
                created_at=now,
                created_by="campaign",
                reason="first",
            ),
        )
    engine.dispose()
    yield engine
    engine.dispose()


class Crossings:
    """Writes crossings of ever new accounts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._numbers = count(1)

    def write(self, amount: int, now: datetime) -> None:
        """Write so many crossings of this moment, in one transaction."""
        with self._engine.begin() as conn:
            for _ in range(amount):
                account = f"account-{next(self._numbers)}"
                crossed_at = now - timedelta(minutes=3)
                story = replace(
                    alert_stories.realistic_story(),
                    account_id=account,
                    crossed_at=crossed_at,
                    due_at=now + timedelta(hours=2),
                )
                new = NewHandoff(
                    program=PROGRAM,
                    motion=story.motion,
                    level="account",
                    subject_id=account,
                    account_id=account,
                    tier=story.tier,
                    episode=1,
                    score=story.score,
                    threshold=story.threshold,
                    version_id=VERSION,
                    paying=False,
                    crossed_at=crossed_at,
                    opened_at=now,
                    owner=story.owner,
                    due_at=story.due_at,
                    story={"escalate_to": story.escalate_to},
                )
                open_handoff(conn, new, [NewMessage("slack", "alert", {"story": story.to_json()})])
        # A connection must not be open when a dispatcher is forked.
        self._engine.dispose()
