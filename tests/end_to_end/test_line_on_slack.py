"""The same line with Slack at its end, as a process that keeps a log of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pql_platform.passes import run_job
from pql_platform.settings import Settings


def keys_of(slack: Any) -> Counter[str]:
    return Counter(post["metadata"]["event_payload"]["key"] for post in slack.posted())


def outbox_of(ledger: Callable[[Settings], Any], settings: Settings) -> list[Any]:
    return [row for row in ledger(settings)["outbox"] if row[4] == "alert"]


def test_slack_gets_each_alert_once_and_the_token_stays_out_of_every_file(
    yesterday: Settings,
    slack: Any,
    ledger: Callable[[Settings], Any],
    request: pytest.FixtureRequest,
) -> None:
    # With Dagster's own files, which must not hold the token either.
    result = run_job(yesterday, "live_pass", rebuild=False)
    alerts = result.metadata["slack/alerts"]["delivered"]
    assert alerts >= 2
    posted = keys_of(slack)
    assert sorted(posted.values()) == [1] * alerts
    written = {row[2] for row in outbox_of(ledger, yesterday)}
    assert posted.keys() == written
    assert all("Say this first" in post["text"] for post in slack.posted())
    assert list(yesterday.alerts.iterdir()) == []

    request.getfixturevalue("runs_in_memory")
    again = run_job(yesterday, "live_pass", rebuild=False)
    assert again.metadata["slack/alerts"]["delivered"] == 0
    assert run_job(yesterday, "delivery").metadata["slack/alerts"]["delivered"] == 0
    assert keys_of(slack) == posted

    secret = slack.token.encode()
    files = [path for path in yesterday.home.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files if secret in path.read_bytes()] == []


@pytest.mark.usefixtures("runs_in_memory")
def test_a_slack_that_answers_nothing_is_asked_later_and_gets_no_alert_twice(
    yesterday: Settings, slack: Any, crossing_session: Callable[..., Path], clock: Any
) -> None:
    slack.break_next("chat.postMessage", {"fault": "accept_then_close"})
    first = run_job(yesterday, "live_pass", rebuild=False).metadata["slack/alerts"]
    assert first["unknown"] == 1
    clock.shift(timedelta(minutes=3))
    run_job(yesterday, "delivery")
    clock.shift(timedelta(minutes=3))
    run_job(yesterday, "delivery")
    assert set(keys_of(slack).values()) == {1}
    assert len(slack.posted()) >= 2


@pytest.mark.usefixtures("runs_in_memory")
def test_a_refused_token_holds_the_alerts_and_the_doctor_says_so(
    yesterday: Settings, slack: Any, pql: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-revoked")
    result = run_job(yesterday, "live_pass", rebuild=False)
    assert result.metadata["slack/alerts"]["delivered"] == 0
    assert slack.posted() == []
    asked = len(slack.requests())
    assert run_job(yesterday, "delivery").metadata["slack/alerts"]["delivered"] == 0
    assert len(slack.requests()) - asked <= 1
    doctor = pql("doctor", "--json")
    assert doctor.code == 1
    assert "Slack refuses the token (invalid_auth)" in doctor.out
    assert "channel:slack" in doctor.out
