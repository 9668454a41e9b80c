"""The team file: people with their calendars, and the queues that share leads among them.

Shapes and ranges only; reading the file and what must hold between its keys is `load.py`, turning a
calendar into deadlines `calendars.py`, and choosing somebody `assignment.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time
from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import holidays
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic import model_validator as check

from pql_platform.program.fields import PERSON, SLACK_ID, Day, FieldError, Line
from pql_platform.program.signals import Section
from pql_platform.program.suggest import closest, did_you_mean, shown

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _as_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        meant = closest(name, available_timezones())
        hint = f"Did you mean `{meant}`?" if meant else "Write it like Europe/Berlin"
        raise FieldError(f"{shown(name)} is no time zone", hint) from error
    return name


def _as_days(written: object) -> object:
    parts = written.split(",") if isinstance(written, str) else written
    if not isinstance(parts, list | tuple):
        raise FieldError(f"{shown(written)} names no weekdays", "Write mon-fri, or mon,wed,fri")
    days: list[str] = []
    for part in parts:
        first, dash, last = (piece.strip() for piece in str(part).partition("-"))
        last = last if dash else first
        for name in (first, last):
            if name not in WEEKDAYS:
                raise FieldError(f"{shown(name)} is no weekday", did_you_mean(name, WEEKDAYS))
        begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last)
        if end < begin:
            raise FieldError(f"{shown(part)} runs backwards", "Write mon-fri")
        days += WEEKDAYS[begin : end + 1]
    return tuple(dict.fromkeys(days))


def _as_time(written: object) -> object:
    # Unquoted, 09:00 is text to YAML 1.2, and 9 a number.
    if not isinstance(written, str) or not re.fullmatch(r"([01]?[0-9]|2[0-3]):[0-5][0-9]", written):
        raise FieldError(f"{shown(written)} is no time of day", 'Write "09:00"')
    hour, minute = written.split(":")
    return time(int(hour), int(minute))


def _as_region(code: str) -> str:
    country, _, subdivision = code.partition("-")
    supported = holidays.list_supported_countries(include_aliases=False)
    if country not in supported:
        raise FieldError(
            f"{shown(code)} is no country whose holidays are known",
            "Write its ISO 3166 code, with a part of it if need be: DE, or DE-BE",
        )
    if subdivision and subdivision not in supported[country]:
        hint = did_you_mean(subdivision, supported[country]) or f"Write {country}"
        raise FieldError(f"{shown(subdivision)} is no part of {country}", hint)
    return code


TimeOfDay = Annotated[
    time,
    BeforeValidator(_as_time),
    PlainSerializer(lambda at: f"{at:%H:%M}", when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^\d?\d:\d\d$"}),
]
PersonName = Annotated[str, Field(pattern=PERSON)]


class Calendar(Section):
    """When somebody works."""

    zone: Annotated[Line, AfterValidator(_as_zone)]
    """IANA time zone: Europe/Berlin."""
    days: Annotated[tuple[str, ...], BeforeValidator(_as_days), Field(min_length=1)] = WEEKDAYS[:5]
    """Working days: mon-fri, or mon,wed,fri."""
    from_: TimeOfDay = Field(default=time(9), alias="from")
    """Local time at which work begins."""
    to: TimeOfDay = time(18)
    """Local time at which it ends."""
    holidays: Annotated[Line, AfterValidator(_as_region)] | None = None
    """Country whose public holidays are free, by ISO 3166: DE, or DE-BE for a part of it."""

    @check(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.from_ >= self.to:
            raise FieldError("ends before it begins", 'Write {from: "09:00", to: "18:00"}', "to")
        return self


class Away(Section):
    """Time off, both days included."""

    from_: Day = Field(alias="from")
    """First day off."""
    to: Day
    """Last day off."""

    @check(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.to < self.from_:
            raise FieldError("ends before it begins", f"Write {self.from_} or later", "to")
        return self


class Person(Section):
    """Somebody who gets leads, hears of missed deadlines, or decides about versions."""

    name: Line
    """As people call them."""
    slack: Annotated[str, Field(pattern=SLACK_ID)] | None = None
    """Slack user id, so that an alert can mention them."""
    email: Line | None = None
    """Address under which the CRM knows them."""
    calendar: Calendar | None = None
    """When they work; without one every hour counts."""
    away: tuple[Away, ...] = ()
    """Time off."""
    left: Day | None = None
    """Day from which they are no longer here."""
    capacity_per_day: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = None
    """Most leads a day; without one there is no limit."""
    manager: PersonName | None = None
    """Who hears when they miss a deadline."""
    approves: Annotated[bool, Field(strict=True)] = False
    """May make a model version live by the button in Slack."""

    def is_here(self, day: date) -> bool:
        """Whether they are neither away nor gone on a local date."""
        return (self.left is None or day < self.left) and not self.is_away(day)

    def is_away(self, day: date) -> bool:
        """Whether a local date is time off."""
        return any(off.from_ <= day <= off.to for off in self.away)


class Queue(Section):
    """Several people who share leads in turn."""

    members: Annotated[
        Mapping[PersonName, Annotated[int, Field(strict=True, ge=1, le=100)]], Field(min_length=1)
    ]
    """Who, and how many leads for each one of the others: {ann: 2, bo: 1}."""
    fallback: PersonName | None = None
    """Who gets a lead when no member is there."""


class Team(Section):
    """The team file."""

    people: Annotated[Mapping[PersonName, Person], Field(min_length=1)]
    """Who is who, by the name that routes use."""
    queues: Mapping[PersonName, Queue] = Field(default_factory=dict)
    """Names that routes use for several people."""
    fallback: PersonName | None = None
    """Who gets a lead that nobody else can take."""

    def known_as(self, owner: str) -> str:
        """The name here of whoever the CRM knows by an address; any other text as it is."""
        address = owner.casefold()
        known = (
            name
            for name, person in self.people.items()
            if person.email is not None and person.email.casefold() == address
        )
        return owner if owner in self.people else next(known, owner)

    def manager_of(self, owner: str) -> str | None:
        """Who hears when an owner misses a deadline; None when nobody is named."""
        person = self.people.get(owner)
        return person.manager if person else None
