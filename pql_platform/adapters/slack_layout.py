"""What every Slack message of ours is made of: the message itself and its few kinds of block.

Built from Slack's own models, which check their limits when a block becomes a dict. Texts arrive
here escaped and cut; which blocks make an alert is `slack_blocks.py`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ContextBlock,
    HeaderBlock,
    LinkButtonElement,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)

METADATA_EVENT = "pql_alert"
"""`event_type` under which a message carries its key, so that it can be found again."""

# Neither escaped by Slack nor personal: a key that names a person by address is hashed instead.
_OPEN_KEY = re.compile(r"[A-Za-z0-9_.:/|+=~ -]{1,255}")


@dataclass(frozen=True)
class SlackMessage:
    """What `chat.postMessage` is given, apart from the channel.

    Attributes:
        text: The whole message as plain sentences, escaped: for notifications, screen readers, and
            for posting alone should Slack refuse the blocks.
        blocks: Block Kit.
        metadata: `event_type` and `event_payload` with the idempotency key.
    """

    text: str
    blocks: list[dict[str, Any]]
    metadata: dict[str, Any]


def message(text: Sequence[str], blocks: Sequence[Block], key: str) -> SlackMessage:
    """Lines of fallback text and blocks as one message that carries `key`.

    Raises:
        SlackObjectFormationError: A block breaks one of Slack's limits.
    """
    return SlackMessage(
        text="\n".join(text),
        blocks=[block.to_dict() for block in blocks],
        metadata={"event_type": METADATA_EVENT, "event_payload": {"key": metadata_key(key)}},
    )


def metadata_key(key: str) -> str:
    """An idempotency key as a message carries it: as it is, or hashed where that is unwise."""
    if _OPEN_KEY.fullmatch(key):
        return key
    return "sha256:" + hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()


def header(text: str) -> Block:
    """A headline of at most 150 characters."""
    return HeaderBlock(text=PlainTextObject(text=text, emoji=False))


def section(text: str) -> Block:
    """A paragraph of mrkdwn, at most 3,000 characters."""
    return SectionBlock(text=_markdown(text))


def fields(*texts: str) -> Block:
    """Paragraphs side by side, two to a row, at most 2,000 characters each."""
    return SectionBlock(fields=[_markdown(text) for text in texts])


def footer(text: str) -> Block:
    """Small print in mrkdwn."""
    return ContextBlock(elements=[_markdown(text)])


def link_buttons(links: Mapping[str, str | None]) -> list[Block]:
    """One row of buttons that open a URL, without those whose URL is None; no row when all are."""
    elements = [
        LinkButtonElement(
            text=PlainTextObject(text=label, emoji=False), url=url, action_id=f"open_{position}"
        )
        for position, (label, url) in enumerate(links.items())
        if url
    ]
    return [ActionsBlock(elements=elements)] if elements else []


def _markdown(text: str) -> MarkdownTextObject:
    # verbatim: Slack would otherwise turn bare addresses and #names into links by itself.
    return MarkdownTextObject(text=text, verbatim=True)
