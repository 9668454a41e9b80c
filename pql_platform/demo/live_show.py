"""The demo after the batch: new sessions arrive, and the time from event to alert is measured.

Sessions go into the inbox as any producer's would; scoring and alerting are the daemon's. What is
measured is from the last event of a session being received to its alert being delivered.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import Engine, select

from pql_platform.demo.live import live_sessions, stamp
from pql_platform.intake.files import take_in_records
from pql_platform.ledger.states import ALERT, DELIVERED
from pql_platform.ledger.tables import handoffs, outbox
from pql_platform.settings import Settings

PAUSE_SECONDS = (6.0, 14.0)
"""Shortest and longest pause between two sessions of the simulated product."""


@dataclass(frozen=True)
class LiveAlert:
    """An alert that a live session caused; the time is from receipt to delivery, in seconds."""

    account: str
    tier: int
    score: float
    seconds: float


@dataclass
class Feed:
    """The sessions of a simulated product, written to the inbox at the real clock."""

    settings: Settings
    accounts: int
    days: int
    seed: int
    start: datetime
    received: dict[str, datetime] = field(default_factory=dict)
    sent: int = 0

    def run(self, stop: threading.Event) -> None:
        """Write sessions with pauses between them until told to stop."""
        pauses = random.Random(self.seed)  # noqa: S311 - a rhythm, not a secret
        sessions = live_sessions(
            seed=self.seed, accounts=self.accounts, days=self.days, end=self.start
        )
        for number, session in enumerate(sessions):
            if stop.wait(pauses.uniform(*PAUSE_SECONDS)):
                return
            now = datetime.now(UTC)
            messages = stamp(session, now)
            for account in _accounts_named(messages):
                self.received[account] = now
            take_in_records(messages, self.settings.inbox, now=now, label=f"live-{number}")
            self.sent += len(messages)


def _accounts_named(messages: list[dict[str, Any]]) -> set[str]:
    """Every id by which the account of a session may be known."""
    names: set[str] = set()
    for message in messages:
        context = message.get("context") or {}
        email = (message.get("traits") or {}).get("email") or "@"
        names |= {
            message.get("groupId") or "",
            context.get("groupId") or "",
            email.rpartition("@")[2],
            f"user:{message.get('userId')}",
        }
    return names - {""}


class AlertWatch:
    """Finds alerts that were delivered since the last look, and how long they took."""

    def __init__(self, engine: Engine, feed: Feed) -> None:
        self._engine = engine
        self._feed = feed
        self._seen: set[str] = set()
        self.alerts: list[LiveAlert] = []

    def look(self, tell: Callable[[LiveAlert], None]) -> None:
        """Tell of each new alert that a live session caused."""
        query = (
            select(handoffs, outbox.c.delivered_at.label("alerted_at"))
            .join(outbox, outbox.c.handoff_id == handoffs.c.id)
            .where(outbox.c.kind == ALERT, outbox.c.state == DELIVERED)
            .where(handoffs.c.opened_at >= self._feed.start)
            .order_by(outbox.c.delivered_at)
        )
        with self._engine.connect() as conn:
            rows = conn.execute(query).all()
        for row in rows:
            received = self._feed.received.get(row.account_id)
            if row.id in self._seen or received is None or row.alerted_at < received:
                continue
            self._seen.add(row.id)
            alert = LiveAlert(
                account=row.story.get("account_name") or row.account_id,
                tier=row.tier,
                score=float(row.score),
                seconds=(row.alerted_at - received).total_seconds(),
            )
            self.alerts.append(alert)
            tell(alert)

    def percentiles(self) -> tuple[float, float] | None:
        """The 50th and 95th percentile in seconds; None before the first alert."""
        if not self.alerts:
            return None
        p50, p95 = np.percentile([alert.seconds for alert in self.alerts], [50, 95])
        return float(p50), float(p95)
