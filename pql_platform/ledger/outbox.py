"""Delivers what waits in the outbox, each message once.

One message at a time: claim, send, write down, each a step of its own, so that no transaction is
open while the network is used and a crash between any two steps is recovered by the next drain.
What may follow an outcome is in `transitions`; how a message is sent belongs to the channels.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from random import SystemRandom
from typing import Final

from sqlalchemy import Connection, Engine

from pql_platform.domain.delivery import Ambiguous, Channel, DeliveryFailure, Evidence
from pql_platform.ledger import claims, turns
from pql_platform.ledger.claims import START_WITHIN_SECONDS, Claim, OutboxRow
from pql_platform.ledger.engine import reading
from pql_platform.ledger.fates import end_unsent
from pql_platform.ledger.settlement import settle
from pql_platform.ledger.states import (
    AFTERWARDS,
    CANCELED,
    DEAD,
    DELIVERED,
    RETRY,
    SUPPRESSED,
    UNKNOWN,
)
from pql_platform.ledger.transitions import (
    Jitter,
    Step,
    after_delay,
    after_expiry,
    after_looking,
    after_sending,
)

# A message may turn up this long after its attempt began: 15 s of client timeout and a minute on
# the other side. A channel that knows better has an attribute `settle_seconds`.
SETTLE_SECONDS: Final = 75.0
# Slack takes one message a second and channel; others say otherwise by `pace_seconds`.
PACE_SECONDS: Final[Mapping[str, float]] = {"slack": 1.0}
# How long a drain waits for a channel to be free rather than leaving the rest to the next one.
PATIENCE: Final = timedelta(seconds=2)
_BATCH: Final = 100
_SPREAD: Final[Jitter] = SystemRandom().random

Eligible = Callable[[OutboxRow], str | None]
"""Says why a hand-off must not be delivered any more; None when it may."""


@dataclass(frozen=True)
class Delivery:
    """One message that arrived, with where to look it up."""

    outbox_id: int
    handoff_id: str | None
    channel: str
    kind: str
    key: str
    reference: str
    crossed_at: datetime | None
    delivered_at: datetime


@dataclass(frozen=True)
class DrainResult:
    """What one drain did, in messages; `held` counts those due that a breaker holds at its end."""

    delivered: int
    retried: int
    unknown: int
    dead: int
    held: int
    canceled: int
    deliveries: tuple[Delivery, ...]


def drain(
    engine: Engine,
    channels: Mapping[str, Channel],
    *,
    clock: Callable[[], datetime],
    worker: str,
    limit: int | None = None,
    eligible: Eligible | None = None,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
    jitter: Jitter = _SPREAD,
) -> DrainResult:
    """Deliver every message that is due and may leave.

    Any number of processes may drain at once. A failure of a channel is written down and the drain
    goes on; a second drain right after it finds nothing to do.

    Args:
        engine: The ledger.
        channels: By name; messages of other channels are left alone.
        clock: Aware UTC time.
        worker: Says in the log who sent.
        limit: Most messages to handle; None for all.
        eligible: Asked before each send that belongs to a hand-off, outside any transaction.
        sleep: Waits for a paced channel, in seconds; the clock must move meanwhile.
        monotonic: Measures, in seconds, whether a claim is still fresh when it comes to sending.
        jitter: Spreads retries.

    Raises:
        Exception: Anything that a channel raises other than a `DeliveryFailure`, after the message
            was marked UNKNOWN.
    """
    dispatcher = _Dispatcher(
        engine, channels, clock, worker, eligible, sleep, monotonic, jitter, room=limit
    )
    return dispatcher.run()


@dataclass
class _Dispatcher:
    engine: Engine
    channels: Mapping[str, Channel]
    clock: Callable[[], datetime]
    worker: str
    eligible: Eligible | None
    sleep: Callable[[float], None]
    monotonic: Callable[[], float]
    jitter: Jitter
    room: int | None
    counts: Counter[str] = field(default_factory=Counter)
    deliveries: list[Delivery] = field(default_factory=list)

    def run(self) -> DrainResult:
        self._register()
        while self.room is None or self.room > 0:
            self._release_expired()
            with reading(self.engine) as conn:
                rows = claims.due_rows(conn, self.channels, self.clock(), self._batch())
            if rows:
                self._handle(rows)
            elif not self._wait():
                break
        with reading(self.engine) as conn:
            held = claims.count_held(conn, self.channels, self.clock())
        return DrainResult(
            delivered=self.counts[DELIVERED],
            retried=self.counts[RETRY],
            unknown=self.counts[UNKNOWN],
            dead=self.counts[DEAD],
            held=held,
            canceled=self.counts[CANCELED],
            deliveries=tuple(self.deliveries),
        )

    def _batch(self) -> int:
        return _BATCH if self.room is None else min(self.room, _BATCH)

    def _register(self) -> None:
        with reading(self.engine) as conn:
            fresh = turns.unregistered(conn, self.channels)
        if fresh:
            with self.engine.begin() as conn:
                turns.register(conn, fresh, self.clock())

    def _release_expired(self) -> None:
        with reading(self.engine) as conn:
            if not claims.expired(conn, self.channels, self.clock()):
                return
        with self.engine.begin() as conn:
            now = self.clock()
            for claim in claims.expired(conn, self.channels, now):
                step = after_expiry(claim, self._settle_seconds(claim.row.channel))
                settle(conn, claim, step, now, self.jitter)

    def _handle(self, rows: list[OutboxRow]) -> None:
        busy: set[str] = set()
        for row in rows:
            if row.channel in busy:
                continue
            goes_on = self._look(row) if row.state == UNKNOWN else self._send(row)
            if not goes_on:
                busy.add(row.channel)

    def _wait(self) -> bool:
        """Wait for a channel that is free soon; False when there is none."""
        with reading(self.engine) as conn:
            now = self.clock()
            moment = claims.next_due(conn, self.channels, now)
        if moment is None or moment - now > PATIENCE:
            return False
        self.sleep(max((moment - now).total_seconds(), 0))
        # A clock that stands still would make this wait endless.
        return self.clock() > now

    def _send(self, row: OutboxRow) -> bool:
        """Send one message; False when its channel cannot take another one now."""
        why = None
        asked = row.handoff_id is not None and row.kind not in AFTERWARDS
        if self.eligible is not None and asked:
            why = self.eligible(row)
        with self.engine.begin() as conn:
            now, claimed = self.clock(), self.monotonic()
            if self._ended(conn, row, why):
                return True
            pace = self._pace_seconds(row.channel)
            claim = claims.claim_to_send(conn, row, now=now, worker=self.worker, pace_seconds=pace)
        if claim is None:
            return False
        if self.monotonic() - claimed > START_WITHIN_SECONDS:
            return self._write(claim, partial(after_delay, claim, jitter=self.jitter))
        begun = self.clock()
        claim = replace(claim, started_at=begun)
        outcome: Evidence | DeliveryFailure
        try:
            outcome = self.channels[row.channel].deliver(row.message, begun)
        except DeliveryFailure as failure:
            outcome = failure
        except Exception as error:
            # Only its type: the text of an unforeseen error may hold anything.
            doubt = Ambiguous(f"{type(error).__name__} in the channel")
            self._write(claim, self._after_sending(claim, doubt))
            raise
        return self._write(claim, self._after_sending(claim, outcome)) and pace == 0

    def _ended(self, conn: Connection, row: OutboxRow, why: str | None) -> bool:
        """Whether the message was canceled, or somebody else changed it meanwhile."""
        if row.handoff_id is not None and why is not None:
            self.counts[CANCELED] += end_unsent(conn, row.handoff_id, SUPPRESSED, why)
            return True
        reason = claims.obsolete(conn, row)
        if reason is None:
            return False
        self.counts[CANCELED] += claims.cancel(conn, row, reason)
        return True

    def _look(self, row: OutboxRow) -> bool:
        """Look for one message; False when its channel cannot be asked now."""
        with self.engine.begin() as conn:
            now = self.clock()
            claim = claims.claim_to_look(conn, row, now=now, worker=self.worker)
        if claim is None:
            return False
        outcome: Evidence | DeliveryFailure | None
        try:
            outcome = self.channels[row.channel].find(row.message)
        except DeliveryFailure as failure:
            outcome = failure
        return self._write(claim, partial(after_looking, claim, outcome, jitter=self.jitter))

    def _after_sending(
        self, claim: Claim, outcome: Evidence | DeliveryFailure
    ) -> Callable[[datetime], Step]:
        return partial(
            after_sending,
            claim,
            outcome,
            settle_seconds=self._settle_seconds(claim.row.channel),
            jitter=self.jitter,
        )

    def _write(self, claim: Claim, following: Callable[[datetime], Step]) -> bool:
        """Write down what follows now; False when the channel did not answer."""
        with self.engine.begin() as conn:
            now = self.clock()
            step = following(now)
            mine = settle(conn, claim, step, now, self.jitter)
        if self.room is not None:
            self.room -= 1
        if mine:
            self.counts[step.state] += 1
        if mine and step.evidence is not None:
            row = claim.row
            self.deliveries.append(
                Delivery(
                    outbox_id=row.id,
                    handoff_id=row.handoff_id,
                    channel=row.channel,
                    kind=row.kind,
                    key=row.key,
                    reference=step.evidence.reference,
                    crossed_at=row.crossed_at,
                    delivered_at=now,
                )
            )
        return step.answered

    def _settle_seconds(self, channel: str) -> float:
        return float(getattr(self.channels[channel], "settle_seconds", SETTLE_SECONDS))

    def _pace_seconds(self, channel: str) -> float:
        own = getattr(self.channels[channel], "pace_seconds", None)
        return float(PACE_SECONDS.get(channel, 0.0) if own is None else own)
