"""A migrated ledger per test, a simulated clock, and a channel that keeps its own log.

Every test that asks for `engine`, `ledgers` or `empty_url` runs twice, on SQLite and on Postgres;
what is about SQLite's files alone asks for `ledger_path`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import pytest
from sqlalchemy import Connection, Engine, create_engine, delete, make_url, text

from pql_platform.domain.delivery import DeliveryFailure, Evidence, Message
from pql_platform.ledger.engine import open_ledger
from pql_platform.ledger.handoffs import NewHandoff, NewMessage, open_handoff
from pql_platform.ledger.outbox import DrainResult, drain
from pql_platform.ledger.tables import metadata
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


TEMPLATE = "template"


class Ledgers(Protocol):
    """Makes databases for the ledger and says how to open them."""

    def empty(self) -> str:
        """The URL of a new database without a table in it."""
        ...

    def fresh(self, name: str) -> str:
        """The URL of the ledger of that name, made anew; nobody may be connected to it.

        It holds what `TEMPLATE` held, which is made by opening the URL of that name first.
        """
        ...


class SqliteLedgers:
    """Files in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = count()

    def empty(self) -> str:
        return self._url(f"empty{next(self._made)}")

    def fresh(self, name: str) -> str:
        for leftover in self._folder.glob(f"{name}.sqlite*"):
            leftover.unlink()
        if name != TEMPLATE:
            shutil.copy(self.path(TEMPLATE), self.path(name))
        return self._url(name)

    def path(self, name: str) -> Path:
        return self._folder / f"{name}.sqlite"

    def _url(self, name: str) -> str:
        return f"sqlite:///{self.path(name)}"


class PostgresLedgers:
    """Databases of one server.

    A ledger is made by copying the template, and made anew by taking its rows out: 1 ms where a
    copy takes 150 ms. So no test may change the tables of one, or its revision.
    """

    def __init__(self, server: str) -> None:
        self._server = make_url(server).set(drivername="postgresql+psycopg")
        self._admin = self._connect("postgres", isolation_level="AUTOCOMMIT")
        self._made: dict[str, Connection] = {}
        self._empty = count()

    def empty(self) -> str:
        return self._make(f"empty{next(self._empty)}", "template0")

    def fresh(self, name: str) -> str:
        if name == TEMPLATE:
            return self._make(name, "template0")
        if name not in self._made:
            url = self._make(name, TEMPLATE)
            self._made[name] = self._connect(name)
            return url
        with self._made[name].begin():
            take_out_rows(self._made[name])
            record_first_version(self._made[name])
        return self._url(name)

    def close(self) -> None:
        for connection in (*self._made.values(), self._admin):
            connection.close()
            connection.engine.dispose()

    def _make(self, name: str, source: str) -> str:
        self._admin.exec_driver_sql(f'CREATE DATABASE "{name}" TEMPLATE "{source}"')
        return self._url(name)

    def _connect(self, database: str, **options: Any) -> Connection:
        return create_engine(self._server.set(database=database), **options).connect()

    def _url(self, name: str) -> str:
        return self._server.set(database=name).render_as_string(hide_password=False)


def take_out_rows(conn: Connection) -> None:
    """Make a ledger on Postgres as it was before its first row."""
    # A transaction that a failed test left open is to fail the next one, not to hang it.
    conn.execute(text("SET LOCAL lock_timeout = '10s'"))
    for table in reversed(metadata.sorted_tables):
        conn.execute(delete(table))
    sequences = "SELECT setval(sequencename::text::regclass, start_value, false) FROM pg_sequences"
    conn.execute(text(sequences))


@pytest.fixture(scope="session")
def sqlite_ledgers(tmp_path_factory: pytest.TempPathFactory) -> SqliteLedgers:
    """Ledgers in files, with a template among them."""
    ledgers = SqliteLedgers(tmp_path_factory.mktemp("ledgers"))
    make_template(ledgers)
    return ledgers


@pytest.fixture(scope="session")
def postgres_ledgers(postgres_server: str) -> Iterator[PostgresLedgers]:
    """Ledgers on a server of our own, with a template among them."""
    ledgers = PostgresLedgers(postgres_server)
    make_template(ledgers)
    yield ledgers
    ledgers.close()


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def ledgers(request: pytest.FixtureRequest) -> Ledgers:
    """Where the ledgers are: on SQLite, then on Postgres."""
    found: Ledgers = request.getfixturevalue(f"{request.param}_ledgers")
    return found


@pytest.fixture
def empty_url(ledgers: Ledgers) -> str:
    """A database in which no ledger has been made."""
    return ledgers.empty()


@pytest.fixture
def template(sqlite_ledgers: SqliteLedgers) -> Path:
    """The file of a ledger with the version `boards-v1`, to be copied."""
    return sqlite_ledgers.path(TEMPLATE)


@pytest.fixture
def ledger_path(template: Path, tmp_path: Path) -> Path:
    """A fresh ledger in a file."""
    return Path(shutil.copy(template, tmp_path / "ledger.sqlite"))


@pytest.fixture(scope="session")
def shared_engine(ledgers: Ledgers) -> Iterator[Engine]:
    """One engine for all tests: compiling the statements anew would take most of their time."""
    engine = open_ledger(ledgers.fresh("shared"))
    yield engine
    engine.dispose()


@pytest.fixture
def engine(ledgers: Ledgers, shared_engine: Engine) -> Engine:
    """A fresh ledger, in the place of the one of the test before."""
    shared_engine.dispose()
    ledgers.fresh("shared")
    return shared_engine


def make_template(ledgers: Ledgers) -> None:
    """Make a ledger with the version `boards-v1`."""
    engine = open_ledger(ledgers.fresh(TEMPLATE))
    with engine.begin() as conn:
        record_first_version(conn)
    engine.dispose()


def record_first_version(conn: Connection) -> None:
    """Record the version `boards-v1`, with which every ledger of these tests begins."""
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
