"""What a calibration found, as the message that RevOps decides by.

Lays out what `calibration/announcement.py` says, within Slack's limits whatever names are in it.
Single blocks are `slack_layout.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slack_sdk.models.blocks import Block

from pql_platform.adapters.slack_buttons import decision_row
from pql_platform.adapters.slack_layout import SlackMessage, footer, header, message, section
from pql_platform.adapters.slack_text import mrkdwn, plain
from pql_platform.domain.delivery import Rejected

_SENTENCE, _NAME, _NUMBER = 200, 40, 12
_MOST = 8
"""Lines of a list: with the longest texts the message stays below Slack's 13,200 characters."""

_NEEDED = (
    *("title", "program", "champion", "action", "reasons", "warnings", "figures", "points"),
    *("threshold", "risks", "moved", "owners", "what_to_do"),
)


def proposal_message(
    payload: Mapping[str, Any], key: str, *, answerable: bool = True
) -> SlackMessage:
    """The message about a challenger, or about why there is none.

    Args:
        payload: What `announce` or `refusal` returned.
        key: Idempotency key for the metadata.
        answerable: Whether somebody listens for a click on approve or reject.

    Raises:
        Rejected: Something is missing.
    """
    if missing := [name for name in _NEEDED if name not in payload]:
        raise Rejected(f"this proposal lacks {', '.join(missing)}")
    title = plain(str(payload["title"]), 140)
    about = f"Program {plain(str(payload['program']), _NAME)}"
    texts = [f"{title}. {about}.", *_told(payload)]
    blocks: list[Block] = [header(title), section(_list("Why", payload["reasons"]))]
    if payload["figures"]:
        rows = [("", "now", "proposed"), *payload["figures"]]
        blocks.append(section(f"*On later time, which the points had not seen*\n{_table(rows)}"))
    if payload["points"]:
        rows = [("signal", "now", "proposed"), *(row[:3] for row in payload["points"])]
        blocks.append(section(f"*Most points*\n{_table(rows)}"))
    for name, part in (
        ("Threshold", "threshold"),
        ("What it means for sales", "risks"),
        ("Who is gained and lost", "moved"),
        ("Who feels it", "owners"),
        ("To know", "warnings"),
        ("What to do", "what_to_do"),
    ):
        if payload[part]:
            blocks.append(section(_list(name, payload[part])))
    if answerable and payload["action"] == "ask" and payload.get("version"):
        blocks += decision_row(str(payload["version"]))
    blocks.append(footer(mrkdwn(f"{about}, live now: {payload['champion']}", 200)))
    return message(text=texts, blocks=blocks, key=key)


def _told(payload: Mapping[str, Any]) -> list[str]:
    """The same as sentences that can be read aloud."""
    parts = ("reasons", "threshold", "moved", "owners", "warnings", "what_to_do")
    figures = [f"{name}: {now} now, {then} proposed" for name, now, then in payload["figures"]]
    lines = [*figures, *(text for part in parts for text in payload[part][:_MOST])]
    return [plain(str(line), _SENTENCE) for line in lines]


def _list(name: str, lines: Sequence[str]) -> str:
    shown = [f"• {mrkdwn(str(line), _SENTENCE)}" for line in lines[:_MOST]]
    if len(lines) > _MOST:
        shown.append(f"• and {len(lines) - _MOST} more")
    return f"*{name}*\n" + "\n".join(shown)


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Columns of equal width, as monospaced text; a backtick of theirs would end it."""
    cells = [
        [mrkdwn(str(name), _NAME), *(mrkdwn(str(cell), _NUMBER) for cell in rest)]
        for name, *rest in rows[: 2 * _MOST]
    ]
    width = max(len(row[0]) for row in cells)
    lines = [
        f"{name.ljust(width)}  {'  '.join(cell.rjust(9) for cell in rest)}" for name, *rest in cells
    ]
    return "```" + "\n".join(lines) + "```"
