"""Parquet files of Segment columns into the inbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from pql_platform.intake.files import take_in
from pql_platform.intake.schema import INBOX_SCHEMA

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
EventFile = Callable[..., Path]
RowsIn = Callable[[Path], list[dict[str, Any]]]


def record(n: int) -> dict[str, Any]:
    return {
        "messageId": f"m{n}",
        "type": "track",
        "event": "Board Created",
        "userId": f"u{n % 3}",
        "timestamp": f"2026-11-20T08:00:{n % 60:02}.000Z",
        "properties": {"n": n, "title": "grün"},
    }


def columns_of(records: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = {name for each in records for name in each}
    return {name: [each.get(name) for each in records] for name in names}


def test_a_parquet_file_gives_the_same_rows_as_its_json(
    tmp_path: Path, event_file: EventFile, inbox: Path, rows_in: RowsIn
) -> None:
    records = [{**record(n), "context": {"groupId": "g"}, "anonymousId": None} for n in range(5)]
    take_in(event_file(b"\n".join(orjson.dumps(each) for each in records)), inbox / "json", now=NOW)
    as_text = [
        {**each, **{field: json.dumps(each[field]) for field in ("properties", "context")}}
        for each in records
    ]
    stamped = [{**each, "timestamp": datetime.fromisoformat(each["timestamp"])} for each in records]
    for name, each in {"structs": records, "texts": as_text, "timestamps": stamped}.items():
        pq.write_table(pa.table(columns_of(each)), tmp_path / f"{name}.parquet")
        take_in(tmp_path / f"{name}.parquet", inbox / name, now=NOW)
    keys = [key for key in INBOX_SCHEMA.names if key not in ("file", "byte_offset", "content_hash")]

    def essence(name: str) -> list[list[Any]]:
        return [[row[key] for key in keys] for row in rows_in(inbox / name)]

    assert essence("json") == essence("structs") == essence("texts") == essence("timestamps")
    assert [row["byte_offset"] for row in rows_in(inbox / "texts")] == [0, 1, 2, 3, 4]


def test_a_bad_row_of_a_parquet_file_is_quarantined_by_its_number(
    tmp_path: Path, inbox: Path, rows_in: RowsIn
) -> None:
    records = [{**record(n), "properties": "{}"} for n in range(3)]
    records[1]["properties"] = "{cut"
    records[2]["type"] = "delete"
    pq.write_table(pa.table(columns_of(records)), tmp_path / "events.parquet")
    taken = take_in(tmp_path / "events.parquet", inbox, now=NOW)
    assert (taken.accepted, taken.quarantined) == (3, 2)
    _, cut, unknown = rows_in(inbox)
    assert cut["byte_offset"] == 1
    assert cut["reason"].startswith("not_json: properties")
    assert b"{cut" in cut["raw"]
    assert unknown["reason"].startswith("unknown_type")


def test_nulls_and_nanoseconds_of_a_parquet_file_are_no_fault(
    tmp_path: Path, inbox: Path, rows_in: RowsIn
) -> None:
    table = pa.table(
        {
            "type": ["track", "track"],
            "event": ["A", "B"],
            "userId": pa.array([1.0, float("nan")], pa.float64()),
            "groupId": ["g", "g"],
            "timestamp": pa.array([1_795_161_600_000_000_001] * 2, pa.timestamp("ns", "UTC")),
            "properties": pa.array([{"a": 1, "b": None}, None]),
        }
    )
    pq.write_table(table, tmp_path / "events.parquet")
    assert take_in(tmp_path / "events.parquet", inbox, now=NOW).quarantined == 0
    one, two = rows_in(inbox)
    assert (one["user_id"], one["properties"]) == ("1", '{"a":1}')
    assert (two["user_id"], two["properties"]) == (None, "{}")
    assert one["occurred_at"] == datetime.fromisoformat("2026-11-20T08:00")
