"""A live pass is killed at its worst moments; the next one loses nothing and repeats nothing."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pql_platform.ledger.conservation import conservation
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.passes import run_job
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.loading import unaccounted_loads, waiting_files

PROCESS = Path(__file__).with_name("live_pass_process.py")

LEASE = timedelta(minutes=3)
"""Longer than a dead dispatcher's lease, and than a message may take to turn up."""


@pytest.fixture
def killed_pass(start: Any) -> Callable[..., None]:
    """Starts a live pass now that dies at a point of its way."""

    def run(death: str, *options: str) -> None:
        code, _, err = start(PROCESS, datetime.now(UTC).isoformat(), death, *options).finish()
        assert code == -signal.SIGKILL, err

    return run


def fates(settings: Settings, ledger: Any) -> tuple[Counter[str], Counter[str]]:
    """How many hand-offs and messages there are by state; the books must balance."""
    engine = open_ledger(settings.ledger_url)
    with reading(engine) as conn:
        assert conservation(conn, "boards").holds
    engine.dispose()
    rows = ledger(settings)
    return Counter(row[15] for row in rows["handoffs"]), Counter(row[6] for row in rows["outbox"])


def rerun(settings: Settings, clock: Any) -> None:
    """What the daemon does: the pass again, and what is left over once it is due."""
    run_job(settings, "live_pass", rebuild=False)
    clock.shift(LEASE)
    run_job(settings, "delivery")
    clock.shift(LEASE)
    left = run_job(settings, "delivery")
    assert left.metadata["slack/alerts"]["delivered"] == 0
    assert left.metadata["crm/records"]["delivered"] == 0


def alerts_by_key(settings: Settings) -> Counter[str]:
    written = [json.loads(path.read_text()) for path in settings.alerts.glob("*.json")]
    return Counter(alert["metadata"]["event_payload"]["key"] for alert in written)


def test_a_pass_killed_between_load_and_archive_loads_nothing_twice_and_blocks_nobody(
    today: Settings,
    crossing_session: Callable[..., Path],
    killed_pass: Callable[..., None],
    start: Any,
    ledger: Any,
) -> None:
    handoffs, _ = fates(today, ledger)
    path = crossing_session(today)
    # With the warehouse open and its lock held, on real files: nobody is left to let go of them.
    killed_pass("after the load")
    assert path.exists()
    code, out, err = start(PROCESS, datetime.now(UTC).isoformat()).finish()
    assert code == 0, err
    assert json.loads(out) == [], "the alert path imports what it does not need"
    assert fates(today, ledger)[0] - handoffs == {"DELIVERED": 1, "SUPPRESSED": 1}
    assert waiting_files(today) == []
    with open_warehouse(today) as connection:
        assert unaccounted_loads(connection) == []
        assert connection.execute(
            "SELECT COUNT(*), COUNT(DISTINCT message_id) FROM raw.events"
            " WHERE group_id = 'ws_crossing'"
        ).fetchone() == (27, 27)


@pytest.mark.parametrize("death", ["before the drain", "after an alert file"])
def test_each_handoff_is_delivered_once_when_the_pass_dies_around_a_delivery(
    death: str,
    today: Settings,
    crossing_session: Callable[..., Path],
    killed_pass: Callable[..., None],
    ledger: Any,
    clock: Any,
    runs_in_memory: None,
) -> None:
    handoffs, _ = fates(today, ledger)
    alerts = alerts_by_key(today)
    crossing_session(today)
    killed_pass(death, "--forget")
    assert fates(today, ledger)[0] - handoffs == {"PENDING": 1, "SUPPRESSED": 1}

    rerun(today, clock)
    assert fates(today, ledger)[0] - handoffs == {"DELIVERED": 1, "SUPPRESSED": 1}
    assert set(fates(today, ledger)[1]) == {"DELIVERED"}
    assert (alerts_by_key(today) - alerts).total() == 1
    assert set(alerts_by_key(today).values()) == {1}


def test_a_post_that_slack_took_before_the_kill_is_found_and_not_posted_again(
    today: Settings,
    slack: Any,
    crossing_session: Callable[..., Path],
    killed_pass: Callable[..., None],
    ledger: Any,
    clock: Any,
    runs_in_memory: None,
) -> None:
    crossing_session(today)
    killed_pass("after a post to Slack", "--forget")
    [posted] = slack.posted()
    rerun(today, clock)
    assert slack.posted() == [posted]
    assert len(slack.requests("conversations.history")) >= 1
    assert set(fates(today, ledger)[1]) == {"DELIVERED"}
