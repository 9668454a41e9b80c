"""What a rep is told about one crossing, as a record that survives the outbox.

Holds the facts, complete and unworded: the outbox stores them as JSON, and the alert, the CRM task
and the escalation are all worded from the same story. How facts become sentences is `wording.py`;
how they look in Slack is an adapter's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

_LONGEST_HALF_LIFE_DAYS = 3650  # beyond it dates overflow, and nothing would ever fade

# Building an adapter takes milliseconds, and every alert needs it.
_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def _require_utc(name: str, moment: datetime | None) -> None:
    if moment is not None and moment.utcoffset() != timedelta(0):
        raise ValueError(f"{name} must be a timezone-aware UTC datetime, not {moment!r}")


class Record:
    """A frozen dataclass that goes through JSON and comes back equal."""

    def to_json(self) -> dict[str, Any]:
        """As a JSON-able dict: decimals as strings, moments as ISO-8601 with Z, days as ISO."""
        encoded: dict[str, Any] = _adapter(type(self)).dump_python(self, mode="json")
        return encoded

    @classmethod
    def from_json(cls, encoded: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote; keys of a newer version are ignored.

        Raises:
            ValueError: A key is missing or its value is not of its type; names each key, but no
                value, since those name customers.
        """
        try:
            decoded: Self = _adapter(cls).validate_python(dict(encoded))
        except ValidationError as error:
            faults = error.errors(include_input=False, include_context=False, include_url=False)
            named = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults)
            raise ValueError("; ".join(named)) from None
        return decoded


@dataclass(frozen=True)
class SignalFact(Record):
    """One signal as it stood at the crossing.

    Attributes:
        name: Its name in the program file.
        category: `usage_depth`, `frequency`, `feature_adoption` or `viral`.
        says: The program's template, such as `invited {value} teammates in the last
            {window_days} days`.
        value: What was measured in the window.
        threshold: The value that earns all points.
        window_days: Length of the window.
        points: Points earned.
        max_points: Points that could be earned.
        speakable: Whether the customer may be told that it was seen.
        first_time: Whether it had never happened before this window.
        occurrences_ever: How often it has happened since sign-up, in the account as a whole.
        last_at: When it last happened, UTC; None where only the day is known.
        actor: Whose value it is: `person` for somebody of the account, `team` for everybody in it
            together, empty for the one whom the story is about.
        user_id: The person; None for what happened without one.
        person: Name of the person, None when it is not known.
        last_on: The day on which the person last did it, where `last_at` is None.
        counts: Whether `value` is a number of the same things as `occurrences_ever`.
    """

    name: str
    category: str
    says: str
    value: Decimal
    threshold: Decimal
    window_days: int
    points: Decimal
    max_points: Decimal
    speakable: bool
    first_time: bool
    occurrences_ever: int
    last_at: datetime | None
    actor: str = ""
    user_id: str | None = None
    person: str | None = None
    last_on: date | None = None
    counts: bool = False

    def __post_init__(self) -> None:
        _require_utc("last_at", self.last_at)


@dataclass(frozen=True)
class OtherReason(Record):
    """What made the score besides the signals: a compound, the spread, a deduction, a limit.

    Attributes:
        name: Its name in the program file, or that of the spread or of a limit.
        category: `compound`, `spread`, `negative` or `limit`.
        points: Points given, below 0 when taken away.
        value: Engaged people for the spread, the highest score for the cap of a single user; None
            for the others.
    """

    name: str
    category: str
    points: Decimal
    value: Decimal | None = None


@dataclass(frozen=True)
class Contact(Record):
    """The person to speak to; never an address, only its domain."""

    user_id: str
    name: str | None
    title: str | None
    email_domain: str | None
    signed_up_on: date | None
    score: Decimal | None


@dataclass(frozen=True)
class AlertStory(Record):
    """Everything a rep needs to act on one crossing without opening another tool.

    Attributes:
        level: `account` or `user`: whose score crossed.
        users: People of the account that were seen, `active_users` of them lately and
            `users_over_threshold` of them qualified themselves.
        contact: Whom to speak to; None when nobody is known by name.
        score: Composite score, 0 to 100, with `threshold` as the line that was crossed.
        yesterday_score: The score one day before, None when there was none.
        categories: Points per category; `category_weights` holds what each could reach.
        signals: Most points first.
        tier_reason: Why this tier, worded by the tier rules.
        playbook: Name of the playbook that says what to do.
        due_at: When contact must have been made, None when nobody is asked to.
        half_life_days: Days after which half of the intent is gone.
        version: Model version that scored it.
        value_metric: What the product's customers pay for more of.
        analytics_url: The account in the product analytics tool.
        crm_url: The account in the CRM.
        other_reasons: Most points first; with the signals they add up to the score.
        owner_name: What people call the owner; None where only the name of the route is known.
        owner_slack: Slack id of the owner, by which an alert mentions them.
        owner_reason: Why them: whose turn it was, or who stands in for whom.
        routed_to: The person or queue that the route named.
        contact_within_minutes: Working time to the first contact; None where nobody is asked to.
    """

    handoff_id: str
    program: str
    motion: str
    level: str
    account_id: str
    account_name: str | None
    employees: int | None
    industry: str | None
    plan: str | None
    country: str | None
    region: str | None
    segment: str | None
    users: int
    active_users: int
    users_over_threshold: int
    signed_up_on: date | None
    contact: Contact | None
    score: Decimal
    threshold: Decimal
    yesterday_score: Decimal | None
    categories: dict[str, Decimal]
    category_weights: dict[str, Decimal]
    signals: tuple[SignalFact, ...]
    tier: int
    tier_reason: str
    playbook: str
    owner: str
    escalate_to: str | None
    crossed_at: datetime
    due_at: datetime | None
    half_life_days: Decimal
    version: str
    value_metric: str | None
    analytics_url: str | None
    crm_url: str | None
    # A story that was written before there was such a field is still told.
    other_reasons: tuple[OtherReason, ...] = ()
    owner_name: str | None = None
    owner_slack: str | None = None
    owner_reason: str | None = None
    routed_to: str | None = None
    contact_within_minutes: int | None = None

    def __post_init__(self) -> None:
        _require_utc("crossed_at", self.crossed_at)
        _require_utc("due_at", self.due_at)
        if not 0 < self.half_life_days <= _LONGEST_HALF_LIFE_DAYS:
            raise ValueError(f"half_life_days must be above 0, at most 3650: {self.half_life_days}")
