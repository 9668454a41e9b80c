"""What the Segment specification shows and the official clients send, read by intake."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pql_platform.intake.refusal import Refusal
from pql_platform.intake.segment import normalise

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def spec_examples(folder: Path) -> list[dict[str, Any]]:
    files = sorted((folder / "segment_spec_examples").glob("*.json"))
    return [example for file in files for example in json.loads(file.read_text())]


def test_the_examples_of_the_segment_specification_are_understood(shared_data: Path) -> None:
    """The examples abbreviate: a collector stamps `receivedAt`, a client always sends an id."""
    examples = spec_examples(shared_data)
    assert len(examples) == 23
    arrived = [{"receivedAt": "2026-11-21T11:00:00Z", **each} for each in examples]
    results = [normalise(each, now=NOW) for each in arrived]
    anonymous = [not {"userId", "anonymousId", "groupId"}.intersection(each) for each in examples]
    assert [isinstance(each, Refusal) for each in results] == anonymous
    assert {each.reason for each in results if isinstance(each, Refusal)} == {"no_identity"}
    events = {each["event"] for each in results if isinstance(each, dict)}
    assert {"Trial Started", "Invite Sent", "page:Home", "$group", "$alias"} <= events
    b2b = [each for each in results if isinstance(each, dict) and each["event"] == "Signed Up"]
    assert b2b[0]["group_id"] == "acct_123"


def batch_of(folder: Path, client: str) -> list[dict[str, Any]]:
    capture = json.loads((folder / "captures" / f"{client}.json").read_text())
    return [each for request in capture["requests"] for each in request["body"]["batch"]]


@pytest.mark.parametrize(
    ("client", "events"),
    [
        (
            "segment-analytics-node",
            "$identify $group Report Exported page:Pricing screen:Home $alias",
        ),
        (
            "segment-analytics-python-gzip-true",
            "$identify $group Report Exported page:Pricing screen:Home $alias",
        ),
        (
            "segment-analytics-python-gzip-false",
            "$identify $group Report Exported page:Pricing screen:Home $alias",
        ),
        ("rudder-sdk-python", "$identify $group Report Exported page:Pricing $alias"),
        ("rudderstack-rudder-sdk-node", "$identify Report Exported $group"),
    ],
)
def test_what_the_official_clients_send_is_understood(
    shared_data: Path, client: str, events: str
) -> None:
    rows = [normalise(each, now=NOW) for each in batch_of(shared_data, client)]
    good = [row for row in rows if isinstance(row, dict)]
    assert len(good) == len(rows)
    assert " ".join(row["event"] for row in good) == events
    assert {row["user_id"] for row in good} == {"u1"}
    by_event = {row["event"]: row for row in good}
    assert json.loads(by_event["$identify"]["traits"])["email"] == "ada@acme.io"
    assert by_event["$group"]["group_id"] == "acct_1"
    if "segment" in client:
        assert by_event["Report Exported"]["group_id"] == "acct_1"
    if "$alias" in by_event:
        assert by_event["$alias"]["previous_id"] == "anon-1"
