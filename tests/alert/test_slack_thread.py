"""What is said below an alert: in its thread, loud where help is asked for, and found again."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import fake_slack
import pytest
from alert_stories import CROSSED_AT, NOW, realistic_story
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pql_platform.adapters.slack import post_arguments
from pql_platform.adapters.slack_compose import compose
from pql_platform.adapters.slack_digest import MOST_NAMED
from pql_platform.adapters.slack_text import mrkdwn, plain
from pql_platform.adapters.slack_thread import mention
from pql_platform.domain.delivery import Ambiguous, Evidence, Message, TryLater

POST, REPLIES = "chat.postMessage", "conversations.replies"
ANA, MO = "U0ANA00001", "U0MO000001"
FOREIGN = st.text(max_size=60) | st.sampled_from(
    [
        "",
        "\u200b",
        "<!channel> <@U0EVIL00001> <https://evil.example|Acme>",
        "maya@larkspur.example",
        "*b* _i_ `c` ```f```",
        "&" * 5_000,
        "🦊" * 5_000,
    ]
)


def below(kind: str, alert: Evidence | None, alert_key: str, **more: Any) -> Message:
    """A message about the alert that was delivered as `alert`."""
    story = realistic_story(owner_slack=ANA).to_json()
    place = None if alert is None else {"key": alert_key, **alert.detail}
    return Message(f"{alert_key}:{kind}", kind, {"story": story, "alert": place, **more})


@pytest.fixture
def delivered(slack: Any, channel_to: Any, alert: Any) -> Any:
    """A channel with an alert in it: channel, the alert, its evidence."""
    channel, message = channel_to(slack), alert()
    return channel, message, channel.deliver(message, NOW)


@pytest.mark.parametrize(
    ("kind", "is_loud"),
    [("reminder", False), ("rise", False), ("outcome", False), ("escalation", True)],
)
def test_it_goes_below_its_alert_and_only_a_call_for_help_shows_above_the_thread_too(
    kind: str, is_loud: bool, delivered: Any, slack: Any
) -> None:
    channel, alert, evidence = delivered
    message = below(kind, evidence, alert.key, before=2, why="the score fell", mention=MO)
    found = channel.deliver(message, NOW)
    parent, reply = slack.posted()
    assert reply["thread_ts"] == parent["ts"]
    assert reply["channel"] == parent["channel"]
    assert reply.get("reply_broadcast", False) is is_loud
    assert channel.find(message) == found
    assert channel.find(alert) == evidence, "the alert is still the alert"


def test_without_an_alert_that_stands_somewhere_it_stands_on_its_own(
    slack: Any, channel_to: Any
) -> None:
    channel, message = channel_to(slack), below("escalation", None, "k")
    evidence = channel.deliver(message, NOW)
    assert "thread_ts" not in slack.posted()[0]
    assert channel.find(message) == evidence


@pytest.mark.parametrize("kind", ["reminder", "escalation"])
def test_a_reply_whose_answer_was_lost_is_found_in_the_thread(
    kind: str, delivered: Any, slack: Any, channel_to: Any
) -> None:
    channel, alert, evidence = delivered
    slack.break_next(POST, {"fault": "accept_then_close"})
    message = below(kind, evidence, alert.key)
    with pytest.raises(Ambiguous):
        channel.deliver(message, NOW)
    found = channel_to(slack).find(message)
    assert found is not None
    assert found.detail["ts"] == slack.posted()[1]["ts"]
    assert len(slack.requests(REPLIES)) == 1


def test_a_reply_that_never_arrived_is_not_found(delivered: Any, slack: Any) -> None:
    channel, alert, evidence = delivered
    slack.break_next(POST, {"fault": "http", "status": 502})
    message = below("reminder", evidence, alert.key)
    with pytest.raises(Ambiguous):
        channel.deliver(message, NOW)
    assert channel.find(message) is None


def test_below_a_deleted_alert_it_goes_into_the_channel_and_is_found_there(
    delivered: Any, slack: Any
) -> None:
    channel, alert, evidence = delivered
    slack.delete(evidence.detail)
    slack.break_next(POST, {"fault": "accept_then_close"})
    message = below("escalation", evidence, alert.key)
    with pytest.raises(Ambiguous):
        channel.deliver(message, NOW)
    found = channel.find(message)
    assert found is not None
    assert "thread_ts" not in slack.posted()[1]
    assert found.detail["ts"] == slack.posted()[1]["ts"]


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "http", "status": 500},
        {"fault": "ok_false", "code": "internal_error"},
        {"fault": "ok_false", "code": "missing_scope", "needed": "channels:history"},
        {"fault": "rate_limited", "retry_after": "7"},
        {"fault": "accept_then_close"},
    ],
    ids=str,
)
def test_a_thread_that_cannot_be_read_leaves_the_question_open(
    fault: dict[str, Any], delivered: Any, slack: Any
) -> None:
    channel, alert, evidence = delivered
    slack.break_next(REPLIES, fault)
    with pytest.raises(Ambiguous):
        channel.find(below("reminder", evidence, alert.key))


def test_a_reply_behind_many_others_is_found(
    delivered: Any, slack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pql_platform.adapters.slack.PAGE", 2)
    channel, alert, evidence = delivered
    for number in range(5):
        channel.deliver(replace(below("rise", evidence, alert.key), key=f"r{number}"), NOW)
    assert channel.find(replace(below("rise", evidence, alert.key), key="r4")) is not None
    assert len(slack.requests(REPLIES)) == 3


def test_a_limited_rate_of_a_reply_is_waited_for(delivered: Any, slack: Any) -> None:
    channel, alert, evidence = delivered
    slack.break_next(POST, {"fault": "rate_limited", "retry_after": "7"})
    with pytest.raises(TryLater) as refused:
        channel.deliver(below("reminder", evidence, alert.key), NOW)
    assert refused.value.after_seconds == 7


def test_the_reminder_mentions_the_owner_names_the_deadline_and_says_what_to_say() -> None:
    sent = compose(below("reminder", None, "k"), NOW)
    shown = "\n".join(fake_slack.strings(sent.blocks))
    assert f"<@{ANA}> (ae.emea): nobody has reported a contact with Larkspur Robotics" in shown
    for told in (shown, sent.text):
        assert "due Tue 15:57 UTC, in 1 h 52 min" in told
        assert "Hi Maya" in told


def test_the_rise_says_from_where_to_where_and_the_outcome_says_why() -> None:
    rise = compose(below("rise", None, "k", before=2), NOW)
    outcome = compose(below("outcome", None, "k", why="the account pays now"), NOW)
    for told in (rise.text, "\n".join(fake_slack.strings(rise.blocks))):
        assert "has risen from tier 2 to tier 1, score 84" in told
        assert "score 84 is at least 80" in told.lower()
    for told in (outcome.text, "\n".join(fake_slack.strings(outcome.blocks))):
        assert "Larkspur Robotics: the account pays now." in told


def test_an_escalation_mentions_whoever_is_asked() -> None:
    message = below("escalation", None, "k", mention=MO)
    shown = "\n".join(fake_slack.strings(compose(message, CROSSED_AT + timedelta(hours=3)).blocks))
    assert f"<@{MO}> (sales-manager.emea): please take over" in shown


@pytest.mark.parametrize(
    "id_", [None, "", "C0123456789", "U1", "U0ANA00001> <!channel", "u0ana0001"]
)
def test_only_what_is_a_user_id_of_slack_becomes_a_mention(id_: str | None) -> None:
    assert mention("ana", id_) == "ana"
    assert mention("ana", ANA, plain) == "ana"
    assert mention("<@U0EVIL00001>", ANA, mrkdwn).startswith(f"<@{ANA}> (&lt;")


def storm(text: str, owner: str, many: int = MOST_NAMED) -> dict[str, Any]:
    lead = {
        "name": text,
        "account": text,
        "owner": owner,
        "owner_slack": "U" + "A" * 20,
        "score": text,
        "tier": text,
        "due_at": "2026-03-02T11:00:00+00:00",
    }
    return {"title": text, "program": owner, "leads": [lead] * many}


@settings(max_examples=60, deadline=None)
@given(FOREIGN, FOREIGN)
@example("&" * 5_000, "🦊" * 5_000)
@example("x" * 500, "y" * 500)
@example("", "")
def test_no_foreign_text_breaks_a_limit_or_mentions_anybody(text: str, other: str) -> None:
    story = realistic_story(
        account_name=text, owner=other, owner_slack=ANA, escalate_to=text, tier_reason=other
    ).to_json()
    place = {"key": "k", "channel": "C0000000001", "ts": "1.000001"}
    told = {"story": story, "alert": place, "before": text, "why": other, "status": text}
    sent = {
        kind: compose(Message("k", kind, {**told, "mention": MO}), NOW)
        for kind in ("alert", "reminder", "escalation", "rise", "outcome", "alert_edit")
    }
    sent["digest"] = compose(Message("k", "digest", storm(text, other)), NOW)
    for kind, message in sent.items():
        assert fake_slack.refusal(post_arguments("c", message)) is None, kind
        texts = list(fake_slack.strings(message.blocks))
        assert sum(map(fake_slack.units, texts)) <= 12_000, kind
        assert set(re.findall("<[^>]*>", "".join(texts))) <= {
            f"<@{ANA}>",
            f"<@{MO}>",
            f"<@U{'A' * 20}>",
        }
        assert "<" not in message.text
        assert "larkspur.example" not in re.findall(r"\S+@(\S+)", message.text + "".join(texts))
    assert len(sent["alert_edit"].text.encode()) <= fake_slack.MOST_EDIT_BYTES
