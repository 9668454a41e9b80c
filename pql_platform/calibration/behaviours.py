"""What the compared accounts did: every event and simple property split, counted by window.

The database counts, one row per account and behaviour; here it is asked, in bounded work, and what
comes back is held as arrays. What the counts say is in `contrasts` and `verdicts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pql_platform.calibration.matched_cohorts import EARLY_DAYS, Cohorts
from pql_platform.warehouse import statements

DAY_MS = 86_400_000
LAST_HOURS = 6
"""What happens within so many hours of the conversion is looked at for leaks: checkout, billing and
plan pages are of the same visit, and a signal that comes so late gives nobody time to call."""

LAST_DAYS = 2
AROUND_DAYS = 30
LEAST_DAYS_AFTER = 7

MOST_EVENTS = 300
MOST_SPLITS = 300
PROPERTIES_PER_EVENT = 3
VALUES_PER_PROPERTY = 5
MOST_VALUES = 20
"""A property with more values is an amount, a name or an id, not a kind."""

LONGEST_VALUE = 60
SAMPLED = 1_000
"""Of the converted and of the others so many accounts are looked through for properties."""

FEWEST_OF_SAMPLE = 10
NEARLY_ALL = 0.95
CROWDED = 0.2
"""Where a fifth of the converted did it in the last hours, all windows end before them."""

NEAR = {"early_ms": EARLY_DAYS * DAY_MS, "around_ms": AROUND_DAYS * DAY_MS}
"""Where properties are looked at: in the first days, and around the index date."""

EARLY_WINDOWS = {"first_3_days": 3, "first_7_days": 7, "first_14_days": EARLY_DAYS}
WINDOWS = ("first_14_days", "before_7_days", "before_14_days", "before_30_days")
COUNTED = (*EARLY_WINDOWS, *WINDOWS[1:], "ever")


@dataclass(frozen=True)
class Behaviour:
    """An event, or only its occurrences with one value of a property."""

    event: str
    property: str | None = None
    value: str | None = None

    def __str__(self) -> str:
        if self.property is None:
            return self.event
        return f"{self.event} ({self.property} = {self.value})"


@dataclass(frozen=True)
class Counts:
    """How often who did what.

    Attributes:
        behaviours: What was counted, numbered by its place.
        account: Number of the account, one entry per account and behaviour that it did.
        behaviour: Number of the behaviour, the same shape.
        times: Window, of `COUNTED`, -> how often, at most 255, the same shape.
        use: Window, of `WINDOWS`, -> how many events of any kind, one entry per account.
        timing: One row per behaviour, in their order: counts of converted accounts by when they
            did it, as seen from their conversion (columns as in `discovery_timing.sql`).
    """

    behaviours: tuple[Behaviour, ...]
    account: NDArray[np.int32]
    behaviour: NDArray[np.int32]
    times: dict[str, NDArray[np.uint8]] = field(repr=False)
    use: dict[str, NDArray[np.int64]] = field(repr=False)
    timing: pd.DataFrame = field(repr=False)


def count_behaviours(
    connection: duckdb.DuckDBPyConnection, cohorts: Cohorts, as_of: datetime
) -> Counts:
    """Count everything that the compared accounts did.

    Args:
        connection: The warehouse; only temporary tables are made, and dropped.
        cohorts: Who is compared.
        as_of: The clock, aware UTC.
    """
    clock = as_of.astimezone(UTC).replace(tzinfo=None)
    with _compared(connection, cohorts):
        statements.run(connection, "discovery_links")
        events = statements.query(connection, "discovery_events", as_of=clock, most=MOST_EVENTS)
        behaviours = [Behaviour(name) for name in events["event"]]
        behaviours += _splits(connection, clock)
        asked = pd.DataFrame(
            {
                "behaviour": np.arange(len(behaviours), dtype=np.int32),
                "event": [item.event for item in behaviours],
                "property": pd.Series([item.property for item in behaviours], dtype="string"),
                "value": pd.Series([item.value for item in behaviours], dtype="string"),
            }
        )
        connection.register("asked", asked)
        statements.run(connection, "discovery_occurrences", as_of=clock)
        statements.run(connection, "discovery_splits", as_of=clock, **NEAR)
        timing = _timing(connection, len(behaviours))
        asked["crowded"] = (timing["in_hours"] >= CROWDED * timing["before_hours"]).to_numpy() & (
            timing["in_hours"] > 0
        ).to_numpy()
        connection.register("asked", asked)
        return _counts(connection, tuple(behaviours), timing, len(cohorts.accounts))


@contextmanager
def _compared(connection: duckdb.DuckDBPyConnection, cohorts: Cohorts) -> Iterator[None]:
    """Let the statements see who is compared; nothing stays behind."""
    accounts = cohorts.accounts
    # The accounts are numbered in the order of their ids, so this is no fair sample of anything
    # but what properties look like.
    place = accounts.groupby("converted").cumcount()
    size = accounts.groupby("converted")["account"].transform("size")
    step = np.maximum(size // SAMPLED, 1)
    connection.register(
        "compared",
        pd.DataFrame(
            {
                "account": accounts["account"],
                "account_id": accounts["account_id"],
                "converted": accounts["converted"],
                "signed_up_ms": _epoch_ms(accounts["signed_up_at"]),
                "index_ms": _epoch_ms(accounts["index_at"]),
                "sampled": place % step == 0,
            }
        ),
    )
    try:
        yield
    finally:
        for table in ("discovery_occurrences", "discovery_links"):
            connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
        for name in ("compared", "asked"):
            connection.unregister(name)


def _splits(connection: duckdb.DuckDBPyConnection, clock: datetime) -> list[Behaviour]:
    """The values of properties that tell the occurrences of an event apart."""
    found = statements.query(
        connection,
        "discovery_properties",
        as_of=clock,
        **NEAR,
        longest=LONGEST_VALUE,
        most_values=MOST_VALUES,
    )
    if found.empty:
        return []
    by_property = found.groupby(["event", "property"])
    found["carried"] = by_property["occurrences"].transform("sum")
    largest = by_property["occurrences"].transform("max")
    found = found[largest < NEARLY_ALL * found["of_event"]]
    properties = (
        found.drop_duplicates(["event", "property"])
        .sort_values(["event", "carried", "property"], ascending=[True, False, True])
        .groupby("event")
        .head(PROPERTIES_PER_EVENT)[["event", "property"]]
    )
    values = (
        found.merge(properties, on=["event", "property"])
        .query("accounts >= @FEWEST_OF_SAMPLE")
        .sort_values(
            ["event", "property", "accounts", "value"], ascending=[True, True, False, True]
        )
        .groupby(["event", "property"])
        .head(VALUES_PER_PROPERTY)
        .sort_values(
            ["accounts", "event", "property", "value"], ascending=[False, True, True, True]
        )
        .head(MOST_SPLITS)
    )
    return [Behaviour(row.event, row.property, row.value) for row in values.itertuples()]


def _timing(connection: duckdb.DuckDBPyConnection, behaviours: int) -> pd.DataFrame:
    found = statements.query(
        connection,
        "discovery_timing",
        hours_ms=LAST_HOURS * DAY_MS // 24,
        days_ms=LAST_DAYS * DAY_MS,
        around_ms=AROUND_DAYS * DAY_MS,
        least_after_ms=LEAST_DAYS_AFTER * DAY_MS,
    )
    return found.set_index("behaviour").reindex(range(behaviours), fill_value=0)


def _counts(
    connection: duckdb.DuckDBPyConnection,
    behaviours: tuple[Behaviour, ...],
    timing: pd.DataFrame,
    accounts: int,
) -> Counts:
    found = statements.query(
        connection, "discovery_counts", day_ms=DAY_MS, hours_ms=LAST_HOURS * DAY_MS // 24
    )
    account = found["account"].to_numpy(dtype=np.int32)
    behaviour = found["behaviour"].to_numpy(dtype=np.int32)
    times = {name: found[name].to_numpy(dtype=np.uint8) for name in COUNTED}
    # Splits count the same events once more.
    whole = np.array([item.property is None for item in behaviours], dtype=bool)[behaviour]
    use = {
        name: np.bincount(account[whole], times[name][whole], accounts).astype(np.int64)
        for name in WINDOWS
    }
    return Counts(behaviours, account, behaviour, times, use, timing)


def _epoch_ms(moments: pd.Series) -> NDArray[np.int64]:
    return moments.to_numpy().astype("datetime64[ms]").astype(np.int64)
