"""The program file as one model: `Program`, an attribute per key.

Its sections are in `sections` and `signals`; what must hold between keys is in `lint`, reading
files is `load`. The attribute texts are the descriptions of the published JSON Schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema

from pql_platform.domain.points import allocate
from pql_platform.program.conditions import Condition, parse_requirement
from pql_platform.program.fields import (
    LEVEL_OR_TIER,
    MOST_PARTS,
    DomainEntry,
    Event,
    Line,
    Name,
    Number,
    Points,
)
from pql_platform.program.playbooks import HookName, Playbook, Webhook
from pql_platform.program.sections import (
    AccountRule,
    Accounts,
    Conversion,
    Fit,
    Links,
    Owners,
    Plans,
    Recalibration,
    Rollout,
    Route,
    Threshold,
    Tier,
)
from pql_platform.program.signals import (
    CATEGORIES,
    Aha,
    Category,
    Compound,
    Penalty,
    Section,
    Signal,
)

Motion = Literal["new_business", "expansion"]
Level = Literal["user", "account"]
LEVELS: tuple[Level, ...] = ("user", "account")
OTHERWISE: Literal["otherwise"] = "otherwise"
SMALLEST_SEGMENT = "smb"

DEFAULT_WEIGHTS: Mapping[Category, Decimal] = {
    "usage_depth": Decimal(35),
    "frequency": Decimal(25),
    "feature_adoption": Decimal(25),
    "viral": Decimal(15),
}
"""Item 41 of the requirements: representative, to be recalibrated on one's own data."""

SHORTEST_HALF_LIFE = 0.25
"""Days. Ages are whole days: at a quarter of a day yesterday is worth a sixteenth of today, and
below it nothing but today would count."""

SegmentRule = Condition | Literal["otherwise"]


def _on_employees(text: Any) -> SegmentRule:
    return OTHERWISE if text == OTHERWISE else parse_requirement("employees", text)


def _written(rule: SegmentRule) -> str:
    return rule.bare if isinstance(rule, Condition) else rule


def _default_segments() -> Mapping[str, SegmentRule]:
    return {
        "enterprise": parse_requirement("employees", ">= 500"),
        "mid_market": parse_requirement("employees", ">= 50"),
        SMALLEST_SEGMENT: OTHERWISE,
    }


OnEmployees = Annotated[
    SegmentRule,
    PlainValidator(_on_employees),
    PlainSerializer(_written),
    WithJsonSchema({"type": ["string", "number"], "examples": [">= 500", OTHERWISE]}),
]


class Program(Section):
    """What a product-qualified lead is, for one product and motion."""

    program: Name
    """Unique name; one program per product or business unit and motion."""
    motion: Motion
    """new_business: accounts that do not pay yet; expansion: only those that do."""
    profile: Literal["trial", "freemium", "any"] = "any"
    """Which unpaid accounts it scores, by their plan."""
    plans: Plans = Plans()
    owners: Owners
    conversion: Conversion
    value_metric: Line
    """The core offering in the customer's words, such as `boards created`."""
    accounts: Accounts = Accounts()
    aha: Aha | None = None
    signals: Annotated[tuple[Signal, ...], Field(min_length=1, max_length=MOST_PARTS)]
    """3 to 5 are enough."""
    compounds: Annotated[tuple[Compound, ...], Field(max_length=MOST_PARTS)] = ()
    weights: Mapping[Category, Annotated[Points, Field(ge=0, le=100)]] = Field(
        default_factory=lambda: dict(DEFAULT_WEIGHTS)
    )
    """Points per category; together 100."""
    points: Annotated[
        Mapping[Name, Annotated[Points, Field(ge=0, le=100)]], Field(max_length=MOST_PARTS)
    ] = Field(default_factory=dict)
    """Most points per signal; those of a category add up to its weight. A category of which no
    signal is named is divided equally."""
    negative: Annotated[tuple[Penalty, ...], Field(max_length=MOST_PARTS)] = ()
    fit: Fit = Fit()
    threshold: Threshold
    account_rule: AccountRule = AccountRule()
    half_life_days: Annotated[Number, Field(ge=SHORTEST_HALF_LIFE, le=365)] = Decimal(7)
    """Days after which a behaviour not repeated is worth half its points."""
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1)]
    """From the most urgent down; the last one is `otherwise: true`."""
    routing: Annotated[tuple[Route, ...], Field(min_length=1, max_length=MOST_PARTS)]
    """The first route that fits wins; the last one is `otherwise: true`."""
    playbooks: Mapping[Annotated[str, Field(pattern=LEVEL_OR_TIER)], Playbook]
    """The next action per level, `user` and `account`, or per tier, `tier3`; or several."""
    webhooks: Annotated[Mapping[HookName, Webhook], Field(max_length=20)] = Field(
        default_factory=dict
    )
    """Tools that are told of leads by their playbooks."""
    rollout: Rollout = Rollout()
    recalibration: Recalibration = Recalibration()
    lists: Mapping[Name, tuple[DomainEntry, ...]] = Field(default_factory=dict)
    """Named lists of e-mail domains, used by `fit.exclude` and `in @name`."""
    links: Links = Links()
    segments: Annotated[Mapping[Name, OnEmployees], Field(min_length=1)] = Field(
        default_factory=_default_segments
    )
    """Segment -> condition on employees, the first that holds; `otherwise` is the last."""
    core_events: tuple[Event, ...] = ()
    """Events that make a session meaningful; by default those of all signals but frequency."""

    @property
    def meaningful_events(self) -> tuple[str, ...]:
        """Events that count as meaningful activity, each once, in the order of the file."""
        if self.core_events:
            return tuple(dict.fromkeys(self.core_events))
        named = (s.events for s in self.signals if s.category != "frequency")
        return tuple(dict.fromkeys(event for events in named for event in events))

    @property
    def signals_by_category(self) -> dict[Category, tuple[Signal, ...]]:
        """The signals of each category, in the order of the file."""
        return {c: tuple(s for s in self.signals if s.category == c) for c in CATEGORIES}

    @property
    def max_points(self) -> dict[str, Decimal]:
        """The most points that each signal can earn, in quarter points."""
        weights: dict[str, Decimal] = {c: self.weights.get(c, Decimal(0)) for c in CATEGORIES}
        names: dict[str, list[str]] = {
            category: [signal.name for signal in signals]
            for category, signals in self.signals_by_category.items()
        }
        return {**allocate(weights, names), **self.points}

    @property
    def reachable_compounds(self) -> tuple[Compound, ...]:
        """The compounds whose signals all exist; a draft may name signals still to come."""
        known = {signal.name for signal in self.signals}
        return tuple(compound for compound in self.compounds if known.issuperset(compound.all))

    @property
    def segment_rules(self) -> tuple[tuple[str, Condition | None], ...]:
        """Segments in order with their conditions; the last one has None and takes the rest."""
        rules = tuple(
            (name, rule if isinstance(rule, Condition) else None)
            for name, rule in self.segments.items()
        )
        return rules if rules[-1][1] is None else (*rules, (SMALLEST_SEGMENT, None))

    def playbook(self, level: Level, tier: int) -> tuple[str, ...]:
        """The next actions for a lead: its tier's own playbook, or that of its level."""
        return self.playbooks.get(f"tier{tier}", self.playbooks[level])
