"""What a lead's facts read like."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from alert_stories import CROSSED_AT, NOW, realistic_story, signal
from hypothesis import given
from hypothesis import strategies as st

from pql_platform.domain import wording
from pql_platform.domain.grammar import fill, moment, number, singular, span
from pql_platform.domain.reason_wording import phrase, plain_signal
from pql_platform.domain.story import Contact


@pytest.mark.parametrize(
    ("says", "value", "line"),
    [
        ("invited {value} teammates in the last {window_days} days", "2", "Invited 2 teammates in"),
        ("invited {value} teammates", "1", "Invited 1 teammate"),
        (
            "hit the export limit {value} times this week",
            "1",
            "Hit the export limit once this week",
        ),
        ("hit the limit {value} times", "2", "Hit the limit twice"),
        ("hit the limit {value} times", "3", "Hit the limit 3 times"),
        ("had {value} active days", "1", "Had 1 active day"),
        ("connected {value} companies", "1", "Connected 1 company"),
        ("ran {value} analyses", "1", "Ran 1 analysis"),
        ("made {value} API calls this week", "1", "Made 1 API call this week"),
        ("exported {value} rows", "12500.00", "Exported 12,500 rows"),
        ("spent {value} minutes per session", "8.50", "Spent 8.5 minutes per session"),
        ("came back {value} days ago", "0", "Came back today"),
        ("came back {value} days ago", "1", "Came back yesterday"),
        ("created {value} of {threshold} boards", "2", "Created 2 of 3 boards"),
        ("saw {unknown} boards", "2", "Saw {unknown} boards"),
        ("read {value.__class__} boards", "2", "Read {value.__class__} boards"),
    ],
)
def test_a_signal_reads_as_a_person_would_say_it(says: str, value: str, line: str) -> None:
    assert plain_signal(signal("any", says, value, "5"), NOW).startswith(line)


def test_a_window_of_one_day_is_the_last_day() -> None:
    fact = signal("any", "sent {value} invites in the last {window_days} days", "4", "5")
    assert phrase(replace(fact, window_days=1)) == "sent 4 invites in the last day"


def test_a_first_time_is_said_once() -> None:
    fact = signal("api", "used the API", "1", "5", first_time=True)
    assert plain_signal(fact, NOW) == "Used the API for the first time"
    dated = replace(fact, says="used the API over the last {window_days} days")
    assert plain_signal(dated, NOW) == ("Used the API over the last 14 days, for the first time")
    again = replace(fact, says="used the API for the first time")
    assert plain_signal(again, NOW) == "Used the API for the first time"


def test_a_signal_that_is_days_old_says_so_and_a_fresh_one_does_not() -> None:
    fact = signal("api", "used the API", "1", "5")
    assert plain_signal(fact, NOW) == "Used the API"
    old = replace(fact, last_at=NOW - timedelta(days=42))
    assert plain_signal(old, NOW) == "Used the API (last time 42 days ago)"


@pytest.mark.parametrize("word", ["process", "status", "analysis", "this", "has", "was", "API"])
def test_a_word_that_is_no_plural_stays_as_it_is(word: str) -> None:
    assert singular(word) == word


@given(st.text(), st.decimals(allow_nan=False, allow_infinity=False))
def test_filling_a_template_never_fails_and_keeps_text_without_placeholders(
    template: str, value: Decimal
) -> None:
    filled = fill(template, {"value": value})
    if "{" not in template and "1" not in template:
        assert filled == template


@pytest.mark.parametrize(
    ("value", "text"),
    [("0", "0"), ("-0.001", "0"), ("84.00", "84"), ("-2.50", "-2.5"), ("10", "10")],
)
def test_a_number_has_no_trailing_zeros(value: str, text: str) -> None:
    assert number(Decimal(value)) == text


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(seconds=20), "less than a minute"),
        (timedelta(minutes=8), "8 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(hours=2, minutes=5), "2 h 5 min"),
        (timedelta(days=1, hours=3), "1 day 3 h"),
        (timedelta(days=12, hours=3), "12 days"),
    ],
)
def test_a_span_has_at_most_two_units(length: timedelta, text: str) -> None:
    assert span(length) == text


def test_a_moment_carries_its_date_only_when_the_weekday_is_not_enough() -> None:
    assert moment(CROSSED_AT, NOW) == "Tue 13:57 UTC"
    assert moment(CROSSED_AT + timedelta(days=7), NOW) == "Tue 22 Sep 13:57 UTC"
    assert moment(CROSSED_AT + timedelta(days=150), NOW) == "Fri 12 Feb 2027 13:57 UTC"


def test_the_top_category_is_the_one_with_the_most_points_and_of_equals_the_fuller() -> None:
    assert wording.top_category(realistic_story()) == "usage_depth"
    tied = {"usage_depth": Decimal(10), "viral": Decimal(10), "frequency": Decimal(0)}
    assert wording.top_category(realistic_story(categories=tied)) == "viral"
    assert wording.top_category(realistic_story(categories={})) is None


@pytest.mark.parametrize(
    ("yesterday", "text"),
    [
        ("71", "up 13 from 71 yesterday"),
        ("86.25", "down 2.25 from 86.25 yesterday"),
        ("84", "the same as yesterday (84)"),
        (None, "no score yesterday"),
    ],
)
def test_the_change_since_yesterday_names_both_scores(yesterday: str | None, text: str) -> None:
    before = Decimal(yesterday) if yesterday else None
    assert wording.change_since_yesterday(realistic_story(yesterday_score=before)) == text


def test_the_deadline_tells_what_is_left_and_then_how_late_it_is() -> None:
    story = realistic_story()
    assert wording.deadline(story, NOW) == "due Tue 15:57 UTC, in 1 h 52 min"
    late = CROSSED_AT + timedelta(hours=4)
    assert wording.deadline(story, late) == "was due 2 h ago (Tue 15:57 UTC)"
    assert wording.deadline(realistic_story(due_at=None), NOW) == "no deadline"


def test_intent_fades_by_half_in_one_half_life() -> None:
    story = realistic_story(half_life_days=Decimal(2))
    assert wording.stays_hot(story, NOW) == "half of this intent is gone by Thu 13:57 UTC"
    later = CROSSED_AT + timedelta(days=4)
    assert wording.stays_hot(story, later).startswith("25% of this intent is left")


def test_time_since_the_crossing_is_just_now_within_a_minute_and_for_a_clock_behind() -> None:
    assert wording.time_since(CROSSED_AT, NOW) == "8 min ago"
    assert wording.time_since(CROSSED_AT, CROSSED_AT + timedelta(seconds=59)) == "just now"
    assert wording.time_since(CROSSED_AT, CROSSED_AT - timedelta(seconds=5)) == "just now"


def test_an_unknown_playbook_is_shown_as_it_is_written() -> None:
    assert wording.what_to_do(realistic_story(playbook="send-cake")) == "send-cake"
    known = {wording.what_to_do(realistic_story(playbook=name)) for name in wording._PLAYBOOKS}
    assert all(sentence.endswith(".") for sentence in known)


@pytest.mark.parametrize(
    ("full", "given_name"),
    [
        ("Maya Chen", "Maya"),
        ("maya chen", "Maya"),
        ("Chen, Maya", "Maya"),
        ("Dr. Maya Chen", "Maya"),
        ("maya.chen", "Maya"),
        ("Anne-Marie O'Neill", "Anne-Marie"),
        ("陈美", "陈美"),
        ("maya@larkspur.example", None),
        ("https://evil.example", None),
        ("J. Smith", None),
        ("<!channel>", "Channel"),
        ("12345", None),
        ("", None),
        (None, None),
        ("x" * 10_000, None),
    ],
)
def test_a_greeting_uses_the_given_name_or_none(full: str | None, given_name: str | None) -> None:
    found = wording.first_name(full)
    assert found == given_name


def test_the_first_message_names_the_strongest_speakable_behaviour_and_asks_one_question() -> None:
    assert wording.first_message(realistic_story()) == (
        "Hi Maya, I noticed that you hit the export limit twice in the last 7 days. "
        "What could you not finish because of it?"
    )


@pytest.mark.parametrize("category", ["usage_depth", "frequency", "feature_adoption", "viral", "x"])
@pytest.mark.parametrize("playbook", ["ae_call", "product_specialist", "nurture"])
def test_every_category_and_playbook_asks_exactly_one_question_about_one_behaviour(
    category: str, playbook: str
) -> None:
    facts = [
        signal("a", "created {value} boards", "4", "12", category=category),
        signal("b", "invited {value} teammates", "5", "11", category="viral"),
        signal("c", "exported {value} rows", "9", "13", category="viral", speakable=False),
    ]
    said = wording.first_message(realistic_story(signals=tuple(facts), playbook=playbook))
    assert said.count("?") == 1
    assert said.endswith("?")
    assert "created 4 boards" in said
    assert "invited" not in said
    assert "exported" not in said
    assert said.startswith("Hi Maya, ")
    assert ("you created" if playbook == "product_specialist" else "your team created") in said


def test_questions_differ_by_category_and_between_a_team_and_one_person() -> None:
    questions = {
        wording.first_message(
            realistic_story(
                signals=(signal("a", "did it", "1", "5", category=category),), level=level
            )
        ).split(". ")[1]
        for category in wording._QUESTIONS
        for level in ("account", "user")
    }
    assert len(questions) == 8


def test_without_a_speakable_signal_nothing_is_invented() -> None:
    silent = tuple(replace(fact, speakable=False) for fact in realistic_story().signals)
    assert wording.first_message(realistic_story(signals=silent)) == wording.NOTHING_TO_SAY
    assert wording.first_message(realistic_story(signals=())) == wording.NOTHING_TO_SAY


@given(st.text(max_size=200))
def test_whatever_a_contact_is_called_the_message_keeps_one_question_and_no_address(
    name: str,
) -> None:
    contact = Contact("u", name, None, None, None, None)
    said = wording.first_message(realistic_story(contact=contact))
    assert said.count("?") == 1
    assert "@" not in said
    assert "\n" not in said
