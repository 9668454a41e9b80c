"""An alert written anew where it stands: found as before, made again in doubt, and never a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from alert_stories import NOW, realistic_story

from pql_platform.adapters.slack_buttons import LEAD
from pql_platform.adapters.slack_local import LocalSlack
from pql_platform.domain.delivery import Ambiguous, Evidence, Message, Rejected, TryLater

UPDATE = "chat.update"


def edit_of(alert: Message, evidence: Evidence, closed: bool = False, **story: Any) -> Message:
    """The edit that says that somebody was in contact."""
    payload = {
        "story": realistic_story(**story).to_json(),
        "alert": {"key": alert.key, **evidence.detail},
        "status": "Contacted by bo, Tue 14:05 UTC",
        "closed": closed,
    }
    return Message(f"{alert.key}:edit", "alert_edit", payload)


@pytest.fixture
def delivered(slack: Any, channel_to: Any, alert: Any) -> Any:
    """A channel with an alert in it: channel, the alert, its evidence."""
    channel, message = channel_to(slack), alert()
    return channel, message, channel.deliver(message, NOW)


@pytest.mark.parametrize("closed", [False, True])
def test_the_status_comes_on_top_and_the_row_goes_when_nothing_is_left_to_answer(
    closed: bool, delivered: Any, slack: Any
) -> None:
    channel, alert, evidence = delivered
    edited = channel.deliver(edit_of(alert, evidence, closed), NOW)
    [now_there] = slack.edited()
    assert edited.reference == evidence.reference
    assert now_there["blocks"][1]["text"]["text"] == "*Contacted by bo, Tue 14:05 UTC*"
    assert (LEAD in json.dumps(now_there["blocks"])) is not closed
    assert len(slack.posted()) == 1


def test_an_edited_alert_is_found_by_its_own_key(
    delivered: Any, slack: Any, channel_to: Any
) -> None:
    channel, alert, evidence = delivered
    channel.deliver(edit_of(alert, evidence), NOW)
    assert slack.edited()[0]["metadata"] == slack.posted()[0]["metadata"]
    assert channel_to(slack).find(alert) == evidence


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "accept_then_close"},
        {"fault": "http", "status": 502},
        {"fault": "cut_200"},
        {"fault": "ok_false", "code": "internal_error"},
    ],
    ids=str,
)
def test_an_edit_in_doubt_is_not_looked_for_but_made_again(
    fault: dict[str, Any], delivered: Any, slack: Any
) -> None:
    channel, alert, evidence = delivered
    slack.break_next(UPDATE, fault)
    with pytest.raises(Ambiguous):
        channel.deliver(edit_of(alert, evidence), NOW)
    assert channel.find(edit_of(alert, evidence)) is None
    channel.deliver(edit_of(alert, evidence), NOW)
    assert slack.edited()[-1]["text"].startswith("Contacted by bo")
    assert channel.find(alert) == evidence


def test_a_deleted_alert_needs_no_edit(delivered: Any, slack: Any) -> None:
    channel, alert, evidence = delivered
    slack.delete(evidence.detail)
    gone = channel.deliver(edit_of(alert, evidence), NOW)
    assert gone.detail["gone"] is True
    assert gone.reference == evidence.reference
    assert len(slack.posted()) == 1


@pytest.mark.parametrize("code", ["message_not_found", "cant_update_message", "edit_window_closed"])
def test_what_slack_lets_nobody_edit_any_more_ends_the_edit(
    code: str, delivered: Any, slack: Any
) -> None:
    channel, alert, evidence = delivered
    slack.break_next(UPDATE, {"fault": "ok_false", "code": code})
    assert channel.deliver(edit_of(alert, evidence), NOW).detail["gone"] is True


def test_an_edit_that_slack_failed_at_is_made_again(delivered: Any, slack: Any) -> None:
    channel, alert, evidence = delivered
    slack.break_next(UPDATE, {"fault": "ok_false", "code": "update_failed"})
    edit = edit_of(alert, evidence)
    with pytest.raises(Ambiguous):
        channel.deliver(edit, NOW)
    assert channel.find(edit) is None
    channel.deliver(edit, NOW)
    assert len(slack.edited()) == 1


def test_an_alert_that_was_a_file_needs_no_edit_in_slack(
    slack: Any, channel_to: Any, alert: Any, tmp_path: Path
) -> None:
    message = alert()
    evidence = LocalSlack(tmp_path / "alerts").deliver(message, NOW)
    assert channel_to(slack).deliver(edit_of(message, evidence), NOW).detail == {"gone": True}
    assert slack.requests(UPDATE) == slack.requests() == []


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        ({"fault": "ok_false", "code": "channel_not_found"}, Rejected),
        ({"fault": "rate_limited", "retry_after": "3"}, TryLater),
    ],
)
def test_other_failures_of_an_edit_are_those_of_a_post(
    fault: dict[str, Any], failure: type[Exception], delivered: Any, slack: Any
) -> None:
    channel, alert, evidence = delivered
    slack.break_next(UPDATE, fault)
    with pytest.raises(failure):
        channel.deliver(edit_of(alert, evidence), NOW)


def test_an_edit_whose_blocks_are_refused_is_made_as_plain_text(delivered: Any, slack: Any) -> None:
    channel, alert, evidence = delivered
    slack.break_next(UPDATE, {"fault": "ok_false", "code": "invalid_blocks"})
    done = channel.deliver(edit_of(alert, evidence), NOW)
    [now_there] = slack.edited()
    assert done.detail["blocks_refused"] == "invalid_blocks"
    assert "blocks" not in now_there
    assert now_there["text"].startswith("Contacted by bo")
    assert channel.find(alert) == evidence


def test_a_story_too_long_for_an_edit_is_cut_after_a_whole_line(delivered: Any, slack: Any) -> None:
    channel, alert, evidence = delivered
    long = {"tier_reason": "&" * 500, "industry": "ü" * 500, "playbook": "x" * 600}
    facts = tuple(
        type(fact)(**{**vars(fact), "says": f"made {'é' * 230}"})
        for fact in realistic_story().signals
    )
    channel.deliver(edit_of(alert, evidence, signals=facts, **long), NOW)
    [now_there] = slack.edited()
    assert 2_000 < len(now_there["text"].encode()) <= 4_000
    assert now_there["text"].split("\n")[-1][-1] in ".!?;"


def test_an_edit_without_a_place_is_refused(slack: Any, channel_to: Any) -> None:
    message = Message("k", "alert_edit", {"story": realistic_story().to_json(), "alert": None})
    with pytest.raises(Rejected, match="where the alert is"):
        channel_to(slack).deliver(message, NOW)
    assert slack.requests(UPDATE) == []


def test_a_file_is_written_anew_where_it_is_found_by_its_key(alert: Any, tmp_path: Path) -> None:
    local, message = LocalSlack(tmp_path / "alerts"), alert()
    evidence = local.deliver(message, NOW)
    edited = local.deliver(edit_of(message, evidence, closed=True), NOW)
    assert edited == evidence
    assert len(list((tmp_path / "alerts").iterdir())) == 2
    assert "Contacted by bo" in Path(evidence.detail["preview"]).read_text(encoding="utf-8")
    assert local.find(message) == evidence


@pytest.mark.parametrize(
    "place",
    [
        {"channel": "C0000000001", "ts": "1.000001"},
        {"file": "/etc/elsewhere.json"},
        {"file": "../../elsewhere.json"},
        {"file": ".."},
        {"file": ""},
    ],
    ids=str,
)
def test_an_edit_writes_into_the_folder_alone_whatever_the_place_says(
    place: dict[str, str], alert: Any, tmp_path: Path
) -> None:
    folder, message = tmp_path / "deep" / "alerts", alert()
    edit = edit_of(message, Evidence("r", place))
    first = LocalSlack(folder).deliver(edit, NOW)
    assert LocalSlack(folder).deliver(edit, NOW) == first
    assert sorted(path.suffix for path in folder.iterdir()) == [".html", ".json"]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [
        path.name for path in folder.rglob("*")
    ]
    assert LocalSlack(folder).find(message) == first
