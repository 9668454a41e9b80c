"""Deadlines in somebody's working time: zones, days off, both days of a clock change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pql_platform.domain.working_time import WorkingTime

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OFFICE = {weekday: (time(9), time(18)) for weekday in range(5)}
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Asia/Tokyo",
    "Asia/Kathmandu",  # +5:45
    "Australia/Lord_Howe",  # its clock changes by half an hour
    "America/Santiago",  # its clock changes at midnight
)


def at(zone: str, *parts: int, fold: int = 0) -> datetime:
    """A local moment, in UTC: Python holds a doubled hour unequal to every moment elsewhere."""
    local = datetime(*parts, fold=fold, tzinfo=ZoneInfo(zone))  # type: ignore[misc, arg-type]
    return local.astimezone(UTC)


def office(zone: str = "Europe/Berlin", *off: date, hours=OFFICE) -> WorkingTime:
    return WorkingTime(ZoneInfo(zone), hours, lambda day: day in off)


@pytest.mark.parametrize(
    ("start", "within", "due"),
    [
        # Fri 17:59: one minute is left of the week.
        ((2026, 3, 6, 17, 59), 2 * HOUR, (2026, 3, 9, 10, 59)),
        ((2026, 3, 6, 15), DAY, (2026, 3, 9, 15)),
        ((2026, 3, 6, 15), 3 * DAY, (2026, 3, 11, 15)),
        ((2026, 3, 7, 12), 2 * HOUR, (2026, 3, 9, 11)),
        ((2026, 3, 9, 3), 2 * HOUR, (2026, 3, 9, 11)),
        ((2026, 3, 9, 18), 2 * HOUR, (2026, 3, 10, 11)),
        ((2026, 3, 9, 9), 9 * HOUR, (2026, 3, 9, 18)),
        ((2026, 3, 9, 9), DAY, (2026, 3, 9, 18)),
        # Longer than a working day and shorter than 24 h is no longer than a working day.
        ((2026, 3, 9, 9), 23 * HOUR, (2026, 3, 9, 18)),
        ((2026, 3, 9, 9), 36 * HOUR, (2026, 3, 10, 18)),
        # Dec 24 is a Thursday; the 25th is off, and so is the weekend.
        ((2026, 12, 24, 17), 2 * HOUR, (2026, 12, 28, 10)),
        ((2026, 12, 25, 12), DAY, (2026, 12, 28, 18)),
    ],
)
def test_a_deadline_is_by_the_calendar(start, within, due) -> None:
    found = office("Europe/Berlin", date(2026, 12, 25)).deadline(
        at("Europe/Berlin", *start), within
    )
    assert found == at("Europe/Berlin", *due)
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("start", "half"),
    [((2026, 3, 9, 9), (2026, 3, 9, 13, 30)), ((2026, 3, 6, 15), (2026, 3, 9, 10, 30))],
)
def test_half_of_a_day_is_half_a_working_day_and_not_twelve_hours_of_work(start, half) -> None:
    moment = at("Europe/Berlin", *start)
    assert office().halfway(moment, DAY) == at("Europe/Berlin", *half)
    assert office().halfway(moment, DAY) < office().deadline(moment, DAY)


CHANGES = [
    # (zone, the date of the change, how much longer the day is than 24 h)
    ("Europe/Berlin", date(2026, 3, 29), -HOUR),
    ("Europe/Berlin", date(2026, 10, 25), HOUR),
    ("America/New_York", date(2026, 3, 8), -HOUR),
    ("America/New_York", date(2026, 11, 1), HOUR),
    ("Australia/Lord_Howe", date(2026, 4, 5), HOUR / 2),
    ("Australia/Lord_Howe", date(2026, 10, 4), -HOUR / 2),
    ("America/Santiago", date(2026, 4, 4), HOUR),
    ("America/Santiago", date(2026, 9, 6), -HOUR),
    ("Asia/Tokyo", date(2026, 3, 29), 0 * HOUR),
    ("Asia/Tokyo", date(2026, 10, 25), 0 * HOUR),
    ("Asia/Kathmandu", date(2026, 3, 29), 0 * HOUR),
    ("Asia/Kathmandu", date(2026, 10, 25), 0 * HOUR),
]


@pytest.mark.parametrize(("zone", "day", "longer"), CHANGES)
def test_a_day_of_a_clock_change_is_as_long_as_it_really_is(zone, day, longer) -> None:
    # Santiago puts its clock forward at midnight: 00:00 does not exist, and 00:01 is 01:01.
    all_day = office(zone, hours={day.weekday(): (time(0), time(23, 59))})
    begin = datetime.combine(day - DAY, time(12), ZoneInfo(zone))
    length = 24 * HOUR - timedelta(minutes=1) + longer
    last = all_day.deadline(begin, timedelta(hours=22, minutes=59))
    end = datetime.combine(day, time(23, 59), ZoneInfo(zone)).astimezone(UTC)
    if zone == "America/Santiago" and longer > timedelta(0):
        length -= HOUR  # 23:59 comes twice, and work ends at the first one
    assert end - (last - timedelta(hours=22, minutes=59)) == length


@pytest.mark.parametrize(("zone", "day", "longer"), CHANGES)
def test_office_hours_stay_where_they_are_on_the_clock_through_a_change(zone, day, longer) -> None:
    every_day = office(zone, hours={weekday: (time(9), time(18)) for weekday in range(7)})
    before = datetime.combine(day - DAY, time(17), ZoneInfo(zone)).astimezone(UTC)
    after = datetime.combine(day + DAY, time(10), ZoneInfo(zone)).astimezone(UTC)
    assert every_day.deadline(before, DAY + 2 * HOUR) == after
    # By UTC one of the two nights was longer or shorter by the change.
    assert after - before == 41 * HOUR + longer


@pytest.mark.parametrize(
    ("hours", "start", "within", "due"),
    [
        # 02:30 does not exist on the 29th of March: that is 03:30.
        ((time(2, 30), time(12)), (2026, 3, 28, 20), HOUR, (2026, 3, 29, 4, 30)),
        # From 02:30 to 03:00 nothing is left, so work waits for the Sunday after.
        ((time(2, 30), time(3)), (2026, 3, 28, 20), HOUR / 2, (2026, 4, 5, 3)),
        # 02:30 comes twice on the 25th of October: from 01:00 to the first one.
        ((time(1), time(2, 30)), (2026, 10, 24, 20), HOUR, (2026, 10, 25, 2)),
    ],
)
def test_an_hour_that_is_missing_or_comes_twice_is_neither_lost_nor_counted_double(
    hours, start, within, due
) -> None:
    found = office(hours={6: hours}).deadline(at("Europe/Berlin", *start), within)
    assert found == at("Europe/Berlin", *due)


def test_who_begins_in_the_second_of_two_hours_has_what_is_left_of_the_day() -> None:
    every = office(hours={6: (time(1), time(12))})
    first = at("Europe/Berlin", 2026, 10, 25, 2, 30)
    second = at("Europe/Berlin", 2026, 10, 25, 2, 30, fold=1)
    assert every.deadline(second, HOUR) - every.deadline(first, HOUR) == HOUR


def test_without_a_calendar_every_hour_counts() -> None:
    always = WorkingTime()
    christmas = at("Asia/Kathmandu", 2026, 12, 24, 23, 45)
    assert always.around_the_clock
    assert always.day == DAY
    assert always.deadline(christmas, 2 * HOUR) == christmas + 2 * HOUR
    assert always.halfway(christmas, 2 * HOUR) == christmas + HOUR


def test_nobody_to_work_makes_a_deadline_early_and_never_none() -> None:
    start = at("Europe/Berlin", 2026, 3, 6, 15)
    gone = WorkingTime(ZoneInfo("Europe/Berlin"), OFFICE, lambda day: True)
    assert gone.deadline(start, DAY) == start + DAY
    # Who leaves after an hour of work has done a ninth of a day; the rest goes by the clock.
    leaves = WorkingTime(ZoneInfo("Europe/Berlin"), OFFICE, lambda day: day > date(2026, 3, 6))
    last = at("Europe/Berlin", 2026, 3, 6, 18)
    assert leaves.deadline(last - HOUR, DAY) == last + DAY * (8 / 9)


def test_a_long_absence_is_waited_for_up_to_ninety_days() -> None:
    start = at("Europe/Berlin", 2026, 3, 6, 12)
    for days, waited in ((60, True), (120, False)):
        back = date(2026, 3, 6) + days * DAY
        away = WorkingTime(ZoneInfo("Europe/Berlin"), OFFICE, lambda day, back=back: day < back)
        due = away.deadline(start, 2 * HOUR)
        assert (due.date() >= back) is waited
        assert waited or due == start + 2 * HOUR


def test_what_is_no_working_time_is_refused() -> None:
    for hours in ({0: (time(18), time(9))}, {0: (time(9), time(9))}, {7: (time(9), time(18))}):
        with pytest.raises(ValueError, match="no working time"):
            office(hours=hours)
    aware = at("Europe/Berlin", 2026, 3, 6, 12)
    for start, within in (
        (datetime(2026, 3, 6), HOUR),  # noqa: DTZ001 - that is what is refused
        (aware, timedelta(0)),
        (aware, -HOUR),
    ):
        with pytest.raises(ValueError, match="no deadline"):
            office().deadline(start, within)


def test_a_free_day_is_one_where_people_are_and_no_mere_weekend() -> None:
    tokyo = office("Asia/Tokyo", date(2026, 3, 9))
    assert tokyo.is_free_day(datetime(2026, 3, 8, 16, tzinfo=UTC))
    assert not tokyo.is_free_day(datetime(2026, 3, 9, 16, tzinfo=UTC))
    assert not tokyo.is_free_day(datetime(2026, 3, 7, 5, tzinfo=UTC))


@st.composite
def calendars(draw) -> WorkingTime:
    weekdays = draw(st.sets(st.integers(0, 6), max_size=7))
    hours = {}
    for weekday in weekdays:
        begin = draw(st.integers(0, 22 * 60))
        end = draw(st.integers(begin + 1, 24 * 60 - 1))
        hours[weekday] = (time(*divmod(begin, 60)), time(*divmod(end, 60)))
    first = date(2026, 1, 1)
    off = draw(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 130)), max_size=3))
    free = {first + (begin + day) * DAY for begin, length in off for day in range(length)}
    gone = first + draw(st.integers(0, 2000)) * DAY
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    return WorkingTime(zone, hours, lambda day: day in free or day >= gone)


moments = st.integers(0, 400 * 24 * 60).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
lengths = st.integers(1, 30 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))
short = st.integers(0, 3 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))


@given(calendars(), moments, st.one_of(short, lengths), lengths)
def test_no_deadline_is_before_its_crossing_or_earlier_for_a_later_one(
    calendar, start, later, within
) -> None:
    due = calendar.deadline(start, within)
    assert start < due
    assert due <= calendar.deadline(start + later, within)
    half = calendar.halfway(start, within)
    assert start < half <= due
    assert half <= calendar.halfway(start + later, within)


@given(calendars(), moments, lengths, short)
def test_more_time_is_never_due_earlier(calendar, start, within, more) -> None:
    assert calendar.deadline(start, within) <= calendar.deadline(start, within + more)
