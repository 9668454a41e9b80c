"""Files, folders, tables and running programs into the inbox: every record once, where it stood."""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pql_platform.intake import inbox as inbox_module
from pql_platform.intake.files import take_in, take_in_records
from pql_platform.intake.lines import MAX_LINE, Lines, Overlong
from pql_platform.intake.schema import INBOX_SCHEMA, RAW_CAP

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


def line(n: int) -> bytes:
    return orjson.dumps(record(n))


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["message_id"] for row in rows if row["reason"] is None]


def test_every_record_of_hedgebox_is_accepted(shared_data: Path, inbox: Path) -> None:
    taken = take_in(shared_data / "hedgebox_500" / "events.ndjson.gz", inbox, now=NOW)
    assert (taken.accepted, taken.quarantined) == (42_568, 0)
    table = pq.read_table(taken.files[0])
    assert table.schema.equals(INBOX_SCHEMA)
    assert table.num_rows == 42_568
    assert len(set(table["message_id"].to_pylist())) == 42_568


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("last_end", [True, False])
def test_line_ends_marks_and_gzip_make_no_difference(
    event_file: EventFile,
    inbox: Path,
    rows_in: RowsIn,
    packed: bool,
    end: bytes,
    mark: bytes,
    last_end: bool,
) -> None:
    content = mark + end.join([line(1), b"", line(2), b"  ", line(3)]) + (end if last_end else b"")
    path = event_file(gzip.compress(content) if packed else content)
    taken = take_in(path, inbox, now=NOW)
    rows = rows_in(inbox)
    assert (taken.accepted, taken.quarantined) == (3, 0)
    assert ids(rows) == ["m1", "m2", "m3"]
    for n, row in enumerate(rows, start=1):
        assert content[row["byte_offset"] :].startswith(line(n))
        assert row["file"] == path.name
        assert row["source"] == "segment"
    assert taken.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_gzip_file_of_several_members_is_one_text(
    event_file: EventFile, inbox: Path, rows_in: RowsIn
) -> None:
    first, second = line(1) + b"\n" + line(2)[:20], line(2)[20:] + b"\n"
    take_in(event_file(gzip.compress(first) + gzip.compress(second), "a.json.gz"), inbox, now=NOW)
    assert ids(rows_in(inbox)) == ["m1", "m2"]


GARBAGE = {
    "not_json": [b"garbage", b'{"type":"track",', b'{"a":NaN}', b'{"a":Infinity}', b"<html>", b"}"],
    "not_an_object": [b"[1,2]", b'"text"', b"17", b"null"],
    "not_utf8": [b'{"a":"\xff"}', b"\xfe\xff\x01", b'{"a":"gr\xfcn"}', b"\xed\xa0\x80"],
    "nul_byte": [b"\0\0\0", b'{"a":"\0"}', b'{"type":"track","event":"\\u0000"}'],
    "too_deep": [b'{"a":' * 51 + b"1" + b"}" * 51, b'{"a":' * 10_000, b"[" * 10_000],
    "too_many_keys": [orjson.dumps({f"k{n}": n for n in range(1_001)})],
    "too_long": [b'{"a":"' + b"x" * MAX_LINE + b'"}', b"y" * (3 * MAX_LINE)],
    "unknown_type": [b"{}", b'{"type":"delete"}'],
}


@pytest.mark.parametrize(
    ("reason", "garbage"), [(reason, bad) for reason, each in GARBAGE.items() for bad in each]
)
def test_garbage_at_any_line_leaves_the_rest_accepted(
    event_file: EventFile, inbox: Path, rows_in: RowsIn, reason: str, garbage: bytes
) -> None:
    for position in range(4):
        lines = [line(n) for n in range(3)]
        lines.insert(position, garbage)
        content = b"\n".join(lines) + b"\n"
        target = inbox / str(position)
        taken = take_in(event_file(content), target, now=NOW)
        rows = rows_in(target)
        assert (taken.accepted, taken.quarantined) == (4, 1)
        assert ids(rows) == ["m0", "m1", "m2"]
        ends = [content.find(b"\n", row["byte_offset"]) for row in rows]
        assert [
            content[row["byte_offset"] : end] for row, end in zip(rows, ends, strict=True)
        ] == lines
        bad = rows[position]
        assert bad["reason"].split(":")[0] == reason
        assert bad["raw"] == garbage[:RAW_CAP]
        assert bad["raw_sha256"] == hashlib.sha256(garbage).hexdigest()
        assert bad["message_id"] is None


def test_a_cut_last_line_of_a_finished_file_is_quarantined(
    event_file: EventFile, inbox: Path, rows_in: RowsIn
) -> None:
    for length in (1, 30, len(line(2)) - 1, line(2).index("ü".encode()) + 1):
        target = inbox / str(length)
        taken = take_in(event_file(line(1) + b"\n" + line(2)[:length]), target, now=NOW)
        assert (taken.accepted, taken.quarantined) == (2, 1)
        assert rows_in(target)[1]["reason"].startswith("not_json: cut off")


