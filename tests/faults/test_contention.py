"""A rebuild and micro-batches that want the warehouse at the same time: all wait, none is lost."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks.contention import measure_contention
from pql_platform.demo.main_job import PROGRAM
from pql_platform.errors import PqlError
from pql_platform.intake.files import take_in_records
from pql_platform.passes import run_job
from pql_platform.settings import Settings, load_settings
from pql_platform.warehouse.comparison import compare_with_rebuilt, unsettled_because
from pql_platform.warehouse.connection import LOCK_WAIT_SECONDS, open_warehouse, warehouse_lock
from pql_platform.warehouse.loading import unaccounted_loads, waiting_files

LIVE_PASS = Path(__file__).with_name("live_pass_process.py")
FULL_PASS = Path(__file__).with_name("full_pass_process.py")
MESSAGES = 27
"""Of one `crossing_session`."""
PATIENCE_SECONDS = 2 * LOCK_WAIT_SECONDS


def is_holding(settings: Settings, pid: int) -> bool:
    """Whether this process has the warehouse now."""
    holder = settings.home / "warehouse.holder"
    if not holder.exists() or holder.read_text(encoding="utf-8") != str(pid):
        return False
    try:
        with warehouse_lock(settings.home, wait_seconds=0):
            return False
    except PqlError:
        return True


def wait_until(happened: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_micro_batches_that_arrive_while_everything_is_rebuilt_wait_and_end_in_the_right_rows(
    yesterday: Settings, crossing_session: Callable[..., Path], start: Any, ledger: Any
) -> None:
    batches = ["ws_batch_0", "ws_batch_1"]
    rebuild = start(FULL_PASS, datetime.now(UTC).isoformat())
    wait_until(lambda: is_holding(yesterday, rebuild.process.pid))
    live = []
    for account in batches:
        crossing_session(yesterday, account=account)
        live.append(start(LIVE_PASS, datetime.now(UTC).isoformat(), "--forget"))
    assert rebuild.process.poll() is None
    # None waited longer than LOCK_WAIT_SECONDS: that would have been its error.
    for other in (*live, rebuild):
        _, err = other.process.communicate(timeout=PATIENCE_SECONDS)
        assert other.process.returncode == 0, err

    assert waiting_files(yesterday) == []
    with open_warehouse(yesterday) as connection:
        assert unaccounted_loads(connection) == []
        assert connection.execute(
            "SELECT group_id, COUNT(*), COUNT(DISTINCT message_id) FROM raw.events"
            " WHERE group_id LIKE 'ws_batch_%' GROUP BY ALL ORDER BY ALL"
        ).fetchall() == [(account, MESSAGES, MESSAGES) for account in batches]
        assert unsettled_because(connection) is None
        assert compare_with_rebuilt(connection, turn=0).differing == 0
    told = Counter(
        name
        for row in ledger(yesterday)["handoffs"]
        for name in batches
        if name in row and "DELIVERED" in row
    )
    assert told == dict.fromkeys(batches, 1)
    alerts = [json.loads(path.read_text()) for path in yesterday.alerts.glob("*.json")]
    assert set(Counter(one["metadata"]["event_payload"]["key"] for one in alerts).values()) == {1}


def test_a_warehouse_that_is_never_let_go_costs_a_pass_its_patience_and_no_event(
    today: Settings,
    crossing_session: Callable[..., Path],
    runs_in_memory: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = crossing_session(today)
    with monkeypatch.context() as patch, warehouse_lock(today.home):
        patch.setattr(
            "pql_platform.resources.open_warehouse", partial(open_warehouse, wait_seconds=0.2)
        )
        with pytest.raises(PqlError, match="holds the warehouse"):
            run_job(today, "live_pass", rebuild=False)
        assert waiting_files(today) == [path]
    run_job(today, "live_pass", rebuild=False)
    with open_warehouse(today) as connection:
        assert connection.execute(
            "SELECT COUNT(*) FROM raw.events WHERE group_id = 'ws_crossing'"
        ).fetchone() == (MESSAGES,)


def test_whoever_asks_again_at_once_does_not_go_before_those_who_wait(new_home: Settings) -> None:
    turns: list[str] = []
    over = threading.Event()

    def keep_asking() -> None:
        while not over.is_set():
            with warehouse_lock(new_home.home, wait_seconds=30):
                turns.append("busy")
                time.sleep(0.01)

    busy = threading.Thread(target=keep_asking)
    busy.start()
    try:
        for _ in range(3):
            wait_until(lambda: turns[-1:] == ["busy"])
            seen = len(turns)
            with warehouse_lock(new_home.home, wait_seconds=30):
                # One who had the warehouse already, and one whose turn may have come by chance.
                assert len(turns) - seen < 20
                turns.append("patient")
    finally:
        over.set()
        busy.join()


@pytest.fixture
def served_home(company: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A copy of the company at the real time: the benchmark's rebuild cannot be moved."""
    home = shutil.copytree(company.today, tmp_path / "home")
    monkeypatch.setenv("PQL_HOME", str(home))
    monkeypatch.setenv("PQL_PROGRAMS", str(PROGRAM))
    return load_settings()


def test_the_benchmark_of_contention_measures_both_and_finds_nothing_lost(
    served_home: Settings,
) -> None:
    event = {"type": "track", "event": "Board Created", "userId": "u1"}

    def put(number: int, now: datetime) -> Sequence[Path]:
        message = {**event, "messageId": f"{number}", "timestamp": now.isoformat()}
        return take_in_records([message], served_home.inbox, now=now, label=f"{number}").files

    found = measure_contention(served_home, put, batches=2, every_seconds=0.5)
    assert len(found.alone) == 2
    assert len(found.contended) >= 2
    assert min(*found.alone, *found.contended, found.rebuild_alone, found.rebuild_contended) > 0
    assert (found.lost, found.differing) == (0, 0)
