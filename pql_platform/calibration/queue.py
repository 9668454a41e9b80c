"""What a threshold asks of sales: how many leads arrive, and how many would wait too long.

Crossings are counted between index dates and played through a queue with the capacity and the
deadlines of the program. A model of the desk, not of the product: which threshold is taken is
`thresholds`, and what really was late is measured on hand-offs.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pandas as pd

from pql_platform.domain.tiering import assign_tier
from pql_platform.program.schema import Program
from pql_platform.qualify.tiers import tier_rules

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

WORKING_HOURS = 8.0
"""Of a working day; a deadline of a day or more is so many working days."""

SIMULATED_DAYS = (20, 250)
SIMULATED_LEADS = 20_000
"""A working year, or as much of it as so many leads take."""

BELOW_EVERY_SCORE = -1.0


@dataclass(frozen=True)
class Crossings:
    """Accounts whose score rose between two index dates, and over how many working days.

    Who rises and falls between two dates is not seen, so leads per day are a lower bound.

    Attributes:
        before: Score at the earlier date; below every score for who could not qualify then.
        after: Score at the later one; only of who can qualify.
        tier: The tier that the later score has.
        allowed_hours: Working hours until the first contact; NaN where nobody makes one.
        working_days: Days on which they arrived, Monday to Friday.
    """

    before: Floats
    after: Floats
    tier: npt.NDArray[np.int64]
    allowed_hours: Floats
    working_days: int

    def over(self, threshold: float | Decimal) -> Flags:
        """Which of them cross a threshold."""
        return (self.before < float(threshold)) & (self.after >= float(threshold))

    def per_day(self, threshold: float | Decimal, *, contacts: bool = False) -> float:
        """Leads of a working day at a threshold; those that somebody contacts, if so asked."""
        over = self.over(threshold)
        if contacts:
            over &= ~np.isnan(self.allowed_hours)
        return float(over.sum()) / max(self.working_days, 1)


@dataclass(frozen=True)
class QueueRisk:
    """What one threshold would mean for sales.

    Attributes:
        threshold: The score that qualifies.
        leads_per_day: Leads of a working day.
        contacts_per_day: Those of them that somebody must contact.
        load: Contacts per day over capacity; above 1 the queue grows without end.
        share_late: Share of the contacts that would come after their deadline, 0 to 1.
    """

    threshold: float
    leads_per_day: float
    contacts_per_day: float
    load: float
    share_late: float


def crossings_of(
    frame: pd.DataFrame, scores: Floats, eligible: Flags, program: Program
) -> Crossings:
    """Find who rose between neighbouring index dates.

    Args:
        frame: `Examples.frame`: account_id, index_at and segment.
        scores: Of each row.
        eligible: Whether each row may qualify.
        program: Its tiers.
    """
    dates = np.unique(frame["index_at"].to_numpy("datetime64[us]"))
    judged = pd.DataFrame(
        {
            "account_id": frame["account_id"].to_numpy(),
            "date": np.searchsorted(dates, frame["index_at"].to_numpy("datetime64[us]")),
            "segment": frame["segment"].to_numpy(),
            "score": np.where(eligible, scores, BELOW_EVERY_SCORE),
        }
    ).sort_values(["account_id", "date"], kind="stable")
    by_account = judged.groupby("account_id", sort=False)
    known = by_account["date"].shift() == judged["date"] - 1
    before = by_account["score"].shift().where(known, BELOW_EVERY_SCORE)
    # On the first date nobody knows who had crossed before.
    rose = (judged["date"] > 0) & (judged["score"] > before)
    tier, allowed = _tiers(judged[rose], program)
    return Crossings(
        before=before[rose].to_numpy(np.float64),
        after=judged.loc[rose, "score"].to_numpy(np.float64),
        tier=tier,
        allowed_hours=allowed,
        working_days=int(np.busday_count(dates[0].astype("M8[D]"), dates[-1].astype("M8[D]"))),
    )


def queue_risks(
    crossings: Crossings, thresholds: Sequence[Decimal], program: Program, *, seed: int = 0
) -> tuple[QueueRisk, ...]:
    """Play the crossings of each threshold through the desk of sales.

    Leads arrive at random in working hours, are taken by urgency and then in order of arrival, and
    take the time that the capacity leaves each. The same random numbers serve every threshold.

    Args:
        crossings: From `crossings_of`.
        thresholds: Any scores.
        program: Its capacity.
        seed: Makes the play repeatable.
    """
    capacity = program.threshold.capacity_per_day
    asked = ~np.isnan(crossings.allowed_hours)
    rate = float(asked.sum()) / max(crossings.working_days, 1)
    days = int(np.clip(SIMULATED_LEADS / max(rate, 1e-9), *SIMULATED_DAYS))
    rng = np.random.default_rng(seed)
    count = rng.poisson(rate * days)
    drawn = rng.choice(np.flatnonzero(asked), count) if asked.any() else np.empty(0, dtype=np.intp)
    arrival = np.sort(rng.uniform(0, days * WORKING_HOURS, len(drawn)))
    found = []
    for threshold in thresholds:
        inside = crossings.over(threshold)[drawn]
        who = drawn[inside]
        waits = waiting_hours(arrival[inside], crossings.tier[who], WORKING_HOURS / capacity)
        late = waits > crossings.allowed_hours[who]
        contacts = crossings.per_day(threshold, contacts=True)
        found.append(
            QueueRisk(
                threshold=float(threshold),
                leads_per_day=crossings.per_day(threshold),
                contacts_per_day=contacts,
                load=contacts / capacity,
                share_late=float(late.mean()) if len(late) else 0.0,
            )
        )
    return tuple(found)


def waiting_hours(arrival: Floats, urgency: npt.NDArray[np.int64], service: float) -> Floats:
    """How long each lead waits at one desk: the most urgent first, then the longest there.

    Args:
        arrival: Working hours since the beginning, ascending.
        urgency: Lower goes first; who is being served is not interrupted.
        service: Hours that each takes.
    """
    waits = np.zeros(len(arrival))
    waiting: list[tuple[int, int]] = []
    clock, coming = 0.0, 0
    order, moments = urgency.tolist(), arrival.tolist()
    for _ in moments:
        if not waiting:
            clock = max(clock, moments[coming])
        while coming < len(moments) and moments[coming] <= clock:
            heapq.heappush(waiting, (order[coming], coming))
            coming += 1
        _, served = heapq.heappop(waiting)
        waits[served] = clock - moments[served]
        clock += service
    return waits


def _tiers(rose: pd.DataFrame, program: Program) -> tuple[npt.NDArray[np.int64], Floats]:
    """Tier and allowed working hours of each lead, by its score and segment."""
    rules = tier_rules(program)
    pairs = rose[["score", "segment"]].drop_duplicates()
    found = [assign_tier(Decimal(row.score), row.segment, rules) for row in pairs.itertuples()]
    told = pairs.assign(
        tier=[rule.tier for rule in found],
        allowed=[_working_hours(rule.contact_within) for rule in found],
    )
    merged = rose[["score", "segment"]].merge(told, how="left", on=["score", "segment"])
    return merged["tier"].to_numpy(np.int64), merged["allowed"].to_numpy(np.float64)


def _working_hours(within: timedelta | None) -> float:
    if within is None:
        return float("nan")
    rest = timedelta(seconds=within.seconds) / timedelta(hours=1)
    return within.days * WORKING_HOURS + min(rest, WORKING_HOURS)
