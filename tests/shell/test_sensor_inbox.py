"""New files in the inbox: asked for at once, asked for once, and again when nothing came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import time_machine

from pql_platform.intake.files import take_in_records
from pql_platform.settings import Settings

SENSOR = "inbox_arrivals"
LONG_AFTER = timedelta(minutes=5)


@pytest.fixture
def arrive(new_home: Settings) -> Callable[[str], Path]:
    """Puts one file into the inbox."""

    def write(name: str) -> Path:
        now = datetime.now(UTC)
        message = {
            "messageId": name,
            "type": "track",
            "event": "Board Created",
            "userId": "ada",
            "timestamp": now.isoformat(),
        }
        [path] = take_in_records([message], new_home.inbox, now=now, label=name).files
        return path

    return write


@pytest.fixture
def launch(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> Callable[..., dg.DagsterRun]:
    """Makes the run that a request asks for, as the daemon does."""

    def begin(
        request: dg.RunRequest, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED
    ) -> dg.DagsterRun:
        job = definitions.resolve_job_def("live_pass")
        return instance.create_run_for_job(job, status=status, tags=request.tags)

    return begin


def test_an_empty_inbox_asks_for_nothing_and_says_so(new_home: Settings, tick: Any) -> None:
    data = tick(SENSOR)
    assert data.run_requests == []
    assert "inbox is empty" in data.skip_message


def test_a_file_that_is_still_being_written_is_no_arrival(new_home: Settings, tick: Any) -> None:
    (new_home.inbox / ".half.parquet").write_bytes(b"PAR1")
    assert tick(SENSOR).run_requests == []


def test_new_files_ask_for_one_pass_at_once(arrive: Any, tick: Any) -> None:
    arrive("first")
    arrive("second")
    begun = time.monotonic()
    [request] = tick(SENSOR).run_requests
    assert request.run_key
    assert time.monotonic() - begun < 1


def test_the_sensor_asks_for_the_live_pass(definitions: dg.Definitions) -> None:
    assert definitions.resolve_sensor_def(SENSOR).job_name == "live_pass"


def test_files_that_were_asked_for_are_not_asked_for_again(
    arrive: Any, tick: Any, launch: Any
) -> None:
    arrive("first")
    [request] = tick(SENSOR).run_requests
    launch(request)
    assert tick(SENSOR).run_requests == []
    assert tick(SENSOR).skip_message


def test_a_later_file_is_a_reason_of_its_own(arrive: Any, tick: Any, launch: Any) -> None:
    arrive("first")
    [first] = tick(SENSOR).run_requests
    launch(first)
    time.sleep(0.02)  # files are told apart by their time of arrival, of some milliseconds
    arrive("second")
    [second] = tick(SENSOR).run_requests
    assert second.run_key != first.run_key


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED])
def test_files_that_still_wait_long_after_are_asked_for_again(
    status: dg.DagsterRunStatus, arrive: Any, tick: Any, launch: Any
) -> None:
    arrive("first")
    [first] = tick(SENSOR).run_requests
    launch(first, status)
    with time_machine.travel(datetime.now(UTC) + LONG_AFTER, tick=True):
        [again] = tick(SENSOR).run_requests
    assert again.run_key != first.run_key
