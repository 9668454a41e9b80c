"""A migrated ledger per test, a simulated clock, and a channel that keeps its own log."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from pql_platform.domain.delivery import DeliveryFailure, Evidence, Message
from pql_platform.ledger.engine import open_ledger
from pql_platform.ledger.handoffs import NewHandoff, NewMessage, open_handoff
from pql_platform.ledger.outbox import DrainResult, drain
from pql_platform.ledger.versions import NewVersion, record_version

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


class SimClock:
    """Wall time and monotonic time that only move when told."""

    def __init__(self) -> None:
        self.elapsed = 0.0

    def __call__(self) -> datetime:
        return START + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    def advance(self, seconds: float) -> None:
        self.elapsed += seconds


@dataclass
class FakeChannel:
    """Another side with a log of its own, which no crash of ours can change.

    `faults` are used up one per delivery: a failure to raise, and whether the message is accepted
    all the same. `blind` is raised by every look-up.
    """

    clock: SimClock
    settle_seconds: float = 75.0
    pace_seconds: float = 0.0
    log: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    asked_at: list[datetime] = field(default_factory=list)
    faults: list[tuple[BaseException | None, bool]] = field(default_factory=list)
    blind: DeliveryFailure | None = None
    looks: int = 0
    before_accepting: Callable[[], None] | None = None

    def deliver(self, message: Message, now: datetime) -> Evidence:
        self.asked_at.append(self.clock())
        failure, accepted = self.faults.pop(0) if self.faults else (None, True)
        if self.before_accepting:
            self.before_accepting()
        if accepted:
            self.log.append(message.key)
            self.kinds.append(message.kind)
        if failure:
            raise failure
        return Evidence(f"fake/{message.key[:8]}", {"at": now.isoformat()})

    def find(self, message: Message) -> Evidence | None:
        self.looks += 1
        if self.blind:
            raise self.blind
        return Evidence(f"fake/{message.key[:8]}") if message.key in self.log else None


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with the version `boards-v1`, to be copied: migrating takes longer than a test."""
    path = tmp_path_factory.mktemp("template") / "ledger.sqlite"
    engine = open_ledger(f"sqlite:///{path}")
    with engine.begin() as conn:
        record_version(
            conn,
            NewVersion(
                program="boards",
                program_digest="0" * 64,
                enter_account=Decimal("62.5"),
                enter_user=Decimal(55),
                leave_margin=Decimal(5),
                created_at=START,
                created_by="test",
                reason="first",
            ),
        )
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def shared_engine(template: Path) -> Iterator[Engine]:
    """One engine for all tests: compiling the statements anew would take most of their time."""
    path = template.with_name("shared.sqlite")
    shutil.copy(template, path)
    engine = open_ledger(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture
def ledger_path(template: Path, shared_engine: Engine) -> Path:
    """A fresh ledger, in the place of the one of the test before."""
    shared_engine.dispose()
    path = Path(str(shared_engine.url.database))
    for leftover in path.parent.glob("shared.sqlite*"):
        leftover.unlink()
    shutil.copy(template, path)
    return path


@pytest.fixture
def engine(ledger_path: Path, shared_engine: Engine) -> Engine:
    return shared_engine


@pytest.fixture
def clock() -> SimClock:
    return SimClock()


@pytest.fixture
def kit() -> SimpleNamespace:
    """The helpers of this folder, for tests that build several."""
    return SimpleNamespace(
        SimClock=SimClock,
        FakeChannel=FakeChannel,
        START=START,
        crossing=crossing,
        cross=cross,
        run_drain=run_drain,
    )


@pytest.fixture
def slack(clock: SimClock) -> FakeChannel:
    return FakeChannel(clock)


def crossing(subject_id: str = "acme", **changes: Any) -> NewHandoff:
    """A crossing that any test may vary."""
    values: dict[str, Any] = {
        "program": "boards",
        "motion": "new_business",
        "level": "account",
        "subject_id": subject_id,
        "account_id": subject_id,
        "tier": 1,
        "episode": 1,
        "score": Decimal("82.25"),
        "threshold": Decimal("62.5"),
        "version_id": "boards-v1",
        "paying": False,
        "crossed_at": START - timedelta(minutes=3),
        "opened_at": START,
        "owner": "ae.emea",
        "due_at": START + timedelta(hours=2),
        "story": {"escalate_to": "manager", "signals": ["invited 2 teammates"]},
        "run_id": "run-1",
    }
    return NewHandoff(**{**values, **changes})


def cross(
    conn: Connection,
    subject_id: str = "acme",
    kinds: tuple[str, ...] = ("alert",),
    **changes: Any,
) -> str:
    """Open a hand-off with one message per kind; `crm_` kinds go to the channel `crm`."""
    messages = [
        NewMessage("crm" if kind.startswith("crm_") else "slack", kind, {"about": subject_id})
        for kind in kinds
    ]
    return open_handoff(conn, crossing(subject_id, **changes), messages)


def run_drain(engine: Engine, clock: SimClock, channels: Any, **options: Any) -> DrainResult:
    """Drain with everything simulated."""
    settings: dict[str, Any] = {
        "clock": clock,
        "worker": "w1",
        "sleep": clock.advance,
        "monotonic": clock.monotonic,
        "jitter": lambda: 1.0,
    }
    return drain(engine, channels, **{**settings, **options})
