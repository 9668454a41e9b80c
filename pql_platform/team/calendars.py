"""Somebody's calendar as working time: hours, public holidays, time off."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import holidays

from pql_platform.domain.working_time import WorkingTime
from pql_platform.team.schema import WEEKDAYS, Person, Team


def working_time_of(team: Team | None, owner: str) -> WorkingTime:
    """When an owner works; around the clock for whoever has no calendar, so never too late."""
    person = team.people.get(owner) if team is not None else None
    return working_time(person) if person is not None else WorkingTime()


def working_time(person: Person) -> WorkingTime:
    """When a person works."""
    calendar = person.calendar
    if calendar is None:
        return WorkingTime()
    country, _, subdivision = (calendar.holidays or "").partition("-")
    public = holidays.country_holidays(country, subdiv=subdivision or None) if country else {}

    def is_off(day: date) -> bool:
        return day in public or person.is_away(day)

    return WorkingTime(
        zone=ZoneInfo(calendar.zone),
        hours={WEEKDAYS.index(day): (calendar.from_, calendar.to) for day in calendar.days},
        is_off=is_off,
    )


def local_day(person: Person, moment: datetime) -> date:
    """The date of a moment where a person works."""
    return moment.astimezone(_zone(person)).date()


def day_begins(person: Person, moment: datetime) -> datetime:
    """The moment, in UTC, at which the day of a moment began where a person works."""
    midnight = datetime.combine(local_day(person, moment), time.min, _zone(person))
    return midnight.astimezone(UTC)


def _zone(person: Person) -> ZoneInfo:
    return ZoneInfo(person.calendar.zone if person.calendar else "UTC")
