"""Slack's own client against a Slack that breaks: one message per key, and none lost from sight."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fake_slack
import pytest
from alert_stories import CROSSED_AT, NOW

from pql_platform.adapters.slack import SlackChannels, SlackWeb
from pql_platform.adapters.slack_client import build_client
from pql_platform.domain.delivery import Ambiguous, Message, Rejected, Unauthorised

POST, HISTORY, LIST = "chat.postMessage", "conversations.history", "conversations.list"
CUT_PAGE = '{"ok": true, "messages": [], "channels": [], "has_more": true}'
DUTY = {"title": "Token refused", "body": "Nothing is lost.", "severity": "critical"}


def test_an_alert_is_posted_once_with_its_key_and_found_again(
    slack: Any, channel_to: Any, alert: Any
) -> None:
    channel, message = channel_to(slack), alert()
    evidence = channel.deliver(message, NOW)
    [posted] = slack.posted()
    assert evidence.reference == f"{posted['channel']}/{posted['ts']}"
    assert posted["metadata"] == {"event_type": "pql_alert", "event_payload": {"key": message.key}}
    assert channel.find(message) == evidence
    assert channel.find(alert(key="another")) is None


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "accept_then_close"},
        {"fault": "commit_then_timeout", "seconds": 0.6},
        {"fault": "delay", "seconds": 0.6},
        {"fault": "http", "status": 502, "commit": True},
        {"fault": "garbage_200", "commit": True},
        {"fault": "cut_200"},
    ],
    ids=lambda fault: fault["fault"],
)
def test_a_post_without_an_answer_is_ambiguous_posted_once_and_then_found(
    fault: dict[str, Any], slack: Any, channel_to: Any, alert: Any
) -> None:
    slack.break_next(POST, fault)
    channel, message = channel_to(slack, timeout=0.3), alert()
    with pytest.raises(Ambiguous):
        channel.deliver(message, NOW)
    channel._client.timeout = 5
    found = channel.find(message)
    [posted] = slack.posted()
    assert len(slack.requests()) == 1
    assert found is not None
    assert found.reference == f"{posted['channel']}/{posted['ts']}"


def test_a_post_that_never_arrived_is_certainly_not_there(
    slack: Any, channel_to: Any, alert: Any
) -> None:
    slack.break_next(POST, {"fault": "http", "status": 503})
    channel, message = channel_to(slack), alert()
    with pytest.raises(Ambiguous):
        channel.deliver(message, NOW)
    assert channel.find(message) is None
    channel.deliver(message, NOW)
    assert len(slack.posted()) == 1


def test_a_message_is_found_behind_many_others_and_by_a_process_that_knows_nothing(
    slack: Any, channel_to: Any, alert: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pql_platform.adapters.slack.PAGE", 3)
    channel, message = channel_to(slack), alert()
    evidence = channel.deliver(message, NOW)
    for number in range(7):
        channel.deliver(alert(key=f"later {number}"), NOW)
    assert channel_to(slack).find(message) == evidence
    assert len(slack.requests(HISTORY)) == 3


def test_a_history_longer_than_is_read_leaves_the_question_open(
    slack: Any, channel_to: Any, alert: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pql_platform.adapters.slack.PAGE", 1)
    monkeypatch.setattr("pql_platform.adapters.slack.MOST_PAGES", 2)
    channel = channel_to(slack)
    for number in range(4):
        channel.deliver(alert(key=str(number)), NOW)
    with pytest.raises(Ambiguous, match="newest 2"):
        channel.find(alert(key="0"))


def test_nothing_older_than_an_hour_before_the_crossing_is_read(
    slack: Any, alert: Any, channel_to: Any
) -> None:
    channel, message = channel_to(slack), alert()
    channel.deliver(message, NOW)
    posted_at = datetime.fromtimestamp(float(slack.posted()[0]["ts"]), UTC)
    # The same key is out of sight for a story that crossed long after the post.
    client = build_client(slack.token, slack.base_url)
    later = SlackWeb(client, SlackChannels(), clock=lambda: posted_at + timedelta(days=900))
    assert later.find(alert(crossed_at=posted_at + timedelta(hours=2))) is None
    assert later.find(alert(crossed_at=posted_at + timedelta(minutes=50))) is not None


def test_a_story_dated_ahead_of_the_clock_is_still_found(
    slack: Any, channel_to: Any, alert: Any
) -> None:
    ahead = alert(crossed_at=datetime.now(UTC) + timedelta(days=30))
    channel = channel_to(slack)
    evidence = channel.deliver(ahead, NOW)
    assert channel.find(ahead) == evidence


@pytest.mark.parametrize("method", [HISTORY, LIST])
@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "http", "status": 500},
        {"fault": "rate_limited", "retry_after": "30"},
        {"fault": "garbage_200"},
        {"fault": "garbage_200", "body": '{"ok": true}'},
        {"fault": "garbage_200", "body": CUT_PAGE},
        {"fault": "accept_then_close"},
        {"fault": "ok_false", "code": "missing_scope", "needed": "channels:history"},
        {"fault": "ok_false", "code": "channel_not_found"},
    ],
    ids=str,
)
def test_a_look_that_fails_leaves_the_question_open(
    method: str, fault: dict[str, Any], lasting_slack: Any, channel_to: Any, alert: Any
) -> None:
    lasting_slack.break_next(method, fault)
    with pytest.raises(Ambiguous):
        channel_to(lasting_slack).find(alert())


@pytest.mark.parametrize("code", ["invalid_auth", "token_revoked", "account_inactive"])
def test_a_refused_token_is_said_so_while_looking_too(
    code: str, slack: Any, channel_to: Any, alert: Any
) -> None:
    slack.break_next(LIST, {"fault": "ok_false", "code": code})
    with pytest.raises(Unauthorised, match=code):
        channel_to(slack).find(alert())


def test_a_wrong_token_is_unauthorised_and_posts_nothing(slack: Any, alert: Any) -> None:
    channel = SlackWeb(build_client("xoxb-other", slack.base_url), SlackChannels())
    with pytest.raises(Unauthorised, match="invalid_auth"):
        channel.deliver(alert(), NOW)
    assert slack.posted() == []


def test_a_channel_whose_id_cannot_be_known_leaves_the_question_open(
    slack: Any, channel_to: Any, alert: Any
) -> None:
    with pytest.raises(Ambiguous, match="elsewhere"):
        channel_to(slack, alert="elsewhere").find(alert())


def test_a_channel_may_be_given_by_id_or_with_its_hash(
    slack: Any, channel_to: Any, alert: Any
) -> None:
    by_hash = channel_to(slack, alert="#pql-alerts")
    evidence = by_hash.deliver(alert(), NOW)
    by_id = channel_to(slack, alert=evidence.detail["channel"])
    assert by_id.find(alert()) == channel_to(slack, alert="#pql-alerts").find(alert()) == evidence


def test_metadata_that_slack_does_not_show_leaves_the_question_open(
    slack: Any, channel_to: Any, alert: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = channel_to(slack)
    channel.deliver(alert(), NOW)
    history = channel._client.conversations_history
    monkeypatch.setattr(
        channel._client,
        "conversations_history",
        lambda **asked: history(**asked | {"include_all_metadata": False}),
    )
    with pytest.raises(Ambiguous, match="not what it says"):
        channel.find(alert())


@pytest.mark.parametrize("code", ["invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"])
def test_an_alert_whose_blocks_are_refused_goes_out_as_plain_text(
    code: str, slack: Any, channel_to: Any, alert: Any
) -> None:
    slack.break_next(POST, {"fault": "ok_false", "code": code})
    channel = channel_to(slack)
    evidence = channel.deliver(alert(), NOW)
    [posted] = slack.posted()
    assert evidence.detail["blocks_refused"] == code
    assert "blocks" not in posted
    assert "Say this first: Hi Maya" in posted["text"]
    assert channel.find(alert()) is not None


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        ({"fault": "accept_then_close"}, Ambiguous),
        ({"fault": "ok_false", "code": "is_archived"}, Rejected),
    ],
)
def test_the_plain_text_can_fail_as_any_post_can(
    fault: dict[str, Any], failure: type[Exception], slack: Any, channel_to: Any, alert: Any
) -> None:
    slack.break_next(POST, {"fault": "ok_false", "code": "invalid_blocks"}, fault)
    with pytest.raises(failure):
        channel_to(slack).deliver(alert(), NOW)
    assert len(slack.posted()) <= 1


def test_an_escalation_goes_to_the_alert_channel_and_a_call_to_duty_to_its_own(
    slack: Any, channel_to: Any, alert: Any
) -> None:
    channel = channel_to(slack)
    channel.deliver(Message("k1", "escalation", alert().payload), CROSSED_AT + timedelta(hours=3))
    channel.deliver(Message("k2", "oncall", DUTY), NOW)
    assert [entry["channel"] for entry in slack.requests()] == ["pql-alerts", "pql-oncall"]
    assert slack.posted()[0]["text"].startswith("Escalated: Tier 1")
    assert slack.posted()[1]["text"].startswith("CRITICAL: Token refused.")
    assert channel.find(Message("k2", "oncall", DUTY)) is not None


@pytest.mark.parametrize(
    "message",
    [
        Message("k", "crm_task", {}),
        Message("k", "alert", {}),
        Message("k", "alert", {"story": {"score": "84"}}),
        Message("k", "alert", {"story": "none"}),
        Message("k", "oncall", {"title": "only"}),
    ],
    ids=lambda message: f"{message.kind} {message.payload}",
)
def test_what_cannot_be_composed_is_rejected_before_anything_is_sent(
    message: Message, slack: Any, channel_to: Any
) -> None:
    with pytest.raises(Rejected):
        channel_to(slack).deliver(message, NOW)
    assert slack.requests() == []


def test_a_slack_that_was_killed_still_knows_its_messages(
    tmp_path: Path, channel_to: Any, alert: Any
) -> None:
    with fake_slack.running_fake_slack(tmp_path) as first:
        evidence = channel_to(first).deliver(alert(), NOW)
    with fake_slack.running_fake_slack(tmp_path) as second:
        assert channel_to(second).find(alert()) == evidence
