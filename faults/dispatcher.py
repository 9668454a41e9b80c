"""Dispatchers as processes of their own: the platform's drain over Slack's own client.

They are forked from a process that has everything imported, so that a kill at a random moment falls
into the delivery and not into an import.

Why a fast clock leaves the result valid. With `factor` f the client gives up after 10/f seconds of
the wall, which are Slack's 10 s of the clock, and the settle time is what the adapter makes of a
client that waits 10 s. What the fake Slack does late it does within that time, by the same measure.
So a late message is as late, a lease as long and a look as early as they would be in real time.
With skipped idle time f is 1, every send takes its real time, and no fault of such a plan outlasts
its answer.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.process import BaseProcess
from typing import Final

from sqlalchemy import Engine

from faults.clock import Clock
from pql_platform.adapters.slack import SlackChannels, SlackWeb
from pql_platform.adapters.slack_client import build_client
from pql_platform.domain.delivery import Evidence, Message
from pql_platform.ledger.engine import reading
from pql_platform.ledger.outbox import drain
from pql_platform.ledger.queue import queue_state

CLIENT_TIMEOUT: Final = 10
"""Seconds of the clock that the client waits, `build_client`'s own default."""
_NAP: Final = 0.02  # seconds of the wall before a dispatcher looks again whether anything is due
_FORK: Final = multiprocessing.get_context("fork")


class Fuse:
    """Kills its process right before or right after the n-th of its side effects."""

    def __init__(self, nth: int, when: str) -> None:
        self._left, self._when = nth, when

    @contextmanager
    def around(self) -> Iterator[None]:
        """Surrounds a side effect: a commit, or a call to Slack."""
        self._left -= 1
        if self._left == 0 and self._when == "before":
            _die()
        try:
            yield
        finally:
            if self._left == 0:
                _die()


class FusedSlack(SlackWeb):
    """Slack, each of whose calls is a side effect."""

    fuse: Fuse | None = None

    def deliver(self, message: Message, now: datetime) -> Evidence:
        """Deliver, if the process lives to."""
        if self.fuse is None:
            return super().deliver(message, now)
        with self.fuse.around():
            return super().deliver(message, now)

    def find(self, message: Message) -> Evidence | None:
        """Look, if the process lives to."""
        if self.fuse is None:
            return super().find(message)
        with self.fuse.around():
            return super().find(message)


@dataclass(frozen=True)
class Dispatchers:
    """How dispatchers of one campaign are started.

    Attributes:
        engine: The ledger, without an open connection whenever a dispatcher is started.
        base_url: The fake Slack.
        token: What it takes for a token.
        clock: Theirs, all together.
        pace_seconds: Between two messages; None for Slack's.
    """

    engine: Engine
    base_url: str
    token: str
    clock: Clock
    pace_seconds: float | None = None

    def start(
        self, worker: str, *, until: datetime | None = None, fuse: Fuse | None = None
    ) -> BaseProcess:
        """Start one that drains until nothing is left to do, or nothing before a moment."""
        process = _FORK.Process(
            target=self._work, args=(worker, until, fuse), name=worker, daemon=True
        )
        process.start()
        return process

    def warm_up(self) -> None:
        """Drain in this process: what is compiled at first use is then there in every fork."""
        self._work("warm-up", None, None)
        self.engine.dispose()

    def _work(self, worker: str, until: datetime | None, fuse: Fuse | None) -> None:
        slack = self._channel(fuse)
        if fuse is not None:
            self._light(fuse)
        clock = self.clock
        while True:
            drain(
                self.engine,
                {"slack": slack},
                clock=clock,
                worker=worker,
                sleep=clock.sleep,
                monotonic=clock.monotonic,
            )
            with reading(self.engine) as conn:
                next_at = queue_state(conn, ["slack"], clock()).next_at
            if next_at is None or (until is not None and next_at >= until):
                return
            wait = max((next_at - clock()).total_seconds(), 0.0)
            clock.sleep(wait if clock.skips else min(wait, _NAP * clock.factor))

    def _channel(self, fuse: Fuse | None) -> FusedSlack:
        client = build_client(self.token, self.base_url, CLIENT_TIMEOUT)
        slack = FusedSlack(client, SlackChannels(), self.clock)
        # After the adapter has seen it: the settle time is meant in seconds of the clock.
        client.timeout = CLIENT_TIMEOUT / self.clock.factor  # type: ignore[assignment]
        slack.fuse = fuse
        if self.pace_seconds is not None:
            slack.pace_seconds = self.pace_seconds
        return slack

    def _light(self, fuse: Fuse) -> None:
        commit = self.engine.dialect.do_commit

        def fused(connection: object) -> None:
            with fuse.around():
                commit(connection)  # type: ignore[arg-type]

        self.engine.dialect.do_commit = fused  # type: ignore[method-assign,assignment]


def was_killed(process: BaseProcess) -> bool:
    """Whether a process that ended was killed; one that failed by itself is a defect.

    Raises:
        RuntimeError: It failed.
    """
    if process.exitcode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"dispatcher {process.name} failed with exit code {process.exitcode}")
    return process.exitcode == -signal.SIGKILL


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
