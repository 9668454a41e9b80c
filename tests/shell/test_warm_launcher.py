"""The process that waits for the next live pass, and what happens when it is not there."""

from __future__ import annotations

import time

import pytest

from pql_platform import warm_launcher
from pql_platform.instance import open_instance, prepare_instance
from pql_platform.settings import Settings
from pql_platform.warm_launcher import WarmRunLauncher

PATIENCE_SECONDS = 60.0


@pytest.fixture
def worker(new_home: Settings) -> warm_launcher.Worker:
    prepare_instance(new_home)
    return warm_launcher.Worker()


def wait_until_ready(worker: warm_launcher.Worker) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not worker.is_ready and worker.is_alive and time.monotonic() < deadline:
        time.sleep(0.05)
    assert worker.is_ready


def test_the_instance_uses_the_warm_launcher(new_home: Settings) -> None:
    prepare_instance(new_home)
    with open_instance(new_home) as instance:
        assert isinstance(instance.run_launcher, WarmRunLauncher)


def test_a_worker_that_is_not_ready_yet_takes_no_run(worker: warm_launcher.Worker) -> None:
    assert not worker.take("a-run")
    worker.dismiss()
    assert not worker.is_alive


def test_a_ready_worker_without_a_run_ends_in_peace_and_takes_none_after(
    worker: warm_launcher.Worker,
) -> None:
    wait_until_ready(worker)
    assert worker.dismiss() == 0
    assert not worker.take("a-run")
