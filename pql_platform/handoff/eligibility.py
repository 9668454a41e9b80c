"""Is a lead still one at the moment of sending: it may have bought since its crossing.

Asked by the outbox before each send; reads the published copy, so it waits for nobody. A pass sends
before it publishes, so the copy may be older than the crossing: then it knows nothing newer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pql_platform.ledger.claims import OutboxRow
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_serving

Subject = tuple[str | None, str | None, str | None]
"""Program, level and id."""


@dataclass(frozen=True)
class _Published:
    """Who could not be a lead, and why, as of when."""

    reasons: Mapping[Subject, tuple[str, datetime]]

    def why_not(self, row: OutboxRow) -> str | None:
        found = self.reasons.get((row.program, row.level, row.subject_id))
        if found is None:
            return None
        reason, as_of = found
        return reason if row.opened_at is None or as_of >= row.opened_at else None


def eligibility_at_send(settings: Settings) -> Callable[[OutboxRow], str | None]:
    """Return a function that says why a message must not go out any more, or None.

    The published tiers are read at the first question only: most drains have nothing to send.
    """
    published: _Published | None = None

    def why_not(row: OutboxRow) -> str | None:
        nonlocal published
        if published is None:
            published = _Published(_ineligible(settings))
        return published.why_not(row)

    return why_not


def _ineligible(settings: Settings) -> dict[Subject, tuple[str, datetime]]:
    if not settings.serving.exists():
        return {}
    with open_serving(settings) as connection:
        rows = connection.execute(
            "SELECT program, level, subject_id, reason, as_of FROM pql.tiers WHERE NOT eligible"
        ).fetchall()
    return {
        (program, level, subject): (reason, as_of.replace(tzinfo=UTC))
        for program, level, subject, reason, as_of in rows
    }
