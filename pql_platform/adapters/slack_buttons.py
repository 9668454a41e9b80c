"""The row under an alert by which a rep answers it: contacted, not a fit, snooze, wrong owner.

What is shown only; reading a click is `slack_clicks.py`, what an answer changes is
`handoff/answers.py`. A button carries the opaque id of the hand-off or a mark of its owner, and
nothing that the handler believes unchecked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    Option,
    PlainTextObject,
    StaticSelectElement,
)

from pql_platform.domain.answers import NOT_A_FIT_REASONS, SNOOZES
from pql_platform.ledger.states import CONTACTED, NOT_A_FIT, SNOOZE, WRONG_OWNER

LEAD: Final = "lead:"
"""What the block id of an alert's row begins with; the hand-off's id follows."""

PROPOSAL: Final = "version:"
"""The same for a proposal; the version's id follows."""

# Ids of ours are shorter; Slack takes 255 characters in a block id.
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,200}")

APPROVE: Final = "approve_version"
REJECT: Final = "reject_version"


def answer_row(handoff_id: str, owner: str) -> list[Block]:
    """The row of an alert: two buttons and two lists; none for what is no id of a hand-off.

    Args:
        handoff_id: What is answered.
        owner: Whom the alert names, so that "wrong owner" is said of them and nobody later.
    """
    if not _ID.fullmatch(handoff_id):
        return []
    row = ActionsBlock(
        block_id=f"{LEAD}{handoff_id}",
        elements=[
            _button("Contacted", CONTACTED, handoff_id, style="primary"),
            _list("Not a fit…", NOT_A_FIT, NOT_A_FIT_REASONS),
            _list("Snooze…", SNOOZE, {key: text for key, (text, _) in SNOOZES.items()}),
            _button("Wrong owner", WRONG_OWNER, owner_mark(owner)),
        ],
    )
    return [row]


def owner_mark(owner: str) -> str:
    """What stands for an owner in a button: pressed twice, it is about the same one."""
    return sha256(owner.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def decision_row(version: str) -> list[Block]:
    """The row of a proposal: make the version live, or leave it; none for what is no version."""
    if not _ID.fullmatch(version):
        return []
    row = ActionsBlock(
        block_id=f"{PROPOSAL}{version}",
        elements=[
            _button("Approve", APPROVE, version, style="primary"),
            _button("Reject", REJECT, version, style="danger"),
        ],
    )
    return [row]


def _button(label: str, action: str, value: str, style: str | None = None) -> ButtonElement:
    return ButtonElement(
        text=PlainTextObject(text=label, emoji=False), action_id=action, value=value, style=style
    )


def _list(label: str, action: str, options: Mapping[str, str]) -> StaticSelectElement:
    return StaticSelectElement(
        placeholder=PlainTextObject(text=label, emoji=False),
        action_id=action,
        options=[
            Option(value=value, text=PlainTextObject(text=text, emoji=False))
            for value, text in options.items()
        ],
    )
