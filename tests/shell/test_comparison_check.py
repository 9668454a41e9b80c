"""The check in production that stored scores are those of a rebuild, from its job to the people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import select

from pql_platform.intake.files import take_in_records
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.ledger.tables import outbox
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.deployments import deployed_models
from pql_platform.warehouse.loading import load_inbox
from sensors.failures import failed_checks


@pytest.fixture
def compare(definitions: dg.Definitions, instance: dg.DagsterInstance) -> Any:
    """Runs the job, lets the sensor see its end, and returns what the check said."""

    def run() -> Any:
        result = definitions.resolve_job_def("comparison").execute_in_process(instance=instance)
        [evaluation] = result.get_asset_check_evaluations()
        [entry] = instance.all_logs(result.run_id, of_type=dg.DagsterEventType.PIPELINE_SUCCESS)
        assert entry.dagster_event is not None
        failed_checks(
            dg.build_run_status_sensor_context(
                sensor_name=failed_checks.name,
                dagster_event=entry.dagster_event,
                dagster_instance=instance,
                dagster_run=result.dagster_run,
            )
        )
        return evaluation

    return run


def calls_about_scores(settings: Settings) -> list[dict[str, Any]]:
    engine = open_ledger(settings.ledger_url)
    with reading(engine) as conn:
        rows = conn.execute(select(outbox.c.payload).where(outbox.c.kind == "oncall")).all()
    engine.dispose()
    return [dict(row.payload) for row in rows if "stored_scores" in row.payload["title"]]


def test_after_a_full_and_a_live_pass_every_account_is_as_a_rebuild_has_it(
    today: Settings, compare: Any
) -> None:
    found = compare()
    assert found.passed
    assert found.asset_key == dg.AssetKey(["scores", "composites"])
    assert found.metadata["accounts_differing"].value == 0
    assert found.metadata["accounts_compared"].value == found.metadata["accounts"].value > 100
    assert calls_about_scores(today) == []


def test_one_score_tampered_with_fails_the_check_and_the_people_on_call_read_whose(
    today: Settings, compare: Any
) -> None:
    with open_warehouse(today) as connection:
        table = next(
            model.physical_table
            for model in deployed_models(connection)
            if model.model == "scores.composites"
        )
        [(account, right)] = connection.execute(
            "SELECT account_id, score FROM scores.composites WHERE level = 'account'"
            " ORDER BY score DESC, account_id LIMIT 1"
        ).fetchall()
        connection.execute(
            f"UPDATE {table} SET score = score - 1"  # noqa: S608
            " WHERE level = 'account' AND subject_id = ?",
            [account],
        )
    found = compare()
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.ERROR
    assert found.metadata["accounts_differing"].value == 1
    [call] = calls_about_scores(today)
    assert call["severity"] == "error"
    assert f"{account} (boards): stored {right - 1}, rebuilt {right}" in call["body"]


def test_events_that_wait_for_their_pass_are_no_difference(
    today: Settings, compare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assets.comparison.SETTLE_SECONDS", 0.1)
    monkeypatch.setattr("assets.comparison.LOOK_SECONDS", 0.01)
    now = datetime.now(UTC)
    event = {
        "messageId": "late",
        "type": "track",
        "event": "Board Created",
        "userId": "somebody",
        "timestamp": (now - timedelta(days=1)).isoformat(),
    }
    take_in_records([event], today.inbox, now=now, label="late")
    with open_warehouse(today) as connection:
        load_inbox(connection, today, now)
    found = compare()
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert "1 of the loads are not scored yet" in found.description
