"""The sections of a program file around its signals: owners, fit, threshold, tiers, routes.

Shapes and ranges only; what must hold between keys is in `lint`, the signals are in `signals`.
The attribute texts are the descriptions of the published JSON Schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from pql_platform.program.conditions import Condition, parse_requirement
from pql_platform.program.fields import (
    Count,
    Day,
    Duration,
    Event,
    FieldError,
    Line,
    Name,
    Number,
    Points,
    WindowDays,
    as_number,
    in_quarters,
)
from pql_platform.program.signals import Section
from pql_platform.program.templates import Link

AccountSource = Literal["group", "email_domain"]
Stage = Literal["shadow", "pilot", "live"]
AUTO = "auto"


def _requirements(written: Any) -> dict[str, Condition]:
    if not isinstance(written, Mapping):
        raise FieldError("is not a mapping", 'Write {employees: ">= 50"}')
    return {str(field): _requirement(str(field), text) for field, text in written.items()}


def _requirement(field: str, written: Any) -> Condition:
    try:
        return parse_requirement(field, written)
    except FieldError as error:
        raise FieldError(str(error), error.hint, inside=field) from error


def _as_enter(written: Any) -> Decimal | str:
    if written == AUTO:
        return AUTO
    if isinstance(written, bool) or not isinstance(written, int | float | Decimal):
        raise FieldError(f"{written!r} is neither auto nor a score", "Write auto, or 0 to 100")
    score = as_number(written)
    if not 0 <= score <= 100:
        raise FieldError(f"{written} is out of range", "Scores run from 0 to 100")
    return in_quarters(score)


def _enter_json(score: Decimal | str) -> float | str:
    return float(score) if isinstance(score, Decimal) else score


Plan = Annotated[Line, AfterValidator(str.lower)]

Enter = Annotated[
    Decimal | Literal["auto"],
    PlainValidator(_as_enter),
    PlainSerializer(_enter_json, when_used="json"),
    WithJsonSchema({"anyOf": [{"const": AUTO}, {"type": "number", "minimum": 0, "maximum": 100}]}),
]


class Owners(Section):
    """Who answers for each stage of the program."""

    process: Line
    """Process and infrastructure."""
    signals: Line
    """Data and signal definitions."""
    response: Line
    """The response to each lead."""


class Conversion(Section):
    """The purchase that the score predicts."""

    event: Event
    """Happens once an account has bought."""
    horizon_days: WindowDays
    """Within how many days after a score it counts as predicted."""


class Accounts(Section):
    """How users become accounts."""

    from_: Annotated[tuple[AccountSource, ...], Field(min_length=1)] = Field(
        default=("group", "email_domain"), alias="from"
    )
    """Sources in order: the first that knows an account wins."""


class Fit(Section):
    """Who can be a lead at all; it gates and tiers, and never adds points."""

    exclude: tuple[Name, ...] = ()
    """Names of domain lists; the first that holds a user gives the reason."""
    require: Annotated[
        Mapping[str, Condition],
        PlainValidator(_requirements),
        PlainSerializer(lambda needs: {field: need.bare for field, need in needs.items()}),
        WithJsonSchema({"type": "object", "additionalProperties": True}),
    ] = Field(default_factory=dict)
    """Field -> condition that must hold, such as {employees: ">= 50"}; unknown does not hold."""
    tier_by: Literal["employees"] = "employees"
    """The field that `segments` divides."""


class Threshold(Section):
    """When a score qualifies, and when it no longer does."""

    top_share: Annotated[Number, Field(gt=0, le=1)] = Decimal("0.12")
    """Share of scored trial and freemium accounts that `auto` lets in."""
    capacity_per_day: Count
    """How many leads sales can answer in a day."""
    enter: Enter = AUTO  # type: ignore[assignment]
    """The score that qualifies: `auto` from top_share and capacity, or a number."""
    leave_margin: Annotated[Points, Field(ge=0, le=100)] = Decimal(5)
    """A lead stops being one this far below the score it entered at."""
    cooldown_days: Annotated[int, Field(strict=True, ge=0, le=365)] = 14
    """Days before the same account can cross again."""
    alerts_per_hour: Annotated[int, Field(strict=True, ge=1, le=1000)] = 100
    """More alerts than this in an hour become one message that lists them."""


class AccountRule(Section):
    """How the users of an account count together."""

    users_over_threshold: Count = 3
    """So many users over the threshold qualify their account."""
    spread_users: Annotated[int, Field(strict=True, ge=2, le=1000)] = 5
    """So many engaged users earn an account all spread_points; the first one earns none."""
    spread_points: Annotated[Points, Field(ge=0, le=100)] = Decimal(10)
    """Most points for the spread across the team; 0 switches them off."""
    single_user_cap: Annotated[Points, Field(ge=0, le=100)] = Decimal(75)
    """Highest score of an account with at most one engaged user; 100 switches it off."""


class Plans(Section):
    """What the product calls its unpaid plans, compared without regard to case."""

    trial: tuple[Plan, ...] = ("trial",)
    """Plans that are a trial: the whole product, for a time."""
    freemium: tuple[Plan, ...] = ("free", "freemium")
    """Plans that cost nothing for as long as one likes."""


class TierWhen(Section):
    """What a lead needs for a tier."""

    score_at_least: Annotated[Number, Field(ge=0, le=100)]
    """Lowest score of the tier."""
    segment: Name | None = None
    """Only accounts of this segment."""


class Tier(Section):
    """A class of leads with its answer time."""

    tier: Annotated[int, Field(strict=True, ge=1, le=9)]
    """1 is the most urgent."""
    when: TierWhen | None = None
    """What it takes; the first tier that fits is given."""
    otherwise: Annotated[bool, Field(strict=True)] = False
    """The last tier: everybody else."""
    contact_within: Duration | None = None
    """Deadline of the first contact: 90m, 2h, 3d."""
    escalate_to: Line | None = None
    """Who hears of a missed deadline."""
    nurture: Line | None = None
    """An e-mail sequence instead of a person; then there is no deadline."""


class Route(Section):
    """Who gets the leads of a segment (which is their size), a region and a level."""

    segment: Name | None = None
    """Only accounts of this segment."""
    region: Line | None = None
    """Only accounts of this region."""
    level: Literal["user", "account"] | None = None
    """Only leads of this level: users to a specialist, whole accounts to an account executive."""
    otherwise: Annotated[bool, Field(strict=True)] = False
    """The last route: everybody else."""
    owner: Line
    """The person or the queue, by its name in the team file."""

    @property
    def conditions(self) -> frozenset[tuple[str, str]]:
        """What must hold, as (key, value) pairs; empty for `otherwise`."""
        pairs = (("segment", self.segment), ("region", self.region), ("level", self.level))
        return frozenset((key, value) for key, value in pairs if value is not None)


class Rollout(Section):
    """How far the program may reach, and who decided it."""

    stage: Stage = "shadow"
    """shadow: nobody is alerted; pilot: a sample; live: every lead."""
    by: Line | None = None
    """Who decided."""
    on: Day | None = None
    """When."""
    sample: Annotated[Number, Field(gt=0, le=1)] = Decimal("0.1")
    """Share of leads handed over in a pilot."""
    reps: tuple[Line, ...] = ()
    """Who gets the leads of a pilot, by their names in the team file; without any, the routes."""


class Recalibration(Section):
    """What becomes of the challenger that each quarter's calibration finds."""

    policy: Literal["ask", "auto"] = "ask"
    """ask: a person promotes it; auto: it takes over when it is better and within all bands."""


class Links(Section):
    """Where a rep can look; https addresses with {account_id} or {user_id}."""

    analytics: Link | None = None
    """The account in the product analytics tool."""
    crm: Link | None = None
    """The account in the CRM."""
