"""The process dies before or after every single side effect; each message still arrives once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from pql_platform.adapters.crm_sandbox import SandboxCRM
from pql_platform.domain.delivery import Ambiguous, Evidence, Message
from pql_platform.ledger.conservation import conservation
from pql_platform.ledger.crm_tables import crm_tasks
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.ledger.handoffs import NewMessage, open_handoff
from pql_platform.ledger.tables import outbox

TASK = {
    "external_id": "h1",
    "owner": "ae.emea",
    "due_at": "2026-03-02T11:00:00+00:00",
    "subject": "Call Acme",
    "body": "They invited 2 teammates.",
}


class ProcessDeath(BaseException):
    """No handler of the code under test may stop this, as none stops a kill -9."""


class Fuse:
    """Counts side effects, and kills before or after the n-th."""

    def __init__(self, nth: int | None = None, when: str = "before") -> None:
        self.nth, self.when, self.count, self.blown = nth, when, 0, False

    @contextmanager
    def around(self) -> Iterator[None]:
        self.count += 1
        mine = self.count == self.nth
        if mine and self.when == "before":
            self.blown = True
            raise ProcessDeath
        try:
            yield
        finally:
            if mine:
                self.blown = True
                raise ProcessDeath


class FusedChannel:
    """A channel whose every call is a side effect."""

    pace_seconds = 0.0

    def __init__(self, channel, fuse: Fuse) -> None:
        self.channel, self.fuse = channel, fuse
        self.settle_seconds = channel.settle_seconds

    def deliver(self, message: Message, now) -> Evidence:
        with self.fuse.around():
            return self.channel.deliver(message, now)

    def find(self, message: Message) -> Evidence | None:
        with self.fuse.around():
            return self.channel.find(message)


class World:
    """One ledger and the other sides, over several lives of the dispatcher.

    The engines outlive a dispatcher only to keep their compiled statements; every life begins with
    new connections. Commits of the sandbox are the other side's, so the fuse does not see them.
    """

    def __init__(self, ledgers, kit) -> None:
        self.ledgers, self.kit = ledgers, kit
        url = ledgers.fresh("world")
        self.engine, self.sandbox = open_ledger(url), open_ledger(url)
        self.fuse = Fuse()
        commit: Callable[..., None] = self.engine.dialect.do_commit

        def fused(connection) -> None:
            with self.fuse.around():
                commit(connection)

        self.engine.dialect.do_commit = fused  # type: ignore[method-assign]

    def begin(self) -> None:
        """A new ledger: one alert will arrive, one arrive in doubt, one get lost in doubt."""
        self.end()
        self.ledgers.fresh("world")
        self.fuse, self.clock = Fuse(), self.kit.SimClock()
        self.slack = self.kit.FakeChannel(
            self.clock, faults=[(None, True), (Ambiguous("?"), True), (Ambiguous("?"), False)]
        )
        with self.engine.begin() as conn:
            for subject in ("a", "b", "c"):
                self.kit.cross(conn, subject)
            open_handoff(conn, self.kit.crossing("d"), [NewMessage("crm", "crm_task", TASK)])

    def end(self) -> None:
        """Close every connection, so that SQLite clears its side files away."""
        self.engine.dispose()
        self.sandbox.dispose()
        if self.engine.dialect.name == "sqlite":
            assert not Path(f"{self.engine.url.database}-wal").exists()

    def live(self, fuse: Fuse, drains: int = 4) -> int:
        """One life of the dispatcher: it drains until it dies or has nothing left to do."""
        self.fuse = fuse
        self.engine.dispose()
        channels = {
            "slack": FusedChannel(self.slack, fuse),
            "crm": FusedChannel(SandboxCRM(self.sandbox), fuse),
        }
        delivered = 0
        for _ in range(drains):
            delivered += self.kit.run_drain(self.engine, self.clock, channels).delivered
            self.clock.advance(80)
        return delivered

    def check(self) -> None:
        """Nothing lost, nothing twice, and the ledger agrees with the other sides' own logs."""
        with reading(self.engine) as conn:
            states = conn.execute(select(outbox.c.state)).scalars().all()
            tasks = conn.execute(select(func.count()).select_from(crm_tasks)).scalar_one()
            books = conservation(conn, "boards")
        assert states == ["DELIVERED"] * 4
        assert sorted(self.slack.log) == sorted(set(self.slack.log))
        assert (len(self.slack.log), tasks) == (3, 1)
        assert (books.delivered, books.holds) == (4, True)


@pytest.fixture
def world(ledgers, kit) -> Iterator[World]:
    made = World(ledgers, kit)
    yield made
    made.end()


def test_each_message_arrives_once_wherever_the_process_dies(world: World) -> None:
    counted = Fuse()
    world.begin()
    assert world.live(counted) == 4
    world.check()
    assert counted.count >= 4 * 3, "a claim, a send and a confirmation for each message"

    for when in ("before", "after"):
        for nth in range(1, counted.count + 1):
            world.begin()
            fuse = Fuse(nth, when)
            with pytest.raises(ProcessDeath):
                world.live(fuse)
            assert fuse.blown
            world.clock.advance(61)
            world.live(Fuse())
            world.check()
            asked = len(world.slack.asked_at)
            assert world.live(Fuse(), drains=1) == 0
            assert len(world.slack.asked_at) == asked, "a later drain asked for something"


def test_each_message_arrives_once_when_the_recovery_dies_too(world: World) -> None:
    for first, second in ((2, 1), (2, 3), (3, 2), (5, 4), (8, 2), (9, 5)):
        world.begin()
        for nth in (first, second):
            with pytest.raises(ProcessDeath):
                world.live(Fuse(nth, "after"))
            world.clock.advance(61)
        world.live(Fuse())
        world.check()
