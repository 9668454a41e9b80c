"""What Dagster sees: everything loads from nothing, says who owns it, and runs by itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._utils.schedules import cron_string_iterator

from pql_platform.serve import WORKSPACE
from sensors.calendar import QUARTERLY_CRON

REPOSITORY = Path(__file__).parents[2]
LOADED = """
import json, sys
from pql_platform.definitions import defs
{then}
slow = ("sqlmesh", "great_expectations", "alembic", "streamlit")
print(json.dumps([name for name in slow if name in sys.modules]))
"""


def python(code: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program with no environment but this one."""
    return subprocess.run(
        [sys.executable, "-W", "always", "-c", code],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_definitions_load_with_an_empty_environment_and_no_warning_of_ours(
    tmp_path: Path,
) -> None:
    shutil.copytree(REPOSITORY / "programs", tmp_path / "programs")
    load = """
import pathlib
assert [path.name for path in pathlib.Path().iterdir()] == ["programs"], "importing wrote something"
import dagster
dagster.Definitions.validate_loadable(defs())
"""
    loaded = python(LOADED.format(then=load), tmp_path)
    assert loaded.returncode == 0, loaded.stderr
    ours = [line for line in loaded.stderr.splitlines() if line.startswith(str(REPOSITORY))]
    assert [line for line in ours if "/.venv/" not in line] == []


def test_what_the_alert_path_loads_is_neither_sqlmesh_nor_great_expectations(
    company: Any, tmp_path: Path
) -> None:
    code = LOADED.format(then="defs().resolve_job_def('live_pass')")
    programs = str(REPOSITORY / "programs" / "boards.yaml")
    loaded = python(code, tmp_path, PQL_HOME=str(company.today), PQL_PROGRAMS=programs)
    assert (loaded.returncode, json.loads(loaded.stdout)) == (0, []), loaded.stderr


def test_every_asset_says_what_it_is_whose_it_is_and_of_what_kind(
    definitions: dg.Definitions,
) -> None:
    specs = list(definitions.resolve_all_asset_specs())
    assert len(specs) >= 18
    for spec in specs:
        assert len(spec.key.path) == 2, f"{spec.key} is not [schema, table]"
        assert spec.group_name not in (None, "default"), spec.key
        assert spec.owners, spec.key
        assert spec.kinds, spec.key
        assert spec.description and len(spec.description) > 30, spec.key


def test_the_graph_leads_from_the_inbox_to_everything_that_leaves_the_building(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    behind = graph.get_ancestor_asset_keys(dg.AssetKey(["slack", "alerts"]))
    names = {key.to_user_string() for key in behind}
    line = {"raw/events", "staging/events", "features/signals", "scores/composites", "pql/tiers"}
    assert line | {"ledger/handoffs"} <= names


def test_every_check_before_a_delivery_blocks(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    checks = {key: graph.get(key) for key in graph.asset_check_keys}
    open_ended = {key.name for key, check in checks.items() if not check.blocking}
    assert len(checks) > 20
    suites = {"suite_events", "suite_features", "suite_scores", "suite_handoffs"}
    calibration = {"every_program_could_be_calibrated", "live_versions_still_fit"}
    assert open_ended == suites | calibration | {"stored_scores_equal_rebuilt"}
    assert all(check.description for check in checks.values())


def test_everything_that_should_run_by_itself_does(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    sensors = {sensor.name: sensor.default_status for sensor in repository.sensor_defs}
    schedules = {schedule.name: schedule.default_status for schedule in repository.schedule_defs}
    wanted = {
        *("inbox_arrivals", "waiting_handoffs", "failed_runs", "failed_checks"),
        *("expectations_after_full_pass", "program_changes"),
    }
    assert wanted <= sensors.keys()
    assert set(sensors.values()) == {dg.DefaultSensorStatus.RUNNING}
    assert schedules == dict.fromkeys(
        (
            *("full_pass_daily", "expectations_hourly", "comparison_hourly"),
            *("recalibration_quarterly", "drift_weekly"),
        ),
        dg.DefaultScheduleStatus.RUNNING,
    )


def test_no_pass_computes_scores_a_second_time_to_compare_them(definitions: dg.Definitions) -> None:
    checks = {
        job: {
            key.name
            for key in definitions.resolve_job_def(job).asset_layer.asset_graph.asset_check_keys
        }
        for job in ("full_pass", "live_pass", "expectations", "comparison")
    }
    assert [job for job, found in checks.items() if "stored_scores_equal_rebuilt" in found] == [
        "comparison"
    ]
    assert len(checks["comparison"]) == 1


def ticks_after(schedule: dg.ScheduleDefinition, start: datetime, count: int) -> list[datetime]:
    """The moments at which Dagster's scheduler asks for a run, by its own reckoning."""
    ticks = cron_string_iterator(
        start.timestamp(), str(schedule.cron_schedule), schedule.execution_timezone
    )
    return [next(ticks) for _ in range(count)]


@pytest.mark.parametrize("year", [2026, 2027, 2028])
def test_recalibration_is_asked_for_on_the_first_day_of_each_quarter_at_six_utc(
    year: int, definitions: dg.Definitions
) -> None:
    schedule = definitions.resolve_schedule_def("recalibration_quarterly")
    assert schedule.cron_schedule == QUARTERLY_CRON
    assert schedule.execution_timezone == "UTC"
    asked = ticks_after(schedule, datetime(year - 1, 12, 31, 23, 59, tzinfo=UTC), 5)
    assert [(one.year, one.month, one.day, one.hour, one.minute) for one in asked] == [
        *((year, month, 1, 6, 0) for month in (1, 4, 7, 10)),
        (year + 1, 1, 1, 6, 0),
    ]


def test_a_tick_of_the_quarter_runs_the_job_that_makes_a_model_version_and_nothing_else(
    definitions: dg.Definitions,
) -> None:
    schedule = definitions.resolve_schedule_def("recalibration_quarterly")
    moment = datetime(2026, 4, 1, 6, tzinfo=UTC)
    with dg.build_schedule_context(scheduled_execution_time=moment) as context:
        [request] = schedule.evaluate_tick(context).run_requests
    assert request.run_key is None
    assert schedule.job_name == "recalibration"
    job = definitions.resolve_job_def("recalibration")
    assert job.asset_layer.selected_asset_keys == {
        dg.AssetKey(["calibration", "discovery"]),
        dg.AssetKey(["ledger", "model_versions"]),
    }


def test_the_daily_pass_comes_after_midnight_when_every_window_has_moved(
    definitions: dg.Definitions,
) -> None:
    schedule = definitions.resolve_schedule_def("full_pass_daily")
    midnight = datetime(2026, 3, 4, tzinfo=UTC)
    [first] = ticks_after(schedule, midnight, 1)
    assert schedule.execution_timezone == "UTC"
    assert timedelta(0) < first - midnight < timedelta(hours=1)


def test_the_workspace_file_names_these_definitions() -> None:
    text = WORKSPACE.read_text(encoding="utf-8")
    assert "module_name: pql_platform.definitions" in text
