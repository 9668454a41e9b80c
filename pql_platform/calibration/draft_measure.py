"""What a draft would do with some points, a share and a capacity: leads, tiers, the load of sales.

Fills the last figures of a draft in, each with the sentence that says where it comes from. What is
wished is asked by the command; what the warehouse says is `draft_evidence`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Decimal

import pandas as pd

from pql_platform.calibration import proposal
from pql_platform.calibration.draft import TOP_SHARE, Draft, Figure
from pql_platform.calibration.draft_evidence import DraftEvidence, Learned, threshold_choice
from pql_platform.calibration.thresholds import ThresholdChoice
from pql_platform.domain.grammar import counted

LATE = 0.1
"""Of the contacts: a capacity is proposed at which no more of them miss their deadline."""

WORKING_DAYS = 20
"""Of a month, in which those who qualify today are worked off where nothing better is known."""

NO_AHA = "has not reached the aha moment"
"""The reason of `qualify.tiers.with_eligibility`."""

NO_LIMIT = 1_000_000
"""The largest capacity that a program file takes."""


@dataclass(frozen=True)
class Outcome:
    """A draft, and what it would do.

    Attributes:
        draft: The draft, its figures filled in.
        choice: The threshold.
        population: Accounts that are judged.
        over: Those of them that score enough.
        kept_out: Those of these that have not reached the aha moment.
        qualified: Those that are leads.
    """

    draft: Draft
    choice: ThresholdChoice
    population: int
    over: int
    kept_out: int
    qualified: int

    @property
    def gate_is_tight(self) -> bool:
        """Whether the aha moment keeps out more than half of those who score enough."""
        return 2 * self.kept_out > self.over


@dataclass(frozen=True)
class Wish:
    """What step 4 is asked for: a share, a capacity (None: as many as come), points of the data."""

    top_share: Decimal = TOP_SHARE
    capacity: int | None = None
    fitted: bool = True


def measure(evidence: DraftEvidence, draft: Draft, learned: Learned, wish: Wish) -> Outcome:
    """What the draft would do with these points, this share and this capacity."""
    draft = _with_points(draft, learned, fitted=wish.fitted)
    draft = replace(draft, threshold=Figure((wish.top_share, wish.capacity or NO_LIMIT), ""))
    accounts = evidence.judged(draft.program())
    choice = threshold_choice(draft.program(), accounts, learned.examples)
    scores = accounts["score"].astype("float64")
    over = scores[scores >= float(choice.enter)].tolist()
    draft = replace(draft, tiers=proposal.tier_scores(over, choice.enter))
    if wish.capacity is not None:
        # Who must be contacted depends on the tiers.
        choice = threshold_choice(draft.program(), accounts, learned.examples)
        return _outcome(draft, choice, accounts, wish)
    capacity = max(1, math.ceil(_leads_per_day(choice, len(over))))
    while True:
        draft = replace(draft, threshold=Figure((wish.top_share, capacity), ""))
        choice = threshold_choice(draft.program(), accounts, learned.examples)
        if _share_late(choice) <= LATE or capacity >= NO_LIMIT:
            return _outcome(draft, choice, accounts, wish)
        capacity += max(1, capacity // 5)


def _with_points(draft: Draft, learned: Learned, *, fitted: bool) -> Draft:
    table = learned.table if fitted else None
    if table is None or learned.examples is None:
        why = learned.why_not or "The data proposes others; these were chosen."
        return replace(draft, weights=proposal.default_weights(draft.signals, why), points={})
    found = learned.examples
    notes = [*table.notes, *(f"{name}: {why}." for name, why in table.dropped.items())]
    said = (
        f"Fitted to {found.accounts:,} accounts at {counted(len(found.index_dates), 'past date')}, "
        f"as they were known then; {found.converters:,} of them bought. {' '.join(notes)}"
    )
    return replace(draft, weights=Figure(table.weights, said.strip()), points=table.points)


def _leads_per_day(choice: ThresholdChoice, over: int) -> float:
    """Accounts that cross the threshold on a working day."""
    here = [risk.leads_per_day for risk in choice.risks if risk.threshold == float(choice.enter)]
    return here[0] if here else over / WORKING_DAYS


def _share_late(choice: ThresholdChoice) -> float:
    """Share of contacts after their deadline at the threshold, 0 to 1; 0 where nobody knows."""
    here = [risk.share_late for risk in choice.risks if risk.threshold == float(choice.enter)]
    return here[0] if here else 0.0


def _outcome(draft: Draft, choice: ThresholdChoice, accounts: pd.DataFrame, wish: Wish) -> Outcome:
    share, capacity = draft.threshold.value
    is_over = accounts["score"] >= float(choice.enter)
    qualified = int((accounts["eligible"] & is_over).sum())
    said = [choice.reason]
    if choice.decided_by == "capacity":
        # The share that fits is written down, since the file's threshold is drawn by a share.
        share = max(Decimal(f"{choice.pql_share:.3f}"), Decimal("0.001"))
        said.append(f"So top_share is {share:.1%}, not the {wish.top_share:.0%} asked for.")
    said.append(f"Today {qualified:,} of {len(accounts):,} accounts would be leads.")
    if choice.risks:
        said.append(
            f"Past dates show {_leads_per_day(choice, 0):.1f} new ones on a working day at least; "
            f"with {counted(capacity, 'contact')} a day {_share_late(choice):.0%} would be late."
        )
    if wish.capacity is None:
        said.append("Put in capacity_per_day what sales can answer.")
    return Outcome(
        draft=replace(draft, threshold=Figure((share, capacity), " ".join(said))),
        choice=choice,
        population=len(accounts),
        over=int(is_over.sum()),
        kept_out=int((is_over & (accounts["reason"] == NO_AHA)).sum()),
        qualified=qualified,
    )
