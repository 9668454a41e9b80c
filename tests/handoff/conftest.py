"""A ledger with hand-offs whose stories are whole, a team, and a clock that moves when told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from alert_stories import realistic_story
from sqlalchemy import Connection, Engine, select

from pql_platform.domain.delivery import Evidence, Message
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.ledger.handoffs import Handoff, NewHandoff, NewMessage, find_handoff, open_handoff
from pql_platform.ledger.keys import handoff_id
from pql_platform.ledger.outbox import DrainResult, drain
from pql_platform.ledger.tables import outbox
from pql_platform.ledger.versions import NewVersion, record_version
from pql_platform.team.schema import Team

START = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday
TEAM = Team.model_validate(
    {
        "people": {
            "ana": {"name": "Ana", "slack": "U0ANA00001", "manager": "mo"},
            "bo": {"name": "Bo", "slack": "U0BO000001", "manager": "mo"},
            "mo": {"name": "Mo", "slack": "U0MO000001", "approves": True},
        },
        "queues": {"desk": {"members": {"ana": 1, "bo": 1}, "fallback": "mo"}},
        "fallback": "mo",
    }
)


@dataclass
class Clock:
    """Time that only moves when told."""

    elapsed: float = 0.0

    def __call__(self) -> datetime:
        return START + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    def advance(self, **span: float) -> None:
        self.elapsed += timedelta(**span).total_seconds()


@dataclass
class Side:
    """Another side that takes everything and keeps what it took."""

    name: str
    pace_seconds: float = 0.0
    settle_seconds: float = 75.0
    taken: list[Message] = field(default_factory=list)
    done: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    asked: list[Sequence[str]] = field(default_factory=list)

    def deliver(self, message: Message, now: datetime) -> Evidence:
        self.taken.append(message)
        where = {"channel": "C01", "ts": f"{1000 + len(self.taken)}.000100"}
        return Evidence(f"{self.name}/{len(self.taken)}", where)

    def find(self, message: Message) -> Evidence | None:
        raise AssertionError("nothing is in doubt here")

    def contacted(self, task_ids: Sequence[str]) -> dict[str, tuple[datetime, str]]:
        self.asked.append(task_ids)
        return {id_: self.done[id_] for id_ in task_ids if id_ in self.done}

    @property
    def kinds(self) -> list[str]:
        return [message.kind for message in self.taken]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def team() -> Team:
    return TEAM


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    engine = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
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
    yield engine
    engine.dispose()


@pytest.fixture
def slack() -> Side:
    return Side("slack")


@pytest.fixture
def crm() -> Side:
    return Side("crm", settle_seconds=0.0)


@pytest.fixture
def kit(engine: Engine, clock: Clock, slack: Side, crm: Side) -> SimpleNamespace:
    """The helpers of this folder."""

    def cross(
        account: str = "acme",
        *,
        kinds: Sequence[str] = ("alert", "crm_task"),
        owner: str = "ana",
        program: str = "boards",
        tier: int = 1,
        level: str = "account",
        story: dict[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        id_ = handoff_id(program, level, account, changes.get("episode", 1))
        facts: dict[str, Any] = {
            "handoff_id": id_,
            "program": program,
            "account_id": account,
            "owner": owner,
            "tier": tier,
            "level": level,
            "escalate_to": "manager",
            "crossed_at": clock(),
            "due_at": clock() + timedelta(hours=2),
            "contact_within_minutes": 120,
            "routed_to": "desk",
        }
        told = replace(realistic_story(), **{**facts, **(story or {})})
        values: dict[str, Any] = {
            "program": program,
            "motion": "new_business",
            "level": level,
            "subject_id": account,
            "account_id": account,
            "tier": tier,
            "episode": 1,
            "score": Decimal("82.25"),
            "threshold": Decimal("62.5"),
            "version_id": "boards-v1",
            "paying": False,
            "crossed_at": clock(),
            "opened_at": clock(),
            "owner": owner,
            "due_at": told.due_at,
            "remind_at": clock() + timedelta(hours=1),
            "story": told.to_json(),
            "run_id": "run-1",
        }
        values.update(changes)
        messages = [
            NewMessage(
                "crm" if kind.startswith("crm_") else "slack", kind, {"story": told.to_json()}
            )
            for kind in kinds
        ]
        if values.get("suppressed_because"):
            messages = []
        with engine.begin() as conn:
            return open_handoff(conn, NewHandoff(**values), messages)

    def run(**channels: Any) -> DrainResult:
        return drain(
            engine,
            channels or {"slack": slack, "crm": crm},
            clock=clock,
            worker="w1",
            sleep=lambda seconds: clock.advance(seconds=seconds),
            monotonic=clock.monotonic,
            jitter=lambda: 0.5,
        )

    def handoff(id_: str) -> Handoff:
        with reading(engine) as conn:
            return find_handoff(conn, id_)

    def written(kind: str) -> list[Any]:
        with reading(engine) as conn:
            query = select(outbox).where(outbox.c.kind == kind).order_by(outbox.c.id)
            return list(conn.execute(query))

    def within(work: Callable[[Connection], Any]) -> Any:
        with engine.begin() as conn:
            return work(conn)

    return SimpleNamespace(
        cross=cross, run=run, handoff=handoff, written=written, within=within, START=START
    )
