"""Webhooks through the real outbox: none is lost, and a repetition has the id of the first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from pql_platform.ledger.breakers import open_breakers
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.ledger.handoffs import NewHandoff, NewMessage, open_handoff
from pql_platform.ledger.outbox import drain
from pql_platform.ledger.tables import outbox
from pql_platform.ledger.versions import NewVersion, record_version

START = datetime(2026, 9, 15, 14, tzinfo=UTC)


class SimClock:
    """Time that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.elapsed = 0.0

    def __call__(self) -> datetime:
        return START + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        self.elapsed += seconds


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Engine]:
    engine = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    with engine.begin() as conn:
        version = NewVersion(
            program="boards",
            program_digest="0" * 64,
            enter_account=Decimal(62),
            enter_user=Decimal(55),
            leave_margin=Decimal(5),
            created_at=START,
            created_by="test",
            reason="first",
        )
        record_version(conn, version)
    yield engine
    engine.dispose()


def _cross(engine: Engine, account: str, *messages: NewMessage) -> None:
    handoff = NewHandoff(
        program="boards",
        motion="new_business",
        level="account",
        subject_id=account,
        account_id=account,
        tier=1,
        episode=1,
        score=Decimal(84),
        threshold=Decimal(62),
        version_id="boards-v1",
        paying=False,
        crossed_at=START - timedelta(minutes=3),
        opened_at=START,
        owner="ae.emea",
        due_at=None,
        story=dict(messages[0].payload["story"]),
    )
    with engine.begin() as conn:
        open_handoff(conn, handoff, list(messages))


def _drain(engine: Engine, channel: Any, clock: SimClock, rounds: int) -> None:
    for _ in range(rounds):
        drain(
            engine,
            {"webhook": channel},
            clock=clock,
            worker="w1",
            sleep=clock.sleep,
            monotonic=clock.monotonic,
            jitter=lambda: 1.0,
        )
        clock.sleep(60)


def _rows(engine: Engine) -> list[Any]:
    with reading(engine) as conn:
        return list(conn.execute(select(outbox).order_by(outbox.c.id)).mappings())


def test_every_webhook_arrives_and_counts_once_whatever_went_wrong(
    ledger, receiver, channel_to, webhook
) -> None:
    receiver.break_next(
        {"fault": "accept_then_close"},
        {"fault": "http", "status": 500},
        {"fault": "http", "status": 429, "headers": {"Retry-After": "40"}},
        {"fault": "garbage"},
        {"fault": "http", "status": 503, "headers": {"Retry-After": "5"}},
        {"fault": "accept_then_close"},
    )
    for account in ("acme", "bolt", "cask"):
        _cross(ledger, account, NewMessage("webhook", "webhook", webhook().payload))
    _drain(ledger, channel_to(receiver.url), SimClock(), rounds=20)
    rows = _rows(ledger)
    assert [row["state"] for row in rows] == ["DELIVERED"] * 3
    assert rows[0]["evidence"]["reference"] == f"app/{rows[0]['key'][:12]}"
    taken = [request.headers["webhook-id"] for request in receiver.requests() if request.taken]
    assert set(taken) == {row["key"] for row in rows}
    assert len(taken) > len(rows), "what was in doubt came again, with its id"
    assert len(receiver.requests()) == 9, "six faults and three confirmations"


def test_one_hand_off_may_need_a_prompt_and_a_sequence(
    ledger, receiver, channel_to, webhook
) -> None:
    prompt = NewMessage("webhook", "webhook_prompt", webhook().payload)
    email = webhook(action="email_sequence", sequence="trial", email="m@l.example").payload
    _cross(ledger, "acme", prompt, NewMessage("webhook", "webhook_email", email))
    _drain(ledger, channel_to(receiver.url), SimClock(), rounds=1)
    actions = {request.json["data"]["action"] for request in receiver.requests()}
    ids = {request.headers["webhook-id"] for request in receiver.requests()}
    assert actions == {"in_app_prompt", "email_sequence"}
    assert len(ids) == 2


def test_a_rejected_webhook_is_dead_and_the_next_one_goes_out(
    ledger, receiver, channel_to, webhook
) -> None:
    receiver.break_next({"fault": "http", "status": 410})
    for account in ("acme", "bolt"):
        _cross(ledger, account, NewMessage("webhook", "webhook", webhook().payload))
    _drain(ledger, channel_to(receiver.url), SimClock(), rounds=1)
    states = [row["state"] for row in _rows(ledger) if row["channel"] == "webhook"]
    assert states == ["DEAD", "DELIVERED"]


def test_a_refused_credential_holds_webhooks_without_losing_one(
    ledger, receiver, channel_to, webhook
) -> None:
    receiver.break_next({"fault": "http", "status": 401})
    for account in ("acme", "bolt"):
        _cross(ledger, account, NewMessage("webhook", "webhook", webhook().payload))
    _drain(ledger, channel_to(receiver.url), SimClock(), rounds=3)
    with reading(ledger) as conn:
        assert [breaker.name for breaker in open_breakers(conn)] == ["channel:webhook"]
    assert len(receiver.requests()) == 1
    states = [row["state"] for row in _rows(ledger) if row["channel"] == "webhook"]
    assert states == ["RETRY", "PENDING"]
