"""A delivery run imports neither SQLMesh nor Great Expectations, for which a lead would wait."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pql_platform.settings import Settings

SLOW = ("sqlmesh", "great_expectations")

RUN = f"""
import json, sys
import time_machine
with time_machine.travel(sys.argv[1], tick=True):
    from pql_platform.passes import run_job
    from pql_platform.settings import load_settings
    result = run_job(load_settings(), "delivery")
slow = [name for name in {SLOW} if name in sys.modules]
print(json.dumps([result.metadata["slack/alerts"]["delivered"], slow]))
"""
"""What the command line does with the job; a run of the daemon imports the same definitions."""


def python(code: str, *arguments: str) -> Any:
    """What a fresh interpreter prints, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_delivery_run_sends_an_alert_and_imports_nothing_slow(
    today: Settings, slack: Any, cross: Callable[..., str]
) -> None:
    cross(today, opened_at=datetime.now(UTC))
    delivered, slow = python(RUN, datetime.now(UTC).isoformat())
    [posted] = slack.posted()
    assert "Larkspur Robotics" in posted["text"]
    assert (delivered, slow) == (1, [])


def test_the_deliveries_alone_import_nothing_slow() -> None:
    found = f"[name for name in {SLOW} if name in sys.modules]"
    assert python(f"import json, sys, assets.deliveries; print(json.dumps({found}))") == []
