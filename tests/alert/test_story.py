"""A story goes through the outbox and comes back as it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from alert_stories import CROSSED_AT, realistic_story
from hypothesis import given
from hypothesis import strategies as st

from pql_platform.domain.story import AlertStory, Contact, OtherReason, SignalFact

QUARTERS = st.integers(-400, 400).map(lambda quarters: Decimal(quarters) / 4)
MOMENTS = st.integers(0, 4_000_000_000_000_000).map(
    lambda microseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)
# What JSON cannot carry, the outbox cannot either.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    st.builds(
        SignalFact,
        name=TEXT,
        category=TEXT,
        says=TEXT,
        value=st.decimals(allow_nan=False, allow_infinity=False),
        threshold=QUARTERS,
        points=QUARTERS,
        max_points=QUARTERS,
        last_at=st.none() | MOMENTS,
        actor=TEXT,
        user_id=st.none() | TEXT,
        person=st.none() | TEXT,
        last_on=st.none() | st.dates(),
        counts=st.booleans(),
    ),
    st.builds(OtherReason, name=TEXT, category=TEXT, points=QUARTERS, value=st.none() | QUARTERS),
    st.builds(Contact, user_id=TEXT, name=st.none() | TEXT, score=st.none() | QUARTERS),
    st.dictionaries(TEXT, QUARTERS, max_size=3),
    MOMENTS,
)
def test_a_story_is_equal_after_a_trip_through_json(
    fact: SignalFact,
    reason: OtherReason,
    contact: Contact,
    categories: dict[str, Decimal],
    crossed_at: datetime,
) -> None:
    story = realistic_story(
        signals=(fact,),
        other_reasons=(reason,),
        contact=contact,
        categories=categories,
        crossed_at=crossed_at,
    )
    encoded = json.loads(json.dumps(story.to_json()))
    assert AlertStory.from_json(encoded) == story


def test_decimals_become_strings_and_moments_end_in_z() -> None:
    encoded = realistic_story().to_json()
    assert encoded["score"] == "84"
    assert encoded["crossed_at"] == "2026-09-15T13:57:00Z"
    assert encoded["signed_up_on"] == "2026-09-02"


def test_a_story_of_a_newer_version_is_still_read() -> None:
    encoded = realistic_story().to_json() | {"mood": "sunny"}
    assert AlertStory.from_json(encoded) == realistic_story()


@pytest.mark.parametrize("missing", ["score", "owner", "signals", "crossed_at"])
def test_an_incomplete_story_is_refused_by_the_name_of_what_is_missing(missing: str) -> None:
    encoded = realistic_story().to_json()
    del encoded[missing]
    with pytest.raises(ValueError, match=missing):
        AlertStory.from_json(encoded)


def test_a_refusal_names_the_key_but_never_the_value() -> None:
    encoded = realistic_story().to_json() | {"score": "maya@larkspur.example"}
    with pytest.raises(ValueError, match=r"^score: ") as caught:
        AlertStory.from_json(encoded)
    assert "maya" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "moment",
    [CROSSED_AT.replace(tzinfo=None), CROSSED_AT.replace(tzinfo=timezone(timedelta(hours=2)))],
)
def test_a_moment_that_is_not_utc_is_refused(moment: datetime) -> None:
    with pytest.raises(ValueError, match="crossed_at must be a timezone-aware UTC"):
        realistic_story(crossed_at=moment)


@pytest.mark.parametrize("days", ["0", "-1", "NaN", "10000"])
def test_a_half_life_without_sense_is_refused(days: str) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        realistic_story(half_life_days=Decimal(days))
