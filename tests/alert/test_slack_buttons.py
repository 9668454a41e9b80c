"""The row by which an alert is answered: on what is open, for whom it names, within the limits."""

from __future__ import annotations

from typing import Any

import fake_slack
import pytest
from alert_stories import NOW, realistic_story

from pql_platform.adapters.slack import SlackChannels, SlackWeb, post_arguments
from pql_platform.adapters.slack_blocks import alert_message
from pql_platform.adapters.slack_buttons import (
    APPROVE,
    LEAD,
    PROPOSAL,
    REJECT,
    answer_row,
    decision_row,
    owner_mark,
)
from pql_platform.adapters.slack_client import build_client
from pql_platform.adapters.slack_preview import render_preview
from pql_platform.domain.answers import NOT_A_FIT_REASONS, SNOOZES
from pql_platform.ledger.keys import handoff_id
from pql_platform.ledger.states import CONTACTED, FEEDBACK_ACTIONS, NOT_A_FIT, SNOOZE, WRONG_OWNER


def rows(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [block for block in blocks if block.get("block_id", "").startswith(LEAD)]


def test_an_alert_can_be_answered_in_each_of_the_four_ways() -> None:
    [row] = rows(alert_message(realistic_story(), NOW).blocks)
    assert row["block_id"] == f"{LEAD}h-20417"
    by_action = {element["action_id"]: element for element in row["elements"]}
    assert tuple(by_action) == FEEDBACK_ACTIONS
    assert by_action[CONTACTED]["value"] == "h-20417"
    assert by_action[WRONG_OWNER]["value"] == owner_mark("ae.emea")
    for action, known in ((NOT_A_FIT, NOT_A_FIT_REASONS), (SNOOZE, SNOOZES)):
        assert [option["value"] for option in by_action[action]["options"]] == list(known)


def test_no_button_carries_a_name_or_an_address() -> None:
    [row] = rows(alert_message(realistic_story(owner="ines@boards.example"), NOW).blocks)
    assert "ines" not in str(row)


def test_the_links_of_an_alert_stay_beside_the_answers() -> None:
    blocks = alert_message(realistic_story(), NOW).blocks
    links = [block for block in blocks if block["type"] == "actions" and block not in rows(blocks)]
    assert [element["url"] for element in links[0]["elements"]] == [
        realistic_story().analytics_url,
        realistic_story().crm_url,
    ]


@pytest.mark.parametrize(
    "id_", ["", "<!channel>", "a b", "ü", "h\n1", "x" * 201, "maya@larkspur.example"]
)
def test_what_is_no_id_of_ours_gets_no_row(id_: str) -> None:
    assert answer_row(id_, "ana") == []
    assert decision_row(id_) == []


@pytest.mark.parametrize("id_", ["x" * 200, handoff_id("boards", "account", "acme", 1)])
def test_slack_takes_the_rows(id_: str) -> None:
    blocks = [block.to_dict() for block in (*answer_row(id_, "\ud800" * 500), *decision_row(id_))]
    assert len(blocks) == 2
    assert fake_slack.refusal({"text": "t", "blocks": blocks}) is None


def test_a_proposal_is_approved_or_rejected() -> None:
    [row] = (block.to_dict() for block in decision_row("boards-v4"))
    assert row["block_id"] == f"{PROPOSAL}boards-v4"
    assert [element["action_id"] for element in row["elements"]] == [APPROVE, REJECT]


@pytest.mark.parametrize("answerable", [True, False])
def test_there_is_nothing_to_click_where_nobody_listens(
    answerable: bool, slack: Any, alert: Any
) -> None:
    channel = SlackWeb(
        build_client(slack.token, slack.base_url), SlackChannels(), answerable=answerable
    )
    channel.deliver(alert(), NOW)
    [posted] = slack.posted()
    assert len(rows(posted["blocks"])) == answerable


def test_a_preview_shows_the_row_as_slack_would_and_can_click_nothing() -> None:
    page = render_preview(alert_message(realistic_story(), NOW), realistic_story())
    for label in ("Contacted", "Not a fit…", "Snooze…", "Wrong owner"):
        assert f">{label}</span>" in page
    assert '"block_id"' not in page, "no block is shown as its JSON"
    assert "<button" not in page


def test_the_status_is_on_top_and_its_words_are_harmless() -> None:
    status = "Contacted by <!channel> *bo*"
    message = alert_message(realistic_story(), NOW, status=status, answerable=False)
    assert message.blocks[0]["type"] == "header"
    assert message.blocks[1]["text"]["text"].startswith("*Contacted by &lt;!channel&gt;")
    assert message.text.startswith("Contacted by &lt;!channel")
    assert rows(message.blocks) == []
    assert fake_slack.refusal(post_arguments("c", message)) is None
