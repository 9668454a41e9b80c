"""The message to whoever is on duty: what happened, what it means, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pql_platform.adapters.slack_layout import (
    SlackMessage,
    header,
    link_buttons,
    message,
    section,
)
from pql_platform.adapters.slack_text import lines, mrkdwn, plain, safe_url

_RUNBOOK = 240
_UNTITLED = "(no readable title)"


def oncall_message(payload: Mapping[str, Any], key: str | None = None) -> SlackMessage:
    """The message to whoever is on duty.

    Args:
        payload: `title`, `body` (several lines allowed), `severity`, and optionally `link` (https)
            and `runbook` (https, or a path in the repository).
        key: Idempotency key for the metadata; the title without one.

    Raises:
        KeyError: `title`, `body` or `severity` is missing.
    """
    title = plain(str(payload["title"]), 110) or _UNTITLED
    severity = plain(str(payload["severity"]), 24).upper()
    body = lines(str(payload["body"]), 2_400) or "No details."
    runbook = str(payload.get("runbook") or "")
    links = {"See details": safe_url(payload.get("link")), "Runbook": safe_url(runbook)}
    told = [f"{severity}: {title}.", body]
    blocks = [header(f"{severity} · {title}"), section(body)]
    if runbook and not links["Runbook"]:
        told.append(f"Runbook: {plain(runbook, _RUNBOOK)}")
        blocks.append(section(f"Runbook: {mrkdwn(runbook, _RUNBOOK)}"))
    return message(
        text=[*told, *[f"{label}: {url}" for label, url in links.items() if url]],
        blocks=[*blocks, *link_buttons(links)],
        key=key or str(payload["title"]),
    )
