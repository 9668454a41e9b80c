"""Is a lead still one at the moment of sending: it may have bought since its crossing.

Asked by the outbox before each send; reads the published copy, so it waits for nobody.
"""

from __future__ import annotations

from collections.abc import Callable

from pql_platform.ledger.claims import OutboxRow
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_serving


def eligibility_at_send(settings: Settings) -> Callable[[OutboxRow], str | None]:
    """Return a function that says why a message must not go out any more, or None.

    The published tiers are read at the first question only: most drains have nothing to send.
    """
    reasons: dict[tuple[str | None, str | None, str | None], str] | None = None

    def why_not(row: OutboxRow) -> str | None:
        nonlocal reasons
        if reasons is None:
            reasons = _ineligible(settings)
        return reasons.get((row.program, row.level, row.subject_id))

    return why_not


def _ineligible(settings: Settings) -> dict[tuple[str | None, str | None, str | None], str]:
    if not settings.serving.exists():
        return {}
    with open_serving(settings) as connection:
        rows = connection.execute(
            "SELECT program, level, subject_id, reason FROM pql.tiers WHERE NOT eligible"
        ).fetchall()
    return {(program, level, subject): reason for program, level, subject, reason in rows}
