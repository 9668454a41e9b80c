"""What one message becomes: names, identities, traits, times, hashes, refusals."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pql_platform.intake.refusal import Refusal
from pql_platform.intake.segment import normalise

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BASE: dict[str, Any] = {
    "messageId": "m-1",
    "type": "track",
    "event": "Board Created",
    "userId": "u1",
    "timestamp": "2026-11-20T08:00:00.123Z",
}


def at(text: str) -> datetime:
    """Give a naive UTC moment, as the inbox holds them."""
    return datetime.fromisoformat(text)


def message(**changes: Any) -> dict[str, Any]:
    merged = {**BASE, **changes}
    return {field: value for field, value in merged.items() if value is not ...}


def row_of(**changes: Any) -> dict[str, Any]:
    row = normalise(message(**changes), now=NOW)
    assert isinstance(row, dict), row
    return row


def refusal_of(**changes: Any) -> Refusal:
    refusal = normalise(message(**changes), now=NOW)
    assert isinstance(refusal, Refusal), refusal
    return refusal


@pytest.mark.parametrize(
    ("changes", "event"),
    [
        ({}, "Board Created"),
        ({"type": "page", "name": "Pricing"}, "page:Pricing"),
        ({"type": "page", "properties": {"name": "Docs"}}, "page:Docs"),
        ({"type": "page", "category": "Help", "name": ""}, "page:Help"),
        ({"type": "page", "properties": {"path": "/a/17"}}, "page:unnamed"),
        ({"type": "screen", "name": "Home"}, "screen:Home"),
        ({"type": "identify"}, "$identify"),
        ({"type": "group", "groupId": "g"}, "$group"),
        ({"type": "alias", "previousId": "anon"}, "$alias"),
    ],
)
def test_each_message_type_has_its_event_name(changes: dict[str, Any], event: str) -> None:
    assert row_of(**changes)["event"] == event


def test_ids_are_text_and_empty_ones_are_absent() -> None:
    row = row_of(userId=42, anonymousId="", previousId=7.0, groupId=None, messageId=12345678901)
    assert (row["user_id"], row["anonymous_id"], row["previous_id"]) == ("42", None, "7")
    assert (row["group_id"], row["message_id"]) == (None, "12345678901")


def test_the_group_comes_from_the_message_and_else_from_its_context() -> None:
    assert row_of(groupId="own", context={"groupId": "context"})["group_id"] == "own"
    assert row_of(groupId="", context={"groupId": 9})["group_id"] == "9"
    assert row_of(userId=..., context={"groupId": "alone"})["group_id"] == "alone"


def test_traits_of_a_user_are_merged_with_those_of_the_context() -> None:
    row = row_of(
        type="identify",
        traits={"plan": "pro"},
        context={"traits": {"plan": "free", "email": "a@b"}},
    )
    assert json.loads(row["traits"]) == {"plan": "pro", "email": "a@b"}


def test_traits_of_the_user_in_the_context_never_become_traits_of_a_group() -> None:
    row = row_of(
        type="group", groupId="g", traits={"name": "Acme"}, context={"traits": {"email": "a@b"}}
    )
    assert json.loads(row["traits"]) == {"name": "Acme"}


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2026-11-20T08:00:00.123Z", at("2026-11-20T08:00:00.123000")),
        ("2026-11-20T08:00:00Z", at("2026-11-20T08:00")),
        ("2026-11-20T08:00:00.123456789Z", at("2026-11-20T08:00:00.123456")),
        ("2026-11-20T10:00:00+02:00", at("2026-11-20T08:00")),
        ("2026-11-20T03:00:00.5-0500", at("2026-11-20T08:00:00.500000")),
        ("2026-11-20T08:00:00", at("2026-11-20T08:00")),
        ("2026-11-20", at("2026-11-20")),
        (1795161600000, at("2026-11-20T08:00")),
        (1795161600000.5, at("2026-11-20T08:00:00.000500")),
        (datetime(2026, 11, 20, 9, tzinfo=UTC), at("2026-11-20T09:00")),
    ],
)
def test_times_are_read_as_utc(stamp: object, expected: datetime) -> None:
    row = row_of(timestamp=stamp)
    assert row["occurred_at"] == row["received_at"] == expected


@pytest.mark.parametrize(
    "stamp",
    ["yesterday", "2026-02-30T00:00:00Z", "2026-11-20T08:00:00+02:00Z", [1], {"a": 1}, True, 1e300],
)
def test_an_unreadable_time_is_refused_by_name(stamp: object) -> None:
    refusal = refusal_of(timestamp=stamp)
    assert refusal.reason == "bad_timestamp"
    assert "timestamp" in refusal.detail
    assert refusal_of(receivedAt=stamp).detail.startswith("receivedAt")


def test_an_event_is_known_when_it_was_received_and_never_happened_later() -> None:
    row = row_of(receivedAt="2026-11-20T07:59:00Z")
    assert row["occurred_at"] == row["received_at"] == at("2026-11-20T07:59")
    late = row_of(receivedAt="2026-11-21T08:00:00Z")
    assert late["received_at"] - late["occurred_at"] > timedelta(hours=23)


def test_a_clock_up_to_ten_minutes_ahead_is_cut_to_the_present() -> None:
    row = row_of(timestamp=(NOW + timedelta(minutes=10)).isoformat())
    assert row["occurred_at"] == row["received_at"] == NOW.replace(tzinfo=None)
    beyond = (NOW + timedelta(minutes=10, milliseconds=1)).isoformat()
    assert refusal_of(timestamp=beyond).reason == "future_timestamp"
    assert refusal_of(receivedAt=beyond).reason == "future_timestamp"


def test_nothing_happened_before_2000() -> None:
    assert row_of(timestamp="2000-01-01T00:00:00Z")["occurred_at"] == at("2000-01-01")
    assert refusal_of(timestamp="1999-12-31T23:59:59.999Z").reason == "before_2000"
    assert refusal_of(timestamp=1_700_000_000).reason == "before_2000"  # seconds, not milliseconds


def test_without_a_timestamp_the_skew_of_the_client_is_corrected() -> None:
    row = row_of(
        timestamp=...,
        originalTimestamp="2026-11-20T09:00:00Z",  # the client is an hour ahead
        sentAt="2026-11-20T09:00:05Z",
        receivedAt="2026-11-20T08:00:06Z",
    )
    assert row["occurred_at"] == at("2026-11-20T08:00:01")


@pytest.mark.parametrize("field", ["originalTimestamp", "receivedAt", "sentAt"])
def test_without_a_timestamp_the_next_best_time_counts(field: str) -> None:
    row = row_of(timestamp=..., **{field: "2026-11-20T08:00:00Z"})
    assert row["occurred_at"] == at("2026-11-20T08:00")
    assert refusal_of(timestamp=...).reason == "no_timestamp"


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"type": ...}, "unknown_type", "missing"),
        ({"type": "Track"}, "unknown_type", "'Track'"),
        ({"type": ["track"]}, "unknown_type", "['track']"),
        ({"event": ...}, "no_event_name", ""),
        ({"event": ""}, "no_event_name", ""),
        ({"event": 5}, "wrong_type", "event is a number"),
        ({"type": "page", "name": {}}, "wrong_type", "name is an object"),
        ({"userId": ...}, "no_identity", "userId"),
        ({"userId": {"id": 1}}, "wrong_type", "userId is an object"),
        ({"userId": True}, "wrong_type", "userId is a boolean"),
        ({"userId": 1.5}, "wrong_type", "userId is a number"),
        ({"userId": 1e30}, "wrong_type", "userId is a number"),
        ({"messageId": []}, "wrong_type", "messageId is a list"),
        ({"context": "x"}, "wrong_type", "context is a text"),
        ({"context": {"groupId": []}}, "wrong_type", "context.groupId is a list"),
        ({"context": {"traits": 1}}, "wrong_type", "context.traits is a number"),
        ({"properties": [1]}, "wrong_type", "properties is a list"),
        ({"traits": "x"}, "wrong_type", "traits is a text"),
        ({"properties": {"a": "b\0c"}}, "nul_byte", "\\u0000"),
        ({"properties": {"a": object()}}, "wrong_type", "object"),
        ({"properties": {"a": "\ud800"}}, "wrong_type", "UTF-8"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(
    changes: dict[str, Any], reason: str, detail: str
) -> None:
    refusal = refusal_of(**changes)
    assert refusal.reason == reason
    assert detail in refusal.detail


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


def test_fifty_levels_and_a_thousand_keys_are_the_limit() -> None:
    assert row_of(properties=nested(49))  # the message itself is the first level
    assert refusal_of(properties=nested(50)).reason == "too_deep"
    assert refusal_of(properties=nested(300)).reason == "too_deep"
    assert row_of(properties={"list": [[{}]] * 200})
    others = len(BASE) + 1
    assert row_of(properties={f"k{n}": n for n in range(1_000 - others)})
    assert refusal_of(properties={f"k{n}": n for n in range(1_001 - others)}).reason == (
        "too_many_keys"
    )


def test_a_backslash_before_u0000_is_text_and_no_nul() -> None:
    text = "\\u0000"
    assert json.loads(row_of(properties={"a": text})["properties"]) == {"a": text}


def test_a_retry_hashes_alike_and_a_changed_message_does_not() -> None:
    first = row_of(sentAt="2026-11-20T08:00:01Z", context={"ip": "8.8.8.8"})
    retry = row_of(sentAt="2026-11-20T08:00:09Z", receivedAt="2026-11-20T08:00:10Z")
    assert first["content_hash"] == retry["content_hash"]
    assert row_of(properties={"n": 1})["content_hash"] != first["content_hash"]
    assert row_of(timestamp="2026-11-20T08:00:00.124Z")["content_hash"] != first["content_hash"]


def test_a_corrected_timestamp_does_not_change_the_hash() -> None:
    original = {"originalTimestamp": "2026-11-20T08:00:00Z"}
    one = row_of(**original, timestamp="2026-11-20T08:00:01Z")
    two = row_of(**original, timestamp="2026-11-20T08:00:02Z")
    assert one["content_hash"] == two["content_hash"]


def test_the_order_of_keys_does_not_change_the_hash() -> None:
    one = row_of(properties={"a": 1, "b": {"c": 2, "d": 3}})
    two = row_of(properties={"b": {"d": 3, "c": 2}, "a": 1})
    assert one["content_hash"] == two["content_hash"]


def test_a_message_without_id_is_named_by_its_content() -> None:
    one, same = row_of(messageId=...), row_of(messageId=None)
    other = row_of(messageId="", properties={"n": 1})
    assert one["message_id"] == same["message_id"] == f"content-{one['content_hash']}"
    assert other["message_id"] != one["message_id"]


def test_messages_without_id_and_stamp_are_told_apart_by_their_arrival() -> None:
    bare = {"messageId": ..., "timestamp": ...}
    monday = row_of(**bare, receivedAt="2026-11-16T08:00:00Z")
    tuesday = row_of(**bare, receivedAt="2026-11-17T08:00:00Z")
    assert monday["content_hash"] == tuesday["content_hash"]
    assert monday["message_id"] != tuesday["message_id"]


def test_normalising_leaves_the_message_as_it_was() -> None:
    original = message(context={"traits": {"a": 1}}, traits={"b": 2})
    before = orjson.dumps(original)
    normalise(original, now=NOW)
    assert orjson.dumps(original) == before


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
fields = st.sampled_from([*BASE, "anonymousId", "groupId", "context", "properties", "receivedAt"])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # shared machines
@given(st.dictionaries(fields, json_values))
def test_any_object_becomes_a_row_or_a_refusal(changes: dict[str, Any]) -> None:
    row = normalise({**BASE, **changes}, now=NOW)
    if isinstance(row, dict):
        assert (
            row["occurred_at"]
            <= row["received_at"]
            <= NOW.replace(tzinfo=None) + timedelta(minutes=10)
        )
        assert row["event"]
        assert row["user_id"] or row["anonymous_id"] or row["group_id"]
