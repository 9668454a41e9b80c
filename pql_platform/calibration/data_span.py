"""From when to when there is data to ask: the instants that a draft or a difference is judged at.

Looks at raw tables only, so that it can be asked before anything was deployed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

from pql_platform.errors import PqlError
from pql_platform.settings import Settings
from pql_platform.warehouse import statements
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.loading import prepare_raw


@dataclass(frozen=True)
class DataSpan:
    """What there is.

    Attributes:
        events: Messages, of whatever type.
        first_at: When the first one happened, aware UTC.
        last_at: When the last one became known.
        clock: The instant of the last pass; None when there was none.
    """

    events: int
    first_at: datetime
    last_at: datetime
    clock: datetime | None


def data_span(settings: Settings) -> DataSpan | None:
    """Return what the warehouse holds; None without a warehouse or without events."""
    if not settings.warehouse.exists():
        return None
    with open_warehouse(settings, checkpoint=False) as connection:
        prepare_raw(connection)
        [row] = statements.query(connection, "data_span").to_dict("records")
    if not row["events"]:
        return None
    clock = None if pd.isna(row["clock"]) else _aware(row["clock"])
    return DataSpan(int(row["events"]), _aware(row["first_at"]), _aware(row["last_at"]), clock)


def require_data(settings: Settings) -> DataSpan:
    """Return what the warehouse holds.

    Raises:
        PqlError: It holds no events.
    """
    span = data_span(settings)
    if span is None:
        raise PqlError("There are no events yet", hint="Load some with `pql ingest FILE`")
    return span


def _aware(moment: pd.Timestamp) -> datetime:
    return moment.to_pydatetime(warn=False).replace(tzinfo=UTC)
