"""What is said below an alert: reminder, escalation, rise, end.

Lays out what `domain/wording.py` says, within Slack's limits; the alert itself is
`slack_blocks.py`, sending is `slack.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pql_platform.adapters.slack_layout import SlackMessage, footer, message, section
from pql_platform.adapters.slack_text import mrkdwn, plain
from pql_platform.domain import wording
from pql_platform.domain.grammar import number, sentence
from pql_platform.domain.story import AlertStory

_NAME, _SENTENCE = 80, 300
_SLACK_ID = re.compile(r"[UW][A-Z0-9]{6,20}")


def mention(name: str, slack_id: str | None, safe: Any = mrkdwn, limit: int = _NAME) -> str:
    """A person by name, and by a mention of ours where their Slack id is known.

    Args:
        name: As it stands in the program or the team file.
        slack_id: From the team file.
        safe: `mrkdwn` or `plain`; in plain text nobody is mentioned.
        limit: Longest name shown.
    """
    shown: str = safe(name, limit)
    if safe is mrkdwn and slack_id is not None and _SLACK_ID.fullmatch(slack_id):
        return f"<@{slack_id}> ({shown})"
    return shown


def _owner(story: AlertStory, safe: Any) -> str:
    return mention(wording.owner_name(story), story.owner_slack, safe)


def reminder_message(story: AlertStory, now: datetime, key: str) -> SlackMessage:
    """Half of the time is over: the owner is reminded, with what to say."""

    def told(safe: Any) -> str:
        return (
            f"{_owner(story, safe)}: nobody has reported a contact with "
            f"{safe(wording.account_name(story), _NAME)} yet, {wording.deadline(story, now)}."
        )

    words = wording.first_message(story)
    return message(
        text=[told(plain), f"{wording.message_heading(story)}: {plain(words, _SENTENCE)}"],
        blocks=[
            section(told(mrkdwn)),
            section(f"*{wording.message_heading(story)}*\n>{mrkdwn(words, _SENTENCE)}"),
        ],
        key=key,
    )


def rise_message(
    story: AlertStory, payload: Mapping[str, Any], now: datetime, key: str
) -> SlackMessage:
    """A lead that was handed over has become more urgent."""

    def told(safe: Any) -> str:
        return (
            f"{_owner(story, safe)}: "
            f"{safe(wording.account_name(story), _NAME)} has risen from tier "
            f"{safe(str(payload.get('before')), 4)} to tier {story.tier}, "
            f"score {number(story.score)}. Contact is {wording.deadline(story, now)}."
        )

    why = f"Why tier {story.tier}: {sentence(plain(story.tier_reason, _SENTENCE))}."
    return message(
        text=[told(plain), why],
        blocks=[
            section(told(mrkdwn)),
            footer(f"Why tier {story.tier}: {sentence(mrkdwn(story.tier_reason, _SENTENCE))}"),
        ],
        key=key,
    )


def outcome_message(story: AlertStory, payload: Mapping[str, Any], key: str) -> SlackMessage:
    """What became of a lead; its task is withdrawn where nobody had begun."""

    def told(safe: Any) -> str:
        return (
            f"{safe(wording.account_name(story), _NAME)}: "
            f"{safe(str(payload.get('why') or 'not a lead any more'), _SENTENCE)}."
        )

    return message(text=[told(plain)], blocks=[section(told(mrkdwn))], key=key)
