"""One message in the place of many alerts: leads by a new version alone, and leads of a storm.

Lays out what `handoff/by_model.py` and `handoff/storms.py` gather, within Slack's limits whatever
the names are. Single blocks are `slack_layout.py`, alerts `slack_blocks.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pql_platform.adapters.slack_layout import SlackMessage, footer, header, message, section
from pql_platform.adapters.slack_text import mrkdwn, plain
from pql_platform.adapters.slack_thread import mention
from pql_platform.domain.delivery import Rejected

MOST_NAMED = 60
"""Leads that are named in the message; the best come first, and the rest is counted."""

_TO_A_SECTION = 15
# Longest foreign pieces. A section of fifteen such lines stays below Slack's 3,000 characters, and
# the whole message below its 13,200 (measured in bolt-js issue 2509). Lines of a storm hold a
# mention and a deadline too, so the names in them are shorter.
_NAME, _FACT, _SENTENCE = 80, 60, 300
_STORM_NAME, _STORM_OWNER = 60, 30

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


def storm_message(payload: Mapping[str, Any], key: str) -> SlackMessage:
    """The message that lists leads which crossed at once, in the place of an alert each.

    Args:
        payload: What `write_storm` in `handoff/storms.py` writes.
        key: Idempotency key for the metadata.

    Raises:
        Rejected: Something is missing, or it lists more than a message holds.
    """
    if missing := [name for name in ("title", "program", "leads") if name not in payload]:
        raise Rejected(f"this digest lacks {', '.join(missing)}")
    leads: Sequence[Mapping[str, Any]] = payload["leads"]
    if len(leads) > MOST_NAMED:
        raise Rejected(f"this digest lists {len(leads)} leads, more than {MOST_NAMED}")
    title = f"{plain(str(payload['title']), 100)} ({plain(str(payload['program']), 40)})"
    shown = [f"• {_urgent_line(lead, mrkdwn)}" for lead in leads]
    return message(
        text=[f"{title}.", *[f"{_urgent_line(lead, plain)};" for lead in leads], _STORM],
        blocks=[
            header(title),
            section(_STORM),
            *[
                section("\n".join(shown[first : first + _TO_A_SECTION]))
                for first in range(0, len(shown), _TO_A_SECTION)
            ],
        ],
        key=key,
    )


_STORM = (
    "More leads crossed than an alert each would let anybody read. Each has its task and its "
    "deadline in the CRM, and its story in `pql handoffs`; the most urgent come first."
)


def _urgent_line(lead: Mapping[str, Any], safe: Any) -> str:
    told = str(lead.get("name") or lead.get("account") or "")
    name = safe(told, _STORM_NAME) or "(no readable name)"
    owner = mention(str(lead.get("owner") or "nobody"), lead.get("owner_slack"), safe, _STORM_OWNER)
    score, tier = safe(str(lead.get("score")), 8), safe(str(lead.get("tier")), 4)
    due = f", due {safe(str(lead['due_at'])[:16], 20)} UTC" if lead.get("due_at") else ""
    return f"{name}: tier {tier}, score {score}, owner {owner}{due}"


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
