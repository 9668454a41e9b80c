"""Is a question about the present or the past, and is there anything to say about that time."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from pql_platform.errors import PqlError
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_serving


def last_pass(settings: Settings) -> datetime:
    """Return the clock of the last published pass.

    Raises:
        PqlError: Nothing was published yet.
    """
    with open_serving(settings) as connection:
        row = connection.execute("SELECT as_of FROM raw.clock").fetchone()
    if row is None:
        raise PqlError("There are no scores yet", hint="Run `pql run`")
    as_of: datetime = row[0]
    return as_of.replace(tzinfo=UTC)


def is_present(settings: Settings, as_of: datetime) -> bool:
    """Whether the published copy answers a question about this instant."""
    return as_of == last_pass(settings)


def require_accounts(rows: Collection[Any], as_of: datetime) -> None:
    """Refuse a time before the first event.

    Raises:
        PqlError: Nothing was known at that time.
    """
    if not rows:
        raise PqlError(
            f"Nothing had been received by {as_of.isoformat()}",
            field="as_of",
            hint="Ask for a later time",
        )
