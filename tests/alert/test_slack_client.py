"""Slack's own client as it is allowed here: no retry, no leaked token, no talk of customers."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from alert_stories import NOW
from slack_sdk import WebClient

from pql_platform.adapters.slack import SlackChannels, SlackWeb
from pql_platform.adapters.slack_client import build_client
from pql_platform.adapters.slack_local import LocalSlack
from pql_platform.errors import PqlError


def test_the_sdks_own_retry_would_have_posted_twice(slack: Any) -> None:
    slack.break_next("chat.postMessage", {"fault": "accept_then_close"})
    WebClient(slack.token, base_url=slack.base_url).chat_postMessage(channel="pql-alerts", text="x")
    assert len(slack.posted()) == 2


def test_a_client_with_retry_handlers_is_refused() -> None:
    with pytest.raises(ValueError, match="posts twice"):
        SlackWeb(WebClient("xoxb-1"), SlackChannels())


def test_a_message_may_turn_up_until_a_minute_after_the_client_gave_up() -> None:
    channel = SlackWeb(build_client("xoxb-1", timeout=7), SlackChannels())
    assert channel.settle_seconds == 67
    assert 1 < channel.pace_seconds < 1.2


def test_files_neither_turn_up_late_nor_wait_for_slacks_rate_limit(tmp_path: Path) -> None:
    channel = LocalSlack(tmp_path)
    assert channel.settle_seconds == channel.pace_seconds == 0


@pytest.mark.parametrize(
    ("token", "url", "field"),
    [
        ("", "https://slack.com/api/", "SLACK_BOT_TOKEN"),
        ("xoxb-1\nX-Evil: 1", "https://slack.com/api/", "SLACK_BOT_TOKEN"),
        ("xoxb-1", "http://slack.example/api/", "SLACK_BASE_URL"),
        ("xoxb-1", "slack.com/api", "SLACK_BASE_URL"),
    ],
)
def test_a_setting_that_cannot_work_or_would_leak_the_token_is_refused(
    token: str, url: str, field: str
) -> None:
    with pytest.raises(PqlError) as caught:
        build_client(token, url)
    assert caught.value.field == field
    assert "xoxb-1" not in str(caught.value)


def test_loopback_is_never_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert build_client("xoxb-1", "http://127.0.0.1:9/api/").proxy is None
    assert build_client("xoxb-1").proxy == "http://proxy.example:3128"


def test_no_customer_is_named_in_the_log_even_at_its_most_talkative(
    slack: Any, channel_to: Any, alert: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        channel_to(slack).deliver(alert(), NOW)
    assert "Larkspur" not in caplog.text
