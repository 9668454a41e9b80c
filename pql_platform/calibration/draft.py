"""A starter program before it is a file: what it says, and where each figure comes from.

Plain values with their evidence; which values are proposed is `proposal`, how they are written down
`draft_text`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from pql_platform.errors import PqlError
from pql_platform.program.lint import refusals
from pql_platform.program.schema import Program
from pql_platform.program.signals import CATEGORIES, Category
from pql_platform.program.source import field_name

OWNERS: Mapping[str, str] = {"process": "growth@", "signals": "product@", "response": "sales@"}
LEAD_OWNER = "inside-sales"
SEQUENCE = "first-steps"
"""The e-mail sequence of those whom nobody calls."""

PLAYBOOKS: Mapping[str, str] = {
    "user": "product_specialist",
    "account": "ae_call",
    "tier3": "nurture",
}
"""Items 117 and 118: a person gets a specialist, a team an account executive."""

CONTACT_WITHIN = ("2h", "24h")
"""Items 104 to 106: two hours for the best, a day for the middle, no call for the rest."""

TIER_SCORES = (80, 65)
"""Where nobody qualifies yet whose scores could be divided."""

HORIZON_DAYS = 30
HALF_LIFE_DAYS = 7
TOP_SHARE = Decimal("0.12")


@dataclass(frozen=True)
class DraftSignal:
    """A signal, and why it is one.

    Attributes:
        keys: As a program file writes it, without its name and category.
        name: Its name.
        category: Its category.
        because: Why it is of this category.
        evidence: Where its figures come from.
        forced: Why it is here although it was refused; None for all others.
    """

    keys: Mapping[str, Any]
    name: str
    category: Category
    because: str
    evidence: str
    forced: str | None = None

    @property
    def event(self) -> str | None:
        """The event that it counts; None for any meaningful activity."""
        event = self.keys.get("event")
        return str(event) if event is not None else None


@dataclass(frozen=True)
class Figure:
    """A part of a program with the sentence that says where it comes from."""

    value: Any
    evidence: str


@dataclass(frozen=True)
class Draft:
    """A starter program, complete at every moment.

    Attributes:
        name: Its name.
        source: What it was drawn on, in a sentence.
        as_of: The instant of all figures.
        accounts_from: How users become accounts.
        conversion: The event that is predicted.
        aha: The aha moment as a program file writes it; None when none was found.
        value_metric: The core offering.
        core_events: What makes a session count.
        signals: The signals.
        weights: Points per category.
        points: Most points per signal; empty for equal parts.
        threshold: `top_share` and `capacity_per_day`.
        tiers: Lowest score of the first two tiers.
        tiers_by_size: Whether the first tier is for enterprises only.
        lead_owner: Who gets the leads.
        remarks: What whoever reads it should know, in sentences.
    """

    name: str
    source: str
    as_of: datetime
    accounts_from: tuple[str, ...]
    conversion: Figure
    aha: Figure
    value_metric: str
    core_events: tuple[str, ...]
    signals: tuple[DraftSignal, ...]
    weights: Figure
    points: Mapping[str, Decimal]
    threshold: Figure
    tiers: Figure
    tiers_by_size: bool
    lead_owner: Figure
    remarks: tuple[str, ...] = ()
    owners: Mapping[str, str] = field(default_factory=lambda: dict(OWNERS))

    def document(self) -> dict[str, Any]:
        """The program as a file says it, in the order in which it is read."""
        first, second = self.tiers.value
        enterprise = {"segment": "enterprise"} if self.tiers_by_size else {}
        document: dict[str, Any] = {
            "program": self.name,
            "motion": "new_business",
            "owners": dict(self.owners),
            "conversion": {"event": self.conversion.value, "horizon_days": HORIZON_DAYS},
            "value_metric": self.value_metric,
            "accounts": {"from": list(self.accounts_from)},
            "aha": self.aha.value,
            "core_events": list(self.core_events),
            "signals": [
                {"name": one.name, "category": one.category, **one.keys} for one in self.signals
            ],
            "weights": {name: _number(self.weights.value[name]) for name in CATEGORIES},
            "points": {name: _number(most) for name, most in self.points.items()},
            "half_life_days": HALF_LIFE_DAYS,
            "fit": {"exclude": ["students"], "tier_by": "employees"},
            "threshold": {
                "top_share": _number(self.threshold.value[0]),
                "capacity_per_day": self.threshold.value[1],
                "enter": "auto",
                "leave_margin": 5,
                "cooldown_days": 14,
            },
            "account_rule": {"users_over_threshold": 3},
            "tiers": [
                {
                    "tier": 1,
                    "when": {"score_at_least": first, **enterprise},
                    "contact_within": CONTACT_WITHIN[0],
                    "escalate_to": "manager",
                },
                {
                    "tier": 2,
                    "when": {"score_at_least": second},
                    "contact_within": CONTACT_WITHIN[1],
                },
                {"tier": 3, "otherwise": True, "nurture": SEQUENCE},
            ],
            "segments": {"enterprise": ">= 500", "mid_market": ">= 50", "smb": "otherwise"},
            "routing": [{"otherwise": True, "owner": self.lead_owner.value}],
            "playbooks": dict(PLAYBOOKS),
            "rollout": {"stage": "shadow"},
        }
        return {key: value for key, value in document.items() if value not in (None, {}, [])}

    def program(self) -> Program:
        """The program that the file will hold.

        Raises:
            PqlError: The choices make no program; says which and why.
        """
        try:
            program = Program.model_validate(self.document())
        except ValidationError as error:
            first = error.errors()[0]
            raise PqlError(
                first["msg"], field=".".join(map(str, first["loc"])), hint="Choose another"
            ) from error
        for refusal in refusals(program):
            raise PqlError(refusal.message, field=field_name(refusal.loc), hint=refusal.hint)
        return program


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)
