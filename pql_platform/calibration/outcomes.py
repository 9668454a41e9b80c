"""What became of accounts, as far as it is known at the end: the labels of examples.

Purchases, accounts that go by another name meanwhile, and who has not decided yet. What was known
of an account at an index date is `examples`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb
import pandas as pd

from pql_platform.program.schema import Program
from pql_platform.qualify.tiers import with_eligibility
from pql_platform.warehouse import statements

HOURS_BEFORE = 6
"""A first use so shortly before the purchase, or after it, is part of the purchase."""


@dataclass(frozen=True)
class FirstUses:
    """When accounts first showed a signal, over all of history.

    Attributes:
        accounts: Accounts that ever did.
        converters: Those of them that ever converted.
        with_the_purchase: Those that first did so within `HOURS_BEFORE` of it, or later.
    """

    accounts: int
    converters: int
    with_the_purchase: int


@dataclass(frozen=True)
class Outcomes:
    """What is known at the end.

    Attributes:
        purchases: account_id and converted_at, naive UTC, of every purchase.
        successors: By the id of an account that is no more, the one that took its place.
        population: account_id and first_seen_at of who is in the program's population.
        first_uses: By signal.
    """

    purchases: pd.DataFrame
    successors: Mapping[str, str]
    population: pd.DataFrame
    first_uses: Mapping[str, FirstUses]


def read_outcomes(
    connection: duckdb.DuckDBPyConnection, program: Program, risk: pd.DataFrame
) -> Outcomes:
    """Read outcomes from the models computed as of the end, in the catalog `live`.

    Args:
        connection: The warehouse, inside `as_known_at`.
        program: The program.
        risk: account_id, and member: a user that belonged to it at the time.
    """
    asked = risk[["account_id", "member"]].dropna().drop_duplicates("account_id")
    successors = statements.query(
        connection,
        "calibration_successors",
        accounts=asked["account_id"].tolist(),
        members=asked["member"].tolist(),
    )
    uses = statements.query(
        connection,
        "calibration_first_uses",
        program=program.program,
        event=program.conversion.event,
        hours_before=HOURS_BEFORE,
    )
    subjects = with_eligibility(
        statements.query(connection, "calibration_subjects", program=program.program), program
    )
    purchases = statements.query(
        connection, "calibration_purchases", event=program.conversion.event
    )
    return Outcomes(
        purchases=purchases.astype({"converted_at": "datetime64[us]"}),
        successors=dict(zip(successors["account_id"], successors["successor"], strict=True)),
        population=subjects.loc[subjects["in_population"], ["account_id", "first_seen_at"]],
        first_uses={
            row.signal: FirstUses(
                int(row.accounts), int(row.converters), int(row.with_the_purchase)
            )
            for row in uses.itertuples()
        },
    )


def with_outcomes(risk: pd.DataFrame, outcomes: Outcomes, program: Program) -> pd.DataFrame:
    """Say of each example at risk whether it converted, and after how many days.

    A purchase that became known only after the index date, but had happened before it, takes the
    example away: it was not at risk.

    Args:
        risk: account_id and index_at, with whatever else is known of them.
        outcomes: From `read_outcomes`.
        program: Its motion and horizon.

    Returns:
        The same with `converted` and `lead_days`, ordered by date and account.
    """
    buyer = risk["account_id"].map(outcomes.successors).fillna(risk["account_id"])
    frame = risk.assign(buyer=buyer)
    purchases = outcomes.purchases.rename(columns={"account_id": "buyer"})
    if program.motion != "expansion":
        first = frame["buyer"].map(purchases.groupby("buyer")["converted_at"].min())
        frame = frame[~(first <= frame["index_at"])]
    frame = pd.merge_asof(
        frame.sort_values(["index_at", "account_id"], kind="stable"),
        purchases.sort_values("converted_at", kind="stable"),
        left_on="index_at",
        right_on="converted_at",
        by="buyer",
        direction="forward",
        allow_exact_matches=False,
    )
    lead = (frame["converted_at"] - frame["index_at"]) / pd.Timedelta(days=1)
    converted = lead <= program.conversion.horizon_days
    frame.insert(2, "converted", converted)
    frame.insert(3, "lead_days", lead.where(converted))
    return frame.drop(columns=["buyer", "converted_at"])


def undecided(outcomes: Outcomes, dates: Iterable[datetime]) -> int:
    """Examples of dates whose horizon is not over that have not bought so far: the censored.

    Args:
        outcomes: From `read_outcomes`.
        dates: Aware instants.
    """
    last = outcomes.purchases.groupby("account_id")["converted_at"].max()
    bought = outcomes.population["account_id"].map(last)
    seen = outcomes.population["first_seen_at"]
    moments = [date.astimezone(UTC).replace(tzinfo=None) for date in dates]
    return sum(int(((seen <= moment) & ~(bought > moment)).sum()) for moment in moments)
