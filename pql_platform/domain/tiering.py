"""Which tier a qualified lead gets, and by when somebody must have spoken to it.

The rules come from the program file in order of urgency; whether a lead qualifies at all is decided
in `qualification`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from pql_platform.domain.working_time import WorkingTime


@dataclass(frozen=True)
class TierRule:
    """One tier: what it takes, and how fast it must be answered.

    Attributes:
        tier: 1 is the most urgent.
        score_at_least: Lowest score; None on the last rule, which takes the rest.
        segment: Only leads of this segment; None takes any.
        contact_within: Time to the first contact; None where nobody is asked to make one.
        escalate_to: Who hears of a missed deadline.
        nurture: E-mail sequence instead of a person.
    """

    tier: int
    score_at_least: Decimal | None = None
    segment: str | None = None
    contact_within: timedelta | None = None
    escalate_to: str | None = None
    nurture: str | None = None

    def fits(self, score: Decimal, segment: str | None) -> bool:
        """Whether a lead of this score and segment belongs here."""
        return (self.score_at_least is None or score >= self.score_at_least) and (
            self.segment is None or self.segment == segment
        )

    @property
    def reason(self) -> str:
        """Why a lead is here, in words."""
        if self.score_at_least is None:
            return "below the scores of the more urgent tiers"
        wanted = f"score of at least {self.score_at_least.normalize():f}"
        return f"{self.segment} segment and {wanted}" if self.segment else wanted

    @property
    def contact_within_minutes(self) -> int | None:
        """Working time to the first contact, in minutes; None where nobody is asked to make one."""
        return None if self.contact_within is None else self.contact_within // timedelta(minutes=1)

    def due_at(self, from_moment: datetime, time: WorkingTime) -> datetime | None:
        """The deadline of the first contact in somebody's working time, or None."""
        return time.deadline(from_moment, self.contact_within) if self.contact_within else None

    def remind_at(self, from_moment: datetime, time: WorkingTime) -> datetime | None:
        """When half of the time to the deadline is over, or None."""
        return time.halfway(from_moment, self.contact_within) if self.contact_within else None


def assign_tier(score: Decimal, segment: str | None, rules: Sequence[TierRule]) -> TierRule:
    """Return the first rule that fits.

    Raises:
        ValueError: No rule fits; a program's last tier always does.
    """
    for rule in rules:
        if rule.fits(score, segment):
            return rule
    raise ValueError(f"no tier takes a score of {score} in segment {segment}")
