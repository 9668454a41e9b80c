"""The sections of a program file that earn or cost points: signals, compounds, penalties.

What each measure means is written here, next to its name; how it is computed is the warehouse's
business, and how points are earned is `pql_platform.domain.points`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)

from pql_platform.domain.grammar import fill
from pql_platform.program.conditions import Condition, parse_condition
from pql_platform.program.fields import (
    PROPERTY,
    Count,
    Event,
    FieldError,
    Line,
    Name,
    Points,
    Positive,
    PropertyPath,
    PropertyValue,
    WindowDays,
    as_property_path,
)
from pql_platform.program.suggest import did_you_mean
from pql_platform.program.templates import Says

Category = Literal["usage_depth", "frequency", "feature_adoption", "viral"]
CATEGORIES: tuple[Category, ...] = ("usage_depth", "frequency", "feature_adoption", "viral")

MEASURES: Mapping[str, str] = {
    "count": "how many events in the window",
    "ever": "1 once the event has happened in the window, else 0",
    "distinct_days": "on how many days in the window",
    "sessions": "in how many sessions of the window (30 minutes of silence end one)",
    "streak_days": "longest run of consecutive days in the window",
    "days_since_last": "days since the last event: lower is better, and nothing fades",
    "minutes_per_session": "average minutes of a session in the window",
    "distinct_users": "how many users of the account in the window",
    "growth": "events in the window divided by those of the window before (at least 1)",
}
"""What each measure counts; `sum:PROPERTY` adds up a number that the events carry."""

ACTIVITY_MEASURES = (
    "sessions",
    "streak_days",
    "days_since_last",
    "minutes_per_session",
    "distinct_days",
)
"""Measures that, without an event of their own, count every meaningful (core) activity."""

DAY_MEASURES = ("distinct_days", "streak_days")

TEAM_MEASURES = ("distinct_users", "growth")
"""Measures of an account as a whole: no single user has such a value."""

AccountValue = Literal["best_user", "team"]
SUM = "sum:"


def _as_measure(written: str) -> str:
    if written in MEASURES:
        return written
    if written.startswith(SUM):
        if written == SUM:
            raise FieldError(f"{written!r} names no property", "Write sum:amount")
        as_property_path(written.removeprefix(SUM))
        return written
    raise FieldError(
        f"{written!r} is not a measure", did_you_mean(written, (*MEASURES, "sum:PROPERTY"))
    )


Measure = Annotated[
    str,
    AfterValidator(_as_measure),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(MEASURES)},
                {"type": "string", "pattern": f"^{SUM}{PROPERTY.removeprefix('^')}"},
            ]
        }
    ),
]


class Section(BaseModel):
    """A part of the program file: frozen, and refusing keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class NamesEvents(Section):
    """A section that names one event, or several of which any counts."""

    event: Event | None = None
    """The event as the product sends it; a page view is `page:Name`."""
    any_of: Annotated[tuple[Event, ...], Field(min_length=1)] | None = None
    """Several events, of which any counts; instead of `event`."""

    @property
    def events(self) -> tuple[str, ...]:
        """The event names, empty for signals on any meaningful activity."""
        return self.any_of or ((self.event,) if self.event else ())


class Aha(NamesEvents):
    """The moment at which a user first gets the value of the product: a gate, not points."""

    at_least: Count = 1
    """How many times it must happen."""
    within_days: WindowDays
    """Within a span of so many days, whenever that is."""
    validated_by: Line | None = None
    """Who confirmed it, and when: interviews, not only data."""


class Signal(NamesEvents):
    """One behaviour that speaks for a purchase, and how it is measured."""

    name: Name
    """Unique in the program."""
    category: Category
    """What kind of behaviour it is; the category's weight is divided among its signals."""
    where: Mapping[PropertyPath, PropertyValue] = Field(default_factory=dict)
    """Only events whose properties equal these values; dots reach into nested properties."""
    measure: Measure
    """What is measured over the window."""
    window_days: WindowDays
    """The last so many days, rolling."""
    threshold: Positive
    """The value that earns full points (for days_since_last: at most this)."""
    account_value: AccountValue = "best_user"
    """What counts for an account: best_user, the value of the user who took it furthest, or team,
    that of everybody together. distinct_users and growth are always team."""
    says: Says
    """What a rep reads: plain words with {value}, {window_days}, {threshold}."""
    says_one: Says | None = None
    """The same for a value of 1: `created a board`, where says would read `1 boards`."""
    speakable: Annotated[bool, Field(strict=True)] = False
    """May be mentioned to the customer in the first message."""

    @model_validator(mode="before")
    @classmethod
    def _of_the_team(cls, written: Any) -> Any:
        if isinstance(written, Mapping) and written.get("measure") in TEAM_MEASURES:
            return {"account_value": "team", **written}
        return written

    @property
    def lower_is_better(self) -> bool:
        """Whether a smaller value is the better one."""
        return self.measure == "days_since_last"

    @property
    def counts_team(self) -> bool:
        """Whether an account's value is taken over everybody in it, not from its best user."""
        return self.account_value == "team"

    @property
    def sum_property(self) -> str | None:
        """The property that `sum:PROPERTY` adds up; None for other measures."""
        return self.measure.removeprefix(SUM) if self.measure.startswith(SUM) else None

    @property
    def counts_any_activity(self) -> bool:
        """Whether it names no event and so measures every meaningful one."""
        return not self.events

    def spoken(self, value: Decimal | float) -> str:
        """The sentence for a measured value; whole numbers without decimals, others with one."""
        template = self.says_one if self.says_one and value == 1 else self.says
        numbers = {
            "value": Decimal(f"{value:.1f}"),
            "window_days": Decimal(self.window_days),
            "threshold": self.threshold,
        }
        return fill(template, numbers)


class Compound(Section):
    """Points for several signals together, each over its own window."""

    name: Name
    """Unique in the program, signals included."""
    all: Annotated[Mapping[Name, Positive], Field(min_length=2)]
    """Signal name -> the value it must reach (for days_since_last: at most this)."""
    points: Annotated[Points, Field(gt=0, le=100)]
    """Added when all are reached."""


class Penalty(Section):
    """Points that a condition costs."""

    name: Name
    """Unique in the program, signals included."""
    when: Annotated[
        Condition,
        PlainValidator(lambda text: text if isinstance(text, Condition) else parse_condition(text)),
        PlainSerializer(str),
        WithJsonSchema({"type": "string", "examples": ["email_domain in @education"]}),
    ]
    """The condition, such as `email_domain in @education` or `employees < 10`."""
    points: Annotated[Points, Field(lt=0, ge=-100)]
    """Below 0."""
