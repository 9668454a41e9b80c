"""Runs a scenario against the platform: its ledger, its drain, its Slack adapter.

Every process that delivers is real and talks over Slack's own client to a fake Slack in a process
of its own. Afterwards that Slack's log is held against the ledger.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count, pairwise
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

from sqlalchemy import Connection as SqlConnection
from sqlalchemy import Engine, func, select

from faults.borrowed import fake_slack
from faults.clock import Clock
from faults.crossings import Crossings, fresh_ledger
from faults.dispatcher import Dispatchers, Fuse, was_killed
from faults.oracle import (
    HISTORY,
    POST,
    books_balance,
    compare,
    fates_of,
    injected,
    posted_keys,
    read_log,
    written_down,
)
from faults.outcome import Outcome, unfired
from faults.scenarios import FACTOR, Scenario, Step
from pql_platform.ledger.breakers import close_breaker, open_breakers
from pql_platform.ledger.engine import reading
from pql_platform.ledger.states import ONCALL, PENDING, SENDING
from pql_platform.ledger.tables import attempts, outbox

LONGEST_LIFE: Final = 0.12
"""Seconds of the wall after which a dispatcher that is to be killed at random is dead at last."""
_PATIENCE: Final = 240.0  # seconds of the wall for a dispatcher to finish; then it hangs
_AT_WORK: Final = 40  # unfinished messages, so that no dispatcher is killed while idle
_RESTING: Final = 80.0  # seconds of the clock after which an abandoned message may be looked for


def run(scenario: Scenario, seed: int) -> Outcome:
    """Run one scenario and compare.

    Raises:
        RuntimeError: A dispatcher failed by itself, or did not come to an end.
    """
    begun = time.monotonic()
    clock = Clock(skips=True) if scenario.skips else Clock(FACTOR)
    with (
        TemporaryDirectory() as folder,
        fresh_ledger(Path(folder), clock()) as engine,
        fake_slack.running_fake_slack(Path(folder)) as slack,
    ):
        # At Slack's pace most kills would fall into the pauses.
        pace = 0.0 if scenario.kills_all else None
        dispatchers = Dispatchers(engine, slack.base_url, slack.token, clock, pace)
        campaign = _Campaign(scenario, engine, slack, clock, dispatchers, seed)
        campaign.crossings.write(1, clock())
        dispatchers.warm_up()
        for step in scenario.steps:
            campaign.step(step)
        return campaign.outcome(time.monotonic() - begun)


class _Campaign:
    def __init__(
        self,
        scenario: Scenario,
        engine: Engine,
        slack: Any,
        clock: Clock,
        dispatchers: Dispatchers,
        seed: int,
    ) -> None:
        self.scenario, self.engine, self.slack, self.clock = scenario, engine, slack, clock
        self.dispatchers = dispatchers
        self.crossings = Crossings(engine)
        self.random = Random(f"{seed} {scenario.name}")  # noqa: S311 - moments of death, no secret
        self.workers = (f"w{number}" for number in count(1))
        self.kills = self.breakers = 0
        self.left_open: set[tuple[int, int]] = set()

    def step(self, step: Step) -> None:
        """Write crossings, let the faults loose, and deliver until nothing is left to do."""
        self.slack.break_next(POST, *step.post)
        self.slack.break_next(HISTORY, *step.history)
        self.crossings.write(step.crossings, self.clock())
        if self.scenario.crash_points:
            self._die_at_each_side_effect()
        if self.scenario.kills:
            self._die_at_random()
        if step.lasts is not None:
            self._finish([self.dispatchers.start(self._name(), until=self.clock() + step.lasts)])
            self.slack.heal()
        self._deliver()
        while self._repair():
            self._deliver()

    def outcome(self, seconds: float) -> Outcome:
        """Hold Slack's log against the ledger."""
        log = read_log(self.slack.log)
        asked = len(log)
        self._deliver()
        again = len(read_log(self.slack.log)) - asked
        with self._reading() as conn:
            comparison = compare(posted_keys(log), fates_of(conn))
            if again or not books_balance(conn):
                wrong = "asked again after the end" if again else "the books do not balance"
                contradictions = (*comparison.contradictions, wrong)
                comparison = replace(comparison, contradictions=contradictions)
            told = written_down(conn, log)
            left_open, abandoned = self._ends_of_claims(conn)
            pages = conn.execute(select(func.count()).where(outbox.c.kind == ONCALL)).scalar_one()
            workers = (
                conn.execute(select(attempts.c.worker).order_by(attempts.c.id)).scalars().all()
            )
        met = len(injected(log))
        return Outcome(
            scenario=self.scenario.name,
            fired=met + self.kills,
            comparison=comparison,
            detected=told + abandoned,
            detectable=met + left_open,
            unfired=unfired(self.scenario, log),
            note=self._note(left_open, pages, workers),
            seconds=seconds,
        )

    def _ends_of_claims(self, conn: SqlConnection) -> tuple[int, int]:
        """How many claims the dead left open, and how many of those are written down as abandoned.

        A process can die after its record is in SQLite's log and before others see it there. Then
        the claim looks open at first, and the record turns up when the log is next recovered.
        """
        query = select(attempts.c.outbox_id, attempts.c.attempt, attempts.c.result)
        ends = {(row.outbox_id, row.attempt): row.result for row in conn.execute(query)}
        results = [ends.get(claim) for claim in self.left_open]
        left_open = [result for result in results if result in (None, "abandoned")]
        return len(left_open), left_open.count("abandoned")

    def _note(self, left_open: int, pages: int, workers: list[str]) -> str:
        said = []
        if self.kills:
            said.append(f"{self.kills} kills, {left_open} of them between claim and record")
        elif not self.scenario.skips:
            turns = sum(a != b for a, b in pairwise(workers))
            said.append(f"two dispatchers, {turns} changes between them")
        if pages:
            said.append(f"on-call messages: {pages}")
        if self.breakers:
            said.append(f"breakers opened: {self.breakers}")
        return "; ".join(said)

    def _deliver(self) -> None:
        amount = 1 if self.scenario.skips else 2
        self._finish([self.dispatchers.start(self._name()) for _ in range(amount)])

    def _finish(self, processes: list[BaseProcess]) -> None:
        for process in processes:
            process.join(_PATIENCE)
            if process.is_alive():
                process.kill()
                process.join()
                raise RuntimeError(f"dispatcher {process.name} did not come to an end")
            if was_killed(process):
                raise RuntimeError(f"dispatcher {process.name} was killed by somebody else")

    def _repair(self) -> bool:
        """Do what a page asks for: repair the token and close the breaker."""
        with self._reading() as conn:
            names = [breaker.name for breaker in open_breakers(conn)]
        if not names:
            return False
        self.breakers += len(names)
        with self.engine.begin() as conn:
            for name in names:
                close_breaker(conn, name)
        self.engine.dispose()
        return True

    def _die_at_each_side_effect(self) -> None:
        for nth in range(1, self.scenario.crash_points + 1):
            for when in ("before", "after"):
                self._keep_at_work(self.scenario.crash_points)
                dispatcher = self.dispatchers.start(self._name(), fuse=Fuse(nth, when))
                dispatcher.join(_PATIENCE)
                self._count(dispatcher)
                # What the dead one sent has been answered by now; nobody sends, so time may jump.
                time.sleep(0.02)
                self.clock.skip(_RESTING)
        planned = 2 * self.scenario.crash_points
        if self.kills != planned:
            raise RuntimeError(f"{self.kills} of {planned} dispatchers died: too few side effects")

    def _die_at_random(self) -> None:
        running: list[tuple[float, BaseProcess]] = []
        while self.kills < self.scenario.kills:
            while len(running) < 2:
                self._keep_at_work(_AT_WORK)
                life = self.random.uniform(0.0, LONGEST_LIFE)
                dispatcher = self.dispatchers.start(self._name())
                running.append((time.monotonic() + life, dispatcher))
            running.sort(key=lambda one: one[0])
            moment, dispatcher = running.pop(0)
            time.sleep(max(0.0, moment - time.monotonic()))
            _kill(dispatcher)
            self._count(dispatcher)
        for _, dispatcher in running:
            _kill(dispatcher)
            dispatcher.join()

    def _count(self, dispatcher: BaseProcess) -> None:
        """Count a dispatcher that was killed, and whether a send of its was left open."""
        dispatcher.join()
        if not was_killed(dispatcher):
            return
        self.kills += 1
        claimed = select(outbox.c.id, outbox.c.lease_token).where(
            outbox.c.state == SENDING, outbox.c.lease_by == dispatcher.name
        )
        with self._reading() as conn:
            self.left_open.update((row.id, row.lease_token) for row in conn.execute(claimed))

    def _keep_at_work(self, least: int) -> None:
        query = select(func.count()).where(outbox.c.state == PENDING)
        with self._reading() as conn:
            pending = conn.execute(query).scalar_one()
        if pending < least:
            self.crossings.write(least, self.clock())

    def _name(self) -> str:
        return next(self.workers)

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        with reading(self.engine) as conn:
            yield conn
        # A connection must not be open when a dispatcher is forked.
        self.engine.dispose()


def _kill(process: BaseProcess) -> None:
    if process.pid is not None and process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
