"""Whatever fails is told to the people on call, once per cause, the way that alerts go."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import select

from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.ledger.tables import outbox
from pql_platform.settings import Settings
from sensors.failures import failed_checks, failed_runs


def calls_to_duty(settings: Settings) -> list[dict[str, Any]]:
    engine = open_ledger(settings.ledger_url)
    with reading(engine) as conn:
        rows = conn.execute(select(outbox.c.payload).where(outbox.c.kind == "oncall"))
        found = [dict(row.payload) for row in rows]
    engine.dispose()
    return found


@pytest.fixture
def react(instance: dg.DagsterInstance) -> Callable[..., Any]:
    """Lets a sensor react to the end of a run, as the daemon does."""

    def evaluate(sensor: dg.SensorDefinition, run_id: str, event: dg.DagsterEventType) -> Any:
        run = instance.get_run_by_id(run_id)
        [entry] = instance.all_logs(run_id, of_type=event)
        assert run is not None
        assert entry.dagster_event is not None
        context = dg.build_run_status_sensor_context(
            sensor_name=sensor.name,
            dagster_event=entry.dagster_event,
            dagster_instance=instance,
            dagster_run=run,
        )
        if event == dg.DagsterEventType.PIPELINE_FAILURE:
            return sensor(context.for_run_failure())
        return sensor(context)

    return evaluate


def checked_asset(*, blocking: bool, severity: str) -> dg.AssetsDefinition:
    """An asset whose one check always fails."""

    @dg.asset(
        key=["pql", "tiers"],
        check_specs=[
            dg.AssetCheckSpec(
                "share_is_plausible",
                asset=["pql", "tiers"],
                blocking=blocking,
            )
        ],
    )
    def tiers() -> dg.MaterializeResult:
        failed = dg.AssetCheckResult(
            check_name="share_is_plausible",
            passed=False,
            severity=dg.AssetCheckSeverity(severity),
            description="At most a quarter qualifies.",
            metadata={"found": "boards: 31 % of 200"},
        )
        return dg.MaterializeResult(check_results=[failed])

    return tiers


def test_a_failed_run_is_told_once_with_its_reason_and_lands_where_alerts_do(
    new_home: Settings, definitions: dg.Definitions, instance: dg.DagsterInstance, react: Any
) -> None:
    job = definitions.resolve_job_def("live_pass")
    new_home.warehouse.write_bytes(b"not a database" * 1000)
    for _ in range(2):
        run = job.execute_in_process(instance=instance, raise_on_error=False)
        assert not run.success
        react(failed_runs, run.run_id, dg.DagsterEventType.PIPELINE_FAILURE)
    [call] = calls_to_duty(new_home)
    assert call["title"] == "live_pass failed"
    assert call["severity"] == "critical"
    assert "The warehouse cannot be opened" in call["body"]
    assert "docs/operations.md" in call["body"]

    delivery = definitions.resolve_job_def("delivery")
    for expected in (1, 0):
        sent = delivery.execute_in_process(instance=instance)
        [event] = sent.asset_materializations_for_node("slack__alerts")
        assert event.metadata["delivered"].value == expected
    [file] = new_home.alerts.glob("*.json")
    written = json.loads(file.read_text())
    assert written["channel"] == "pql-oncall"
    assert written["text"].startswith("CRITICAL: live_pass failed.")
    assert file.with_suffix(".html").exists()


def test_two_causes_are_two_calls(
    new_home: Settings, instance: dg.DagsterInstance, react: Any
) -> None:
    @dg.asset
    def first() -> None:
        raise ValueError("the first cause")

    @dg.asset
    def second() -> None:
        raise ValueError("the second cause")

    for asset in (first, second):
        run = dg.materialize([asset], instance=instance, raise_on_error=False)
        react(failed_runs, run.run_id, dg.DagsterEventType.PIPELINE_FAILURE)
    bodies = [call["body"] for call in calls_to_duty(new_home)]
    assert ["the first cause" in bodies[0], "the second cause" in bodies[1]] == [True, True]


def test_a_blocking_check_that_fails_is_named_as_the_reason(
    new_home: Settings, instance: dg.DagsterInstance, react: Any
) -> None:
    asset = checked_asset(blocking=True, severity="ERROR")
    run = dg.materialize([asset, reader_of(asset)], instance=instance, raise_on_error=False)
    assert not run.success
    react(failed_runs, run.run_id, dg.DagsterEventType.PIPELINE_FAILURE)
    [call] = calls_to_duty(new_home)
    assert "Check pql/tiers:share_is_plausible does not hold." in call["body"]


def reader_of(asset: dg.AssetsDefinition) -> dg.AssetsDefinition:
    """Something behind the check, which is what blocking holds back."""

    @dg.asset(deps=[asset])
    def handoffs() -> None:
        raise AssertionError("handed over all the same")

    return handoffs


@pytest.mark.parametrize(("severity", "said"), [("WARN", "warning"), ("ERROR", "error")])
def test_a_failed_check_of_a_successful_run_is_seen_and_told_once(
    severity: str,
    said: str,
    new_home: Settings,
    instance: dg.DagsterInstance,
    react: Any,
) -> None:
    for _ in range(2):
        run = dg.materialize([checked_asset(blocking=False, severity=severity)], instance=instance)
        assert run.success
        react(failed_checks, run.run_id, dg.DagsterEventType.PIPELINE_SUCCESS)
    [call] = calls_to_duty(new_home)
    assert call["title"] == "check pql/tiers:share_is_plausible does not hold"
    assert call["severity"] == said
    assert call["body"].splitlines()[:2] == [
        "At most a quarter qualifies.",
        "found: boards: 31 % of 200",
    ]


def test_a_run_whose_checks_hold_is_no_reason_to_call_anybody(
    new_home: Settings, instance: dg.DagsterInstance, react: Any
) -> None:
    @dg.asset
    def fine() -> None:
        """Nothing is wrong with this one."""

    run = dg.materialize([fine], instance=instance)
    answer = react(failed_checks, run.run_id, dg.DagsterEventType.PIPELINE_SUCCESS)
    assert "holds" in answer.skip_message
    assert calls_to_duty(new_home) == []
