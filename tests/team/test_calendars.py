"""A person's calendar as working time: hours, public holidays, time off, zones."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from pql_platform.team.calendars import day_begins, local_day, working_time, working_time_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BERLIN_1759 = datetime(2026, 3, 6, 16, 59, tzinfo=UTC)
"""A Friday, 17:59 in Berlin."""


def test_a_deadline_passes_over_the_weekend_and_public_holidays(edited) -> None:
    bo = working_time(edited().people["bo"])
    assert bo.deadline(BERLIN_1759, 2 * HOUR) == datetime(2026, 3, 9, 9, 59, tzinfo=UTC)
    holidays = edited(("{zone: Europe/Berlin}", "{zone: Europe/Berlin, holidays: DE}"))
    christmas_eve = datetime(2026, 12, 24, 16, 30, tzinfo=UTC)
    assert working_time(holidays.people["bo"]).deadline(christmas_eve, HOUR) == datetime(
        2026, 12, 28, 8, 30, tzinfo=UTC
    )
    # Without a country Christmas is a day like any other.
    assert bo.deadline(christmas_eve, HOUR) == datetime(2026, 12, 25, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "day", "is_free"),
    [
        ("DE-BE", date(2026, 3, 8), True),  # International Women's Day, of Berlin and not Bavaria
        ("DE-BY", date(2026, 3, 8), False),
        ("DE", date(2026, 10, 3), True),
        ("NO", date(2026, 5, 17), True),
        ("US", date(2026, 11, 26), True),
        ("JP", date(2026, 11, 23), True),
        ("GB", date(2026, 12, 28), True),  # Boxing Day is a Saturday and taken on Monday
        ("GB", date(2026, 12, 29), False),
    ],
)
def test_holidays_are_those_of_the_country_and_its_part(edited, code, day, is_free) -> None:
    team = edited(("{zone: Europe/Berlin}", f"{{zone: UTC, holidays: {code}}}"))
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    assert working_time(team.people["bo"]).is_free_day(noon) is is_free


def test_time_off_is_waited_for(edited) -> None:
    ann = working_time(edited().people["ann"])
    # Sunday, the day before her two weeks; the first of January is a holiday and a Friday.
    due = ann.deadline(datetime(2026, 12, 20, 12, tzinfo=UTC), HOUR)
    assert due == datetime(2027, 1, 4, 8, tzinfo=UTC)


@pytest.mark.parametrize("owner", ["mia", "inside-sales", "nobody"])
def test_whoever_has_no_calendar_is_timed_by_the_clock(edited, owner) -> None:
    for team in (edited(), None):
        assert working_time_of(team, owner).deadline(BERLIN_1759, DAY) == BERLIN_1759 + DAY


def test_an_owner_in_the_team_is_timed_by_their_calendar(edited) -> None:
    assert working_time_of(edited(), "bo").deadline(BERLIN_1759, DAY) == datetime(
        2026, 3, 9, 16, 59, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        ("Asia/Kathmandu", date(2026, 3, 2), datetime(2026, 3, 1, 18, 15, tzinfo=UTC)),
        ("America/New_York", date(2026, 3, 1), datetime(2026, 3, 1, 5, tzinfo=UTC)),
        ("UTC", date(2026, 3, 1), datetime(2026, 3, 1, tzinfo=UTC)),
    ],
)
def test_the_day_of_a_moment_is_that_of_the_persons_zone(edited, zone, day, begins) -> None:
    person = edited(("{zone: Europe/Berlin}", f"{{zone: {zone}}}")).people["bo"]
    moment = datetime(2026, 3, 1, 20, tzinfo=UTC)
    assert local_day(person, moment) == day
    assert day_begins(person, moment) == begins
    assert local_day(person, begins) == day
    assert local_day(person, begins - timedelta(microseconds=1)) == day - DAY


def test_without_a_calendar_the_day_is_that_of_utc(edited) -> None:
    mia = edited().people["mia"]
    assert local_day(mia, datetime(2026, 3, 1, 23, 59, tzinfo=UTC)) == date(2026, 3, 1)
