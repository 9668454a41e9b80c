"""A click in Slack as the platform understands it: who, what, on which message.

Reads the payload of an interaction and believes none of it: ids are looked up in the ledger, and a
click counts only on the message that the ledger says was delivered. Both ways in, HTTP
(`slack_listener.py`) and Socket Mode (`slack_socket.py`), hand their payloads here.

The payload's form: docs.slack.dev/reference/interaction-payloads/block_actions-payload.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pql_platform.adapters.slack_buttons import LEAD, PROPOSAL
from pql_platform.errors import PqlError

_LONGEST = 300
_LONGEST_ID = 40
_LONGEST_NAME = 100


@dataclass(frozen=True)
class Click:
    """One click.

    Attributes:
        about: The block id of the row: what kind of thing it is about, and its id.
        action: Which button or list.
        value: What was chosen from a list, or the value of a button.
        user_id: Slack's id of whoever clicked.
        user_name: Their name in Slack.
        channel: Id of the channel of the message.
        message_ts: Timestamp of the message, which with the channel is its identity.
        action_ts: Timestamp of the click itself.
    """

    about: str
    action: str
    value: str
    user_id: str
    user_name: str
    channel: str
    message_ts: str
    action_ts: str

    @property
    def handoff_id(self) -> str | None:
        """The hand-off that a click on an alert is about."""
        return self.about.removeprefix(LEAD) if self.about.startswith(LEAD) else None

    @property
    def version_id(self) -> str | None:
        """The version that a click on a proposal is about."""
        return self.about.removeprefix(PROPOSAL) if self.about.startswith(PROPOSAL) else None


Handle = Callable[[Click], str]
"""Does what a click asks for and returns what to tell whoever clicked."""

Tell = Callable[[str, str], None]
"""Tells a response URL something that only whoever clicked sees."""


def read_click(payload: Mapping[str, Any]) -> Click | None:
    """The click in a payload; None for an interaction that asks for nothing, such as a link.

    Raises:
        PqlError: It is none of Slack's payloads.
    """
    if payload.get("type") != "block_actions":
        return None
    try:
        [action, *_] = payload["actions"]
        about = _text(action["block_id"])
        if not about.startswith((LEAD, PROPOSAL)):
            return None
        chosen = action.get("selected_option") or {}
        user = payload["user"]
        return Click(
            about=about,
            action=_text(action["action_id"]),
            value=_text(chosen.get("value", action.get("value", ""))),
            user_id=_text(user["id"], _LONGEST_ID),
            user_name=_text(user.get("name") or user.get("username") or user["id"])[:_LONGEST_NAME],
            channel=_text(payload["channel"]["id"], _LONGEST_ID),
            message_ts=_text(payload["message"]["ts"], _LONGEST_ID),
            action_ts=_text(action["action_ts"], _LONGEST_ID),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PqlError(f"this interaction of Slack cannot be read ({error})") from error


def _text(value: object, longest: int = _LONGEST) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise ValueError("a part of it is no short text")
    # No database keeps half a character, which raises here, and Postgres no zero byte.
    if b"\0" in value.encode():
        raise ValueError("a part of it is no text that can be kept")
    return value