def test_the_last_of_duplicate_keys_counts(
    event_file: EventFile, inbox: Path, rows_in: RowsIn
) -> None:
    doubled = line(1).replace(b'"userId":"u1"', b'"userId":"first","userId":"last"')
    take_in(event_file(doubled), inbox, now=NOW)
    assert rows_in(inbox)[0]["user_id"] == "last"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.integers(0, 99) | st.binary(max_size=40).filter(lambda b: b"\n" not in b)),
    st.integers(0, 10),
    st.booleans(),
)
def test_accepted_is_always_good_and_bad_together(
    items: list[int | bytes], position: int, ended: bool
) -> None:
    items.insert(min(position, len(items)), 100)  # a file without any event is refused whole
    lines = [line(item) if isinstance(item, int) else item for item in items]
    content = b"\n".join(lines) + (b"\n" if ended else b"")
    assume(not content.startswith((b"\x1f\x8b", b"PAR1")))
    with tempfile.TemporaryDirectory() as folder:
        path, inbox = Path(folder) / "events.ndjson", Path(folder) / "inbox"
        path.write_bytes(content)
        os.utime(path, (1_700_000_000, 1_700_000_000))
        taken = take_in(path, inbox, now=NOW)
        rows = pq.read_table(taken.files[0]).to_pylist()
    text = content.removeprefix(b"\xef\xbb\xbf")
    assert taken.accepted == len(rows) == sum(1 for each in text.split(b"\n") if each.strip())
    good = [row for row in rows if row["reason"] is None]
    assert len(good) == sum(isinstance(item, int) for item in items)
    assert taken.quarantined == len(rows) - len(good)
    for row in rows:
        if row["reason"] is not None:
            assert content[row["byte_offset"] :].startswith(row["raw"])


def test_a_line_of_any_length_is_never_held_whole() -> None:
    def chunks() -> Iterator[bytes]:
        yield line(1) + b'\n{"a":"'
        for _ in range(64):
            yield b"x" * MAX_LINE
        yield b'"}\n' + line(2) + b"\n"

    tracemalloc.start()
    found = list(Lines(chunks()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    long_line = found[1][1]
    assert isinstance(long_line, Overlong)
    assert (long_line.length, len(long_line.head)) == (64 * MAX_LINE + 8, RAW_CAP)
    assert found[2] == (len(line(1)) + 1 + long_line.length + 1, line(2))
    assert peak < 6 * MAX_LINE


def test_many_records_become_several_parts_in_order(
    event_file: EventFile, inbox: Path, rows_in: RowsIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_module, "BATCH_ROWS", 10)
    monkeypatch.setattr(inbox_module, "PART_ROWS", 40)
    seen: list[int] = []
    content = b"".join(line(n) + b"\n" for n in range(95))
    taken = take_in(event_file(content), inbox, now=NOW, progress=seen.append)
    assert [file.name.rsplit("-", 1)[1] for file in taken.files] == [
        "000.parquet",
        "001.parquet",
        "002.parquet",
    ]
    assert ids(rows_in(inbox)) == [f"m{n}" for n in range(95)]
    assert seen == [*range(10, 91, 10), 95]


def test_the_same_file_twice_makes_two_sets_of_inbox_files(
    event_file: EventFile, inbox: Path, rows_in: RowsIn
) -> None:
    path = event_file(line(1))
    first, second = take_in(path, inbox, now=NOW), take_in(path, inbox, now=NOW)
    assert first.sha256 == second.sha256
    assert set(first.files).isdisjoint(second.files)
    assert ids(rows_in(inbox)) == ["m1", "m1"]
    assert first.files[0].name.startswith(f"20261121T120000000000Z-{first.sha256[:12]}-")


def test_a_folder_is_taken_in_by_name_without_its_empty_and_foreign_files(
    event_file: EventFile, tmp_path: Path, inbox: Path, rows_in: RowsIn
) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    event_file(gzip.compress(line(1)), "export/00.ndjson.gz")
    event_file(line(2), "export/01.jsonl")
    quiet = event_file(b"", "export/02.ndjson")
    event_file(b"# how to read this", "export/README.md")
    event_file(line(4), "export/.03.ndjson")
    taken = take_in(folder, inbox, now=NOW)
    assert (taken.accepted, taken.empty, len(taken.files)) == (2, (quiet,), 2)
    # Which of two files is loaded first is decided by their content, not by their names.
    assert {row["file"] for row in rows_in(inbox)} == {"00.ndjson.gz", "01.jsonl"}


def test_records_of_a_running_program_arrive_as_one_file(inbox: Path, rows_in: RowsIn) -> None:
    records: list[Any] = [record(0), {"type": "track"}, "text", {"a": object()}, record(4)]
    taken = take_in_records(iter(records), inbox, now=NOW, label="live")
    rows = rows_in(inbox)
    assert (taken.accepted, taken.quarantined, len(taken.files)) == (5, 3, 1)
    assert ids(rows) == ["m0", "m4"]
    assert [row["byte_offset"] for row in rows] == [0, 1, 2, 3, 4]
    assert {row["file"] for row in rows} == {"live"}
    assert [row["reason"].split(":")[0] for row in rows[1:4]] == [
        "no_event_name",
        "not_an_object",
        "wrong_type",
    ]


def test_no_records_make_no_file(inbox: Path) -> None:
    taken = take_in_records([], inbox, now=NOW, label="live")
    assert (taken.accepted, taken.files) == (0, ())
    assert list(inbox.iterdir()) == []
