"""What a pilot proves: do the leads that were handed over buy more often than those that were not?

The sample of a pilot is drawn by a hash of the account, so those outside it are a control group:
the same crossings, recorded, and nobody was told. The gate before `live` compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from pql_platform.calibration.proportions import lift_of
from pql_platform.handoff.suppression import OUTSIDE_SAMPLE
from pql_platform.ledger.states import DELIVERED, SUPPRESSED
from pql_platform.ledger.tables import handoffs
from pql_platform.program.schema import Program

FEWEST_LEADS = 10
"""Leads of each group whose horizon is over before the two are compared at all."""


@dataclass(frozen=True)
class PilotResult:
    """How both groups of a pilot did; only leads whose horizon is over.

    Attributes:
        handed_over: Accounts that reps were told of; `handed_over_bought` of them bought in time.
        held_back: Accounts that nobody was told of; `held_back_bought` of them bought in time.
        open: Leads of both whose horizon is not over yet.
        lift: How many times as often the first bought, with its 95 % limits; None while too few.
    """

    handed_over: int
    handed_over_bought: int
    held_back: int
    held_back_bought: int
    open: int
    lift: tuple[float, float, float] | None

    @property
    def obstacle(self) -> str | None:
        """Why the program may not go live on this; None when it may."""
        if self.lift is None:
            return (
                f"{self.handed_over} leads handed over and {self.held_back} held back have had "
                f"their horizon; {FEWEST_LEADS} of each are needed ({self.open} are still open)"
            )
        if self.lift[0] < 1:
            return (
                f"leads that were handed over bought {self.lift[0]:.2f} times as often as those "
                "that were not: selling to them did not help"
            )
        return None


def pilot_result(
    conn: Connection,
    program: Program,
    conversions: Mapping[str, datetime],
    since: datetime,
    now: datetime,
) -> PilotResult:
    """Compare the two groups of a pilot.

    Args:
        conn: The ledger.
        program: The program.
        conversions: When each account first bought, UTC.
        since: When the pilot began.
        now: The moment.
    """
    horizon = timedelta(days=program.conversion.horizon_days)
    query = select(handoffs.c.account_id, handoffs.c.state, handoffs.c.crossed_at).where(
        handoffs.c.program == program.program,
        handoffs.c.opened_at >= since,
        handoffs.c.account_id.is_not(None),
        (handoffs.c.state == DELIVERED)
        | ((handoffs.c.state == SUPPRESSED) & (handoffs.c.reason == OUTSIDE_SAMPLE)),
    )
    counts = {(group, what): 0 for group in (True, False) for what in ("leads", "bought")}
    still_open = 0
    # One lead per account: its users and itself buy together.
    first: dict[str, tuple[bool, datetime]] = {}
    for account, state, crossed_at in conn.execute(query.order_by(handoffs.c.crossed_at)):
        first.setdefault(account, (state == DELIVERED, crossed_at))
    for account, (told, crossed_at) in first.items():
        # Not those either who bought already: of their peers only the buyers would count so early.
        if now < crossed_at + horizon:
            still_open += 1
            continue
        bought_at = conversions.get(account)
        counts[told, "leads"] += 1
        counts[told, "bought"] += (
            bought_at is not None and crossed_at <= bought_at <= crossed_at + horizon
        )
    return PilotResult(
        handed_over=counts[True, "leads"],
        handed_over_bought=counts[True, "bought"],
        held_back=counts[False, "leads"],
        held_back_bought=counts[False, "bought"],
        open=still_open,
        lift=_lift(counts),
    )


def _lift(counts: Mapping[tuple[bool, str], int]) -> tuple[float, float, float] | None:
    told, untold = counts[True, "leads"], counts[False, "leads"]
    if min(told, untold) < FEWEST_LEADS:
        return None
    lift = lift_of(counts[True, "bought"], told, counts[False, "bought"], untold)
    return float(lift.ratio), float(lift.low), float(lift.high)
