"""The platform as it is served: daemon, sensors and launcher in processes of their own."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pql_platform.demo.main_job import PROGRAM
from pql_platform.instance import open_instance, silent_daemons
from pql_platform.serve import free_port, serving
from pql_platform.settings import Settings, load_settings

PATIENCE_SECONDS = 90.0


@pytest.fixture
def served_home(company: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A copy of the company at the real time: its daemon cannot be moved."""
    home = shutil.copytree(company.today, tmp_path / "home")
    monkeypatch.setenv("PQL_HOME", str(home))
    monkeypatch.setenv("PQL_PROGRAMS", str(PROGRAM))
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    return load_settings()


def wait_for_alert(settings: Settings, account: str) -> list[Path]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    found: list[Path] = []
    while not found and time.monotonic() < deadline:
        time.sleep(0.2)
        found = [path for path in settings.alerts.glob("*.json") if account in path.read_text()]
    return found


def test_a_session_that_arrives_while_the_platform_serves_becomes_one_alert(
    served_home: Settings, crossing_session: Callable[..., Path]
) -> None:
    with serving(served_home, free_port(0)):
        crossing_session(served_home, account="ws_served")
        alerts = wait_for_alert(served_home, "ws_served")
        with open_instance(served_home) as instance:
            assert silent_daemons(instance) == []
            passes = instance.get_runs(filters=dg.RunsFilter(job_name="live_pass"))
    assert len(alerts) == 1
    asked_by = {run.tags.get("dagster/sensor_name") for run in passes}
    assert asked_by & {"inbox_arrivals", "inbox_arrivals_relay"}
