"""The alert holds all that a rep needs, and holds together whatever customers typed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import fake_slack
import pytest
from alert_stories import CROSSED_AT, NOW, realistic_story, signal
from hypothesis import example, given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from pql_platform.adapters.slack import post_arguments
from pql_platform.adapters.slack_blocks import MOST_SIGNALS, alert_message, escalation_message
from pql_platform.adapters.slack_layout import SlackMessage, metadata_key
from pql_platform.adapters.slack_oncall import oncall_message
from pql_platform.domain.story import Contact, OtherReason

# Items of the requirements, and the words that carry them.
CONTENTS = {
    "125 account": ["Larkspur Robotics", "420 employees", "industrial automation", "Germany"],
    "125 account in the product": ["trial plan", "9 users, 6 active, 3 qualified themselves"],
    "125 key contact": ["Maya Chen", "Head of Operations", "larkspur.example", "2 Sep 2026"],
    "126 score and breakdown": ["84 of 100", "usage depth", "31.5 of 35", "viral", "10 of 15"],
    "126 compound": ["team project", "+10"],
    "126 spread and deductions": ["4 people use it", "+7.5", "student", "-7.5"],
    "126 yesterday": ["up 13 from 71 yesterday", "the line is at 62"],
    "127 plain language": ["hit the export limit twice", "used the API for the first time"],
    "131 triggering signals": ["came back on 6 days", "invited 5 teammates in the last 30 days"],
    "131 whose doing": ["Maya Chen hit", "Ann Lee created", "One person came", "The team used"],
    "131 the spread": ["4 people of the account use it"],
    "135 counts": ["created 12 boards in the last 14 days"],
    "128 first message": ["Hi Maya, I noticed that you hit the export limit twice"],
    "138 workflow and obstacle": ["What could you not finish because of it?"],
    "129 time since crossing": ["8 min ago"],
    "92 half-life": ["half of this intent is gone by Tue 22 Sep 13:57 UTC"],
    "why this tier": ["score 84 is at least 80, and the segment is enterprise"],
    "120 next action": ["Call: ask how the team works today"],
    "deadline": ["due Tue 15:57 UTC, in 1 h 52 min"],
    "133 owner and escalation": ["ae.emea", "sales-manager.emea"],
    "130 analytics link": ["https://eu.posthog.example/project/1/groups/0/acct_5821"],
    "148 CRM link": ["https://app.hubspot.example/contacts/1/company/5821"],
}

HOSTILE = st.text(max_size=60) | st.sampled_from(
    [
        "",
        "<!channel> <!here> @everyone <@U0123456789> <#C0123456789>",
        "<https://evil.example|Acme Inc> https://evil.example www.evil.example",
        "maya@larkspur.example mailto:maya@larkspur.example",
        "\u202egnp.exe\u202c \u200b\u200d\ufeff \x00\x1b[31m",
        "*bold* _it_ ~no~ `code` ```fence``` &amp; &lt;!channel&gt;",
        "line\nbreak\r\nand \u2028 separators\n> quote\n• bullet",
        "</blockquote><script>alert(1)</script><img src=x onerror=alert(1)>",
        "{value.__class__} {{ 7*7 }} %s ${x}",
        "🦊" * 5_000,
        "&" * 10_000,
        "<" * 10_000,
        '\\"' * 5_000,
        "٣" * 10_000,
    ]
)


def shown(message: SlackMessage) -> str:
    """All that the blocks show, as a reader would see it."""
    texts = "\n".join(fake_slack.strings(message.blocks))
    return texts.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def hostile_story(text: str, other: str, many: int = 30) -> Any:
    """A story with foreign text wherever the outside can put some."""
    fact = signal(text, other, "2", "17.5", category=text, actor="person", person=text, user_id="u")
    return replace(
        realistic_story(),
        handoff_id=text,
        program=text,
        account_id=other,
        account_name=text,
        industry=other,
        plan=text,
        country=other,
        segment=text,
        contact=Contact("u", text, other, text, None, None),
        categories={f"{text}{n}": Decimal(n) for n in range(many)},
        signals=tuple(replace(fact, name=str(n)) for n in range(many)),
        other_reasons=tuple(
            OtherReason(f"{other}{n}", text, Decimal(5), Decimal(3)) for n in range(many)
        ),
        tier_reason=text,
        playbook=other,
        owner=text,
        escalate_to=other,
        version=text,
        value_metric=other,
        analytics_url="https://posthog.example/" + "a" * 970,
        crm_url=text,
    )


@pytest.mark.parametrize("item", CONTENTS)
@pytest.mark.parametrize("form", ["blocks", "text"])
def test_the_alert_contains_every_required_item(item: str, form: str) -> None:
    message = alert_message(realistic_story(), NOW)
    told = (shown(message) if form == "blocks" else message.text).lower()
    assert [words for words in CONTENTS[item] if words.lower() not in told] == []


def test_the_header_names_account_tier_and_score() -> None:
    header = alert_message(realistic_story(), NOW).blocks[0]
    assert header["text"]["text"] == "Larkspur Robotics · tier 1 · score 84 of 100"


def test_the_blocks_name_the_top_category() -> None:
    assert "strongest in usage depth" in shown(alert_message(realistic_story(), NOW))


def test_the_rep_is_told_what_must_not_be_mentioned() -> None:
    told = shown(alert_message(realistic_story(), NOW))
    assert told.count("do not mention it") == 1
    assert re.search(r"came back on 6 days.*do not mention it", told)


def test_no_address_of_a_person_is_in_the_alert_even_when_it_stands_for_the_name() -> None:
    contact = Contact("u_77120", "maya@larkspur.example", None, "larkspur.example", None, None)
    message = alert_message(realistic_story(contact=contact), NOW)
    assert "@" not in json.dumps([message.text, message.blocks], ensure_ascii=False)
    assert "Contact somebody at the account: due" in shown(message)
    assert "user u_77120" in shown(message)


def test_links_that_are_not_https_become_no_button_and_without_any_there_is_no_row() -> None:
    story = realistic_story(analytics_url="http://x.example", crm_url=None)
    message = alert_message(story, NOW, answerable=False)
    assert [block["type"] for block in message.blocks].count("actions") == 0
    assert "http" not in message.text


def test_a_lead_without_contact_deadline_or_history_still_reads_whole() -> None:
    bare = realistic_story(
        contact=None,
        due_at=None,
        escalate_to=None,
        yesterday_score=None,
        signals=(),
        categories={},
        other_reasons=(),
        account_name=None,
        employees=None,
        industry=None,
        country=None,
        region=None,
        segment=None,
        plan=None,
        signed_up_on=None,
        value_metric=None,
    )
    told = shown(alert_message(bare, NOW))
    assert "acct_5821" in told
    assert "No contact is due (somebody at the account)" in told
    assert "no score yesterday" in told
    assert "No single signal stands out" in told
    assert "None" not in told


@pytest.mark.parametrize("playbook", ["nurture", "in_app", "email_sequence"])
def test_a_playbook_that_sends_by_itself_keeps_the_words_for_the_answer(playbook: str) -> None:
    message = alert_message(realistic_story(playbook=playbook), NOW)
    for told in (shown(message), message.text):
        assert "When they answer, say" in told
        assert "Say this first" not in told


def test_more_signals_than_are_shown_are_counted() -> None:
    facts = tuple(signal(str(n), f"did thing {n}", "1", "5") for n in range(MOST_SIGNALS + 4))
    told = shown(alert_message(realistic_story(signals=facts, other_reasons=()), NOW))
    assert "and 4 more" in told


def test_a_late_alert_says_how_late_it_is() -> None:
    told = alert_message(realistic_story(), CROSSED_AT + timedelta(hours=8)).text
    assert "was due 6 h ago" in told
    assert "Crossed the line 8 h ago" in told


def test_an_escalation_names_who_takes_over_and_blames_the_process() -> None:
    message = escalation_message(realistic_story(), CROSSED_AT + timedelta(hours=3))
    for told in (shown(message), message.text):
        assert "sales-manager.emea: please take over" in told
        assert "Contact by ae.emea: was due 1 h ago" in told
        assert "The response time was missed; the lead itself is sound." in told
        assert "Hi Maya, " in told
    assert fake_slack.refusal(post_arguments("c", message)) is None


def test_an_escalation_without_a_successor_says_so() -> None:
    message = escalation_message(realistic_story(escalate_to=None), NOW)
    assert "Nobody is named to take over" in shown(message)
    assert "missed" not in message.text


def test_a_call_to_duty_has_severity_body_link_and_runbook() -> None:
    message = oncall_message(
        {
            "title": "Slack refuses the token",
            "body": "14 alerts wait.\nNothing is lost.",
            "severity": "critical",
            "link": "https://dagster.example/runs/1",
            "runbook": "docs/runbooks/slack-token.md",
        }
    )
    assert message.blocks[0]["text"]["text"] == "CRITICAL · Slack refuses the token"
    for told in (shown(message), message.text):
        assert "14 alerts wait.\nNothing is lost." in told
        assert "docs/runbooks/slack-token.md" in told
        assert "https://dagster.example/runs/1" in told


@settings(max_examples=60, deadline=None)
@given(HOSTILE, HOSTILE)
@example("&" * 10_000, "🦊" * 5_000)
@example("<" * 10_000, "&" * 10_000)
def test_no_foreign_text_breaks_a_limit_mentions_or_links(text: str, other: str) -> None:
    story = hostile_story(text, other)
    duty = {
        "title": text,
        "body": f"{other}\n{text}",
        "severity": text,
        "link": other,
        "runbook": text,
    }
    for message in (
        alert_message(story, NOW, key=text),
        escalation_message(story, NOW, key=text),
        oncall_message(duty, key=text),
    ):
        payload = post_arguments("pql-alerts", message)
        assert fake_slack.refusal(payload) is None
        texts = list(fake_slack.strings(message.blocks))
        assert sum(map(fake_slack.units, texts)) <= 12_000
        assert fake_slack.units(message.text) <= 12_000
        for said in [*texts, *message.text.split("\n")]:
            assert "<" not in said
            assert "@" not in said
            assert "://" not in said.replace(story.analytics_url, "")
        assert [Block.parse(block).to_dict() for block in message.blocks] == message.blocks
        assert payload["parse"] == "none"
        assert payload["link_names"] is False
        assert payload["unfurl_links"] is False
        for formatted in mrkdwn_objects(message.blocks):
            assert formatted["verbatim"] is True
            assert formatted["text"].count("```") in {0, 2}


def mrkdwn_objects(node: Any) -> list[dict[str, Any]]:
    """Every mrkdwn text object inside blocks."""
    if isinstance(node, list):
        return [found for value in node for found in mrkdwn_objects(value)]
    if not isinstance(node, dict):
        return []
    inner = [found for value in node.values() for found in mrkdwn_objects(value)]
    return inner + ([node] if node.get("type") == "mrkdwn" else [])


@pytest.mark.parametrize(
    ("key", "is_kept"),
    [
        ("boards:account:acct_1:alert:1:1", True),
        ("boards:user:maya@larkspur.example:alert:1:1", False),
        ("x" * 300, False),
        ("<&>", False),
        ("\ud800", False),
    ],
)
def test_a_key_that_names_a_person_or_might_be_altered_is_hashed(key: str, is_kept: bool) -> None:
    carried = metadata_key(key)
    assert (carried == key) is is_kept
    assert len(carried) <= 255
    assert metadata_key(key) == carried
