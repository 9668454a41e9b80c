"""Messages that wait and deadlines that passed: asked for when due, and not before."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import time_machine

from pql_platform.ledger.breakers import open_breaker
from pql_platform.ledger.engine import open_ledger
from pql_platform.settings import Settings

SENSOR = "waiting_handoffs"
START = datetime(2026, 3, 4, 15, tzinfo=UTC)


@pytest.fixture
def at() -> Any:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def deliver(definitions: dg.Definitions, instance: dg.DagsterInstance) -> Callable[[], None]:
    """Runs the job that the sensor asks for."""

    def run() -> None:
        job = definitions.resolve_job_def("delivery")
        assert job.execute_in_process(instance=instance).success

    return run


def test_an_empty_ledger_asks_for_nothing_and_says_so(new_home: Settings, tick: Any) -> None:
    data = tick(SENSOR)
    assert data.run_requests == []
    assert data.skip_message == "0 messages wait, none is due; no deadline passed."


def test_a_young_message_is_left_to_the_pass_that_wrote_it(
    new_home: Settings, cross: Any, tick: Any, at: Any
) -> None:
    cross(new_home, opened_at=START - timedelta(seconds=2))
    data = tick(SENSOR)
    assert data.run_requests == []
    assert data.skip_message.startswith("1 messages wait, none is due")


def test_a_message_left_over_is_asked_for_until_it_is_delivered(
    new_home: Settings, cross: Any, tick: Any, deliver: Any, at: Any
) -> None:
    cross(new_home, opened_at=START - timedelta(minutes=1))
    [first] = tick(SENSOR).run_requests
    [same] = tick(SENSOR).run_requests
    assert first.run_key == same.run_key, "one run, however often the sensor looks meanwhile"
    at.shift(30)
    [again] = tick(SENSOR).run_requests
    assert again.run_key != first.run_key
    deliver()
    assert tick(SENSOR).run_requests == []


def test_a_held_message_is_not_asked_for(
    new_home: Settings, cross: Any, tick: Any, at: Any
) -> None:
    cross(new_home, opened_at=START - timedelta(minutes=1))
    engine = open_ledger(new_home.ledger_url)
    with engine.begin() as conn:
        open_breaker(conn, "suite:scores", "a test", "test", START)
    engine.dispose()
    assert tick(SENSOR).run_requests == []


def test_a_missed_deadline_asks_for_one_escalation(
    new_home: Settings, cross: Any, tick: Any, deliver: Any, at: Any
) -> None:
    cross(new_home, opened_at=START - timedelta(minutes=1))
    deliver()
    at.shift(timedelta(hours=1, minutes=58))
    assert tick(SENSOR).run_requests == []
    at.shift(timedelta(minutes=2))
    assert len(tick(SENSOR).run_requests) == 1
    deliver()
    texts = [json.loads(path.read_text())["text"] for path in new_home.alerts.glob("*.json")]
    told = sorted(text.split(":")[0] for text in texts)
    assert told == ["Escalated", "Tier 1", "WARNING"]
    at.shift(timedelta(hours=1))
    assert tick(SENSOR).run_requests == []


def test_a_refused_team_file_is_told_and_holds_no_alert(
    new_home: Settings, cross: Any, deliver: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = tmp_path / "team.yaml"
    team.write_text("people:\n  ann: {name: Ann, calender: {zone: Europe/Berlin}}\n")
    monkeypatch.setenv("PQL_TEAM", str(team))
    cross(new_home, opened_at=START - timedelta(minutes=1))
    deliver()
    texts = [json.loads(path.read_text())["text"] for path in new_home.alerts.glob("*.json")]
    assert sorted(text.split(":")[0] for text in texts) == ["CRITICAL", "Tier 1"]
    [told] = [text for text in texts if text.startswith("CRITICAL")]
    assert "team.yaml:2" in told
    assert "unknown key" in told
