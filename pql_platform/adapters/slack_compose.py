"""Which Slack message an entry of the outbox becomes.

One entry per kind; what each says is laid out in the modules it names, sending is `slack.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pql_platform.adapters.slack_blocks import alert_message, escalation_message
from pql_platform.adapters.slack_digest import digest_message, storm_message
from pql_platform.adapters.slack_layout import SlackMessage
from pql_platform.adapters.slack_oncall import oncall_message
from pql_platform.adapters.slack_proposal import proposal_message
from pql_platform.adapters.slack_thread import outcome_message, reminder_message, rise_message
from pql_platform.domain.delivery import Message, Rejected
from pql_platform.domain.story import AlertStory

LONGEST_EDIT = 4_000
"""Bytes of text that chat.update takes, a tenth of a post (docs.slack.dev/reference/methods/
chat.update, `msg_too_long`; in bytes after escaping: gitlab-org/gitlab merge request 258898)."""


def compose(message: Message, now: datetime, answerable: bool = True) -> SlackMessage:
    """The Slack message for one entry of the outbox.

    Args:
        message: The entry.
        now: The moment of sending.
        answerable: Whether somebody listens for clicks; without, there is nothing to click.

    Raises:
        Rejected: The kind is none of Slack's, or the payload cannot be read.
    """
    lay_out = _LAYOUTS.get(message.kind)
    if lay_out is None:
        raise Rejected(f"Slack has no message of kind {message.kind}")
    return lay_out(message, now, answerable)


def _alert(message: Message, now: datetime, answerable: bool) -> SlackMessage:
    return alert_message(story_of(message), now, message.key, answerable=answerable)


def _escalation(message: Message, now: datetime, answerable: bool) -> SlackMessage:
    asked = message.payload.get("mention")
    return escalation_message(story_of(message), now, message.key, asked)


def _reminder(message: Message, now: datetime, answerable: bool) -> SlackMessage:
    return reminder_message(story_of(message), now, message.key)


def _rise(message: Message, now: datetime, answerable: bool) -> SlackMessage:
    return rise_message(story_of(message), message.payload, now, message.key)


def _outcome(message: Message, now: datetime, answerable: bool) -> SlackMessage:
    return outcome_message(story_of(message), message.payload, message.key)


def _digest(message: Message, now: datetime, answerable: bool) -> SlackMessage:
    by_model = not {"version", "before", "by", "why"}.isdisjoint(message.payload)
    return (digest_message if by_model else storm_message)(message.payload, message.key)


def _proposal(message: Message, now: datetime, answerable: bool) -> SlackMessage:
    return proposal_message(message.payload, message.key, answerable=answerable)


def _call_to_duty(message: Message, now: datetime, answerable: bool) -> SlackMessage:
    if missing := {"title", "body", "severity"} - set(message.payload):
        raise Rejected(f"this call to duty lacks {', '.join(sorted(missing))}")
    return oncall_message(message.payload, message.key)


def _edited(message: Message, now: datetime, answerable: bool) -> SlackMessage:
    """The alert with what has happened since, under the alert's own key: it stays findable."""
    place = place_of(message)
    if place is None:
        raise Rejected("this edit does not say where the alert is")
    edited = alert_message(
        story_of(message),
        now,
        str(place["key"]),
        status=str(message.payload.get("status") or ""),
        answerable=answerable and not message.payload.get("closed"),
    )
    return replace(edited, text=_first_lines(edited.text, LONGEST_EDIT))


def _first_lines(text: str, most: int) -> str:
    """As many whole lines as `most` bytes hold: a cut within one could leave half an entity."""
    lines = text.split("\n")
    while len("\n".join(lines).encode()) > most:
        lines.pop()
    return "\n".join(lines)


def place_of(message: Message) -> Mapping[str, Any] | None:
    """Where the alert stands that a message belongs to; None when it is on its own."""
    place = message.payload.get("alert")
    return place if isinstance(place, Mapping) and "key" in place else None


def story_of(message: Message) -> AlertStory:
    """The story that an alert or escalation carries.

    Raises:
        Rejected: There is none, or it cannot be read.
    """
    try:
        return AlertStory.from_json(message.payload["story"])
    except (KeyError, TypeError, ValueError) as error:
        raise Rejected(f"the story of this {message.kind} cannot be read: {error}") from error


_LAYOUTS: Mapping[str, Callable[[Message, datetime, bool], SlackMessage]] = {
    "alert": _alert,
    "alert_edit": _edited,
    "reminder": _reminder,
    "escalation": _escalation,
    "rise": _rise,
    "outcome": _outcome,
    "digest": _digest,
    "proposal": _proposal,
    "oncall": _call_to_duty,
    "breach": _call_to_duty,
}
