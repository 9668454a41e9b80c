"""Sensors as the daemon sees them: one tick at a time, on an instance in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from alert_stories import realistic_story
from dagster._core.definitions.sensor_definition import SensorExecutionData

from pql_platform.definitions import build_defs
from pql_platform.ledger.engine import open_ledger
from pql_platform.ledger.handoffs import NewHandoff, NewMessage, open_handoff
from pql_platform.ledger.versions import NewVersion, record_version
from pql_platform.settings import Settings

Tick = Callable[[str], SensorExecutionData]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance of one's own, in memory."""
    with dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as made:
        yield made


@pytest.fixture(scope="session")
def definitions(company: Any) -> dg.Definitions:
    """The definitions of the simulated company, with an inbox that is not watched for long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sensors.inbox.WATCH_SECONDS", 0.2)
        patch.setattr("sensors.inbox.RELAY_SECONDS", 0.2)
        return build_defs(settings=company_settings(company.today))


def company_settings(home: Path) -> Settings:
    """Settings for one home and the demo's program."""
    programs = Path(__file__).parents[2] / "programs" / "boards.yaml"
    return Settings(PQL_HOME=home, PQL_PROGRAMS=programs)


@pytest.fixture
def tick(definitions: dg.Definitions, instance: dg.DagsterInstance) -> Tick:
    """Evaluates a sensor once, as the daemon does, and keeps its cursor for the next time."""
    cursors: dict[str, str | None] = {}

    def evaluate(name: str) -> SensorExecutionData:
        context = dg.build_sensor_context(
            instance=instance, cursor=cursors.get(name), sensor_name=name, definitions=definitions
        )
        data = definitions.resolve_sensor_def(name).evaluate_tick(context)
        cursors[name] = data.cursor
        return data

    return evaluate


@pytest.fixture
def cross() -> Callable[..., str]:
    """Writes a hand-off of tier 1 with its alert into the ledger of an installation."""

    def write(settings: Settings, *, opened_at: datetime, subject: str = "acct_5821") -> str:
        engine = open_ledger(settings.ledger_url)
        due_at = opened_at + timedelta(hours=2)
        story = realistic_story(
            handoff_id=subject,
            account_id=subject,
            crossed_at=opened_at - timedelta(minutes=1),
            due_at=due_at,
        ).to_json()
        with engine.begin() as conn:
            version = record_version(conn, _version(opened_at))
            handoff = open_handoff(
                conn,
                NewHandoff(
                    program="boards",
                    motion="new_business",
                    level="account",
                    subject_id=subject,
                    account_id=subject,
                    tier=1,
                    episode=1,
                    score=Decimal(84),
                    threshold=Decimal(62),
                    version_id=version.id,
                    paying=False,
                    crossed_at=opened_at - timedelta(minutes=1),
                    opened_at=opened_at,
                    owner="ae.emea",
                    due_at=due_at,
                    story=story,
                ),
                [NewMessage("slack", "alert", {"story": story})],
            )
        engine.dispose()
        return handoff

    return write


def _version(now: datetime) -> NewVersion:
    return NewVersion(
        program="boards",
        program_digest="0" * 64,
        enter_account=Decimal(62),
        enter_user=Decimal(55),
        leave_margin=Decimal(5),
        created_at=now.astimezone(UTC),
        created_by="test",
        reason="first",
    )
