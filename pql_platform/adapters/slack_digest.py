"""The one message that names the leads that a new model version made, in the place of many alerts.

Lays out what `handoff/by_model.py` gathers, within Slack's limits whatever the names are. Single
blocks are `slack_layout.py`, alerts `slack_blocks.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pql_platform.adapters.slack_layout import SlackMessage, footer, header, message, section
from pql_platform.adapters.slack_text import mrkdwn, plain
from pql_platform.domain.delivery import Rejected

MOST_NAMED = 60
"""Leads that are named in the message; the best come first, and the rest is counted."""

_TO_A_SECTION = 15
# Longest foreign pieces. A section of fifteen such lines stays below Slack's 3,000 characters, and
# the whole message below its 13,200 (measured in bolt-js issue 2509).
_NAME, _FACT, _SENTENCE = 80, 60, 300

_NEEDED = ("title", "version", "before", "by", "why", "leads")


def digest_message(payload: Mapping[str, Any], key: str) -> SlackMessage:
    """The digest of the leads by a new version alone.

    Args:
        payload: What `digest_of` in `handoff/by_model.py` returns.
        key: Idempotency key for the metadata.

    Raises:
        Rejected: Something is missing.
    """
    if missing := [name for name in _NEEDED if name not in payload]:
        raise Rejected(f"this digest lacks {', '.join(missing)}")
    leads: Sequence[Mapping[str, Any]] = payload["leads"]
    named = leads[:MOST_NAMED]
    more = len(leads) - len(named)
    rest = [f"and {more:,} more"] if more else []
    shown = [f"• {_line(lead, mrkdwn)}" for lead in named] + [f"• {text}" for text in rest]
    return message(
        text=[
            f"{plain(str(payload['title']), 110)}.",
            _what_happened(payload, plain),
            *[f"{_line(lead, plain)};" for lead in named],
            *rest,
            _WHAT_TO_DO,
        ],
        blocks=[
            header(plain(str(payload["title"]), 110)),
            section(_what_happened(payload, mrkdwn)),
            *[
                section("\n".join(shown[first : first + _TO_A_SECTION]))
                for first in range(0, len(shown), _TO_A_SECTION)
            ],
            footer(_WHAT_TO_DO),
        ],
        key=key,
    )


_WHAT_TO_DO = (
    "Nobody was alerted about these one by one. They are in `pql handoffs` as SUPPRESSED; "
    "`pql rollback` takes the version back."
)


def _what_happened(payload: Mapping[str, Any], safe: Any) -> str:
    version, before = (safe(str(payload[name]), _FACT) for name in ("version", "before"))
    by, why = safe(str(payload["by"]), _FACT), safe(str(payload["why"]), _SENTENCE)
    return (
        f"{version} judges in the place of {before} (made live by {by}: {why}). By it these are "
        f"leads now, and by {before} they would not be. They did nothing new."
    )


def _line(lead: Mapping[str, Any], safe: Any) -> str:
    name = safe(str(lead.get("name") or lead.get("id") or ""), _NAME) or "(no readable name)"
    owner = safe(str(lead.get("owner") or "nobody"), _FACT)
    score, line = (safe(str(lead.get(key)), 8) for key in ("score", "threshold"))
    return f"{name}: score {score}, the line is at {line}, owner {owner}"
