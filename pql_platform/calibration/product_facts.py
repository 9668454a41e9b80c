"""What a product's events and accounts look like before anything was defined.

Asked of the staging models alone, which need no program. What follows from the facts is `proposal`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from pql_platform.calibration.event_naming import buying_likeness
from pql_platform.warehouse import statements

RAREST, COMMONEST = 5, 0.4
"""A purchase is made by some accounts and not by most: with fewer than five nothing can be said."""

ONCE = 0.5
"""Half of the buyers at least buy once; what most do again and again is use, or a renewal."""

MOST_PLANS = 8


@dataclass(frozen=True)
class EventFacts:
    """One event.

    Attributes:
        event: Its name.
        occurrences: How often it happened.
        accounts: Accounts in which it did.
        accounts_once: Those of them in which it did just once.
        likeness: How much its name sounds like a purchase, 0 to 2.
    """

    event: str
    occurrences: int
    accounts: int
    accounts_once: int
    likeness: int

    @property
    def once_share(self) -> float:
        """Share of its accounts in which it happened just once, 0 to 1."""
        return self.accounts_once / max(self.accounts, 1)


@dataclass(frozen=True)
class ProductFacts:
    """What there is.

    Attributes:
        accounts: How many accounts.
        users: How many identified users.
        employees_known: Accounts of which the head count is known.
        country_known: Accounts of which the country is known.
        plans: Names of the plans, some of them.
        events: The product events, those of the most accounts first.
    """

    accounts: int
    users: int
    employees_known: int
    country_known: int
    plans: tuple[str, ...]
    events: tuple[EventFacts, ...]

    @property
    def knows_size(self) -> bool:
        """Whether enough head counts are known to divide accounts by them: a third."""
        return 3 * self.employees_known >= self.accounts > 0


def read_facts(connection: duckdb.DuckDBPyConnection) -> ProductFacts:
    """Read the facts from the staging models that unqualified names mean (`live_schemas`)."""
    events = statements.query(connection, "product_events")
    [row] = statements.query(connection, "product_facts").to_dict("records")
    plans = [plan for plan in row["plans"] if isinstance(plan, str)]
    return ProductFacts(
        accounts=int(row["accounts"]),
        users=int(row["users"] or 0),
        employees_known=int(row["employees_known"]),
        country_known=int(row["country_known"]),
        plans=tuple(sorted(plans)[:MOST_PLANS]),
        events=tuple(
            EventFacts(
                event=found.event,
                occurrences=int(found.occurrences),
                accounts=int(found.accounts),
                accounts_once=int(found.accounts_once),
                likeness=buying_likeness(found.event),
            )
            for found in events.itertuples()
        ),
    )


def conversion_candidates(facts: ProductFacts) -> Sequence[EventFacts]:
    """Events that may be the purchase, the likeliest first.

    Rare, mostly once per account, and with a name that sounds like one; names count most, since a
    rare event that happens once may be anything.
    """
    possible = [
        event
        for event in facts.events
        if event.likeness
        or (
            event.once_share >= ONCE
            and RAREST <= event.accounts <= COMMONEST * facts.accounts
            and not event.event.startswith("page:")
        )
    ]
    return sorted(
        possible,
        key=lambda event: (
            event.accounts < RAREST or event.accounts > COMMONEST * facts.accounts,
            -event.likeness,
            -event.once_share,
            -event.accounts,
            event.event,
        ),
    )
