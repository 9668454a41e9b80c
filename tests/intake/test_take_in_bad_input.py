"""What is handed in by mistake: one line that says what to do, and nothing in the inbox."""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pql_platform.errors import PqlError
from pql_platform.intake import inbox as inbox_module
from pql_platform.intake.files import take_in, take_in_records
from pql_platform.intake.lines import Content

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LINE = (
    b'{"messageId":"m","type":"track","event":"Board Created","userId":"u",'
    b'"timestamp":"2026-11-20T08:00:00.000Z"}\n'
)
EventFile = Callable[..., Path]


def fault_of(path: Path, inbox: Path, **options: Any) -> PqlError:
    with pytest.raises(PqlError) as caught:
        take_in(path, inbox, now=NOW, **options)
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    assert not inbox.exists() or list(inbox.iterdir()) == []
    return caught.value


def test_a_missing_file_is_named(tmp_path: Path, inbox: Path) -> None:
    assert "no such file" in fault_of(tmp_path / "gone.ndjson", inbox).message


def test_a_path_through_a_file_is_named(event_file: EventFile, inbox: Path) -> None:
    assert "cannot be read" in fault_of(event_file(LINE) / "events.ndjson", inbox).message


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n \r\n", "holds no records"),
        (gzip.compress(b"", mtime=0), "holds no records"),
    ],
)
def test_a_file_without_records_is_refused(
    event_file: EventFile, inbox: Path, content: bytes, says: str
) -> None:
    assert fault_of(event_file(content), inbox).message == says


def test_a_folder_without_event_files_is_refused(tmp_path: Path, inbox: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "README.md").write_text("nothing here")
    assert "no event files" in fault_of(tmp_path / "notes", inbox).message


BINARY = bytes(range(256)) * 300


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (BINARY, "binary data"),
        (b"\0" * 4096, "binary data"),
        (b"\x89PNG\r\n\x1a\n" + BINARY, "a PNG image"),
        (b"PK\x03\x04" + BINARY, "a zip archive"),
        (b"\x28\xb5\x2f\xfd" + BINARY, "zstd"),
        (b"SQLite format 3\0" + BINARY, "SQLite"),
        (gzip.compress(gzip.compress(LINE * 100, mtime=0), mtime=0), "gzip inside gzip"),
        (gzip.compress(b"x" * 257 + b"ustar\x0000" + b"\0" * 300 + LINE, mtime=0), "a tar archive"),
        (LINE.decode().encode("utf-16"), "UTF-16"),
        (LINE.decode().encode("utf-16-le"), "UTF-16"),
        (LINE.decode().encode("utf-16-be"), "UTF-16"),
        (LINE.decode().encode("utf-32"), "UTF-32"),
        (LINE.replace(b"Board", b"B\xf6rd") * 9, "Latin-1"),
        (b"[\n" + LINE.replace(b"}\n", b"},\n") + b"]\n", "one JSON array"),
    ],
)
def test_a_file_that_holds_no_events_is_refused_by_what_it_is(
    event_file: EventFile, inbox: Path, content: bytes, says: str
) -> None:
    if says == "one JSON array":
        content = content.replace(b"},\n]", b"}]")
    assert says in fault_of(event_file(content), inbox).message


def test_a_cut_gzip_stream_is_refused_at_every_length(event_file: EventFile, inbox: Path) -> None:
    whole = gzip.compress(b"".join(LINE.replace(b'"m"', b'"m%d"' % n) for n in range(3_000)))
    for length in (3, 11, 200, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        fault = fault_of(event_file(whole[:length], "events.ndjson.gz"), inbox)
        assert fault.message == "ends in the middle of its gzip stream"


def test_damaged_gzip_is_refused(event_file: EventFile, inbox: Path) -> None:
    whole = bytearray(gzip.compress(LINE * 50))
    whole[-8] ^= 0xFF  # the checksum
    assert "damaged gzip" in fault_of(event_file(bytes(whole)), inbox).message
    assert "damaged gzip" in fault_of(event_file(gzip.compress(LINE) + b"more"), inbox).message


def test_a_gzip_bomb_is_refused_before_it_unfolds(event_file: EventFile, inbox: Path) -> None:
    bomb = gzip.compress(LINE * (12 * 1024 * 1024 // len(LINE)))
    assert "more than 100 times" in fault_of(event_file(bomb), inbox).message


def test_a_damaged_parquet_file_is_refused(
    tmp_path: Path, event_file: EventFile, inbox: Path
) -> None:
    pq.write_table(pa.table({"type": ["track"]}), tmp_path / "whole.parquet")
    cut = (tmp_path / "whole.parquet").read_bytes()[:-20]
    assert "not a readable Parquet" in fault_of(event_file(cut, "a.parquet"), inbox).message


def test_a_parquet_file_of_something_else_is_refused_by_its_columns(
    tmp_path: Path, inbox: Path
) -> None:
    pq.write_table(pa.table({"event": ["a"], "user": ["b"]}), tmp_path / "other.parquet")
    fault = fault_of(tmp_path / "other.parquet", inbox)
    assert fault.message == "has no column type"
    assert "event, user" in fault.hint


def test_an_unknown_source_is_refused_with_a_suggestion(event_file: EventFile, inbox: Path) -> None:
    fault = fault_of(event_file(LINE), inbox, source="segmnt")
    assert (fault.field, fault.hint) == ("source", "Did you mean segment?")
    assert "Known: segment" in fault_of(event_file(LINE), inbox, source="kafka").hint
    with pytest.raises(PqlError, match="not a known source"):
        take_in_records([], inbox, source="kafka", now=NOW, label="live")


def test_a_file_without_permission_is_refused(
    event_file: EventFile, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = event_file(LINE)

    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)  # a chmod does not stop root, who may run the tests
    fault = fault_of(path, inbox)
    assert "Permission denied" in fault.message
    assert fault.file == str(path)


def test_a_named_pipe_is_refused_instead_of_waited_for(tmp_path: Path, inbox: Path) -> None:
    os.mkfifo(tmp_path / "events.ndjson")
    assert "not a regular file" in fault_of(tmp_path / "events.ndjson", inbox).message


def test_a_file_that_grows_between_two_looks_is_refused(
    tmp_path: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.ndjson"
    path.write_bytes(LINE)
    os.utime(path, (time.time() + 60,) * 2)  # fresh, however slow the machine is

    def append_meanwhile(_: float) -> None:
        with path.open("ab") as file:
            file.write(LINE[:50])

    monkeypatch.setattr(time, "sleep", append_meanwhile)
    assert fault_of(path, inbox).message == "is still being written"


def test_a_file_that_grows_while_it_is_read_is_refused(event_file: EventFile, inbox: Path) -> None:
    path = event_file(LINE * 5_000)

    def append(_: int) -> None:
        with path.open("ab") as file:
            file.write(LINE)

    assert fault_of(path, inbox, progress=append).message == "is still being written"


def test_a_cut_gzip_stream_that_still_grows_is_said_to_be_growing(event_file: EventFile) -> None:
    whole = gzip.compress(LINE * 100)
    content = Content(event_file(whole[:-20], "events.ndjson.gz"))
    with content.path.open("ab") as file:
        file.write(whole[-20:-10])
    with pytest.raises(PqlError, match="still being written"):
        list(content.chunks())


def test_a_fresh_file_that_rests_is_taken_in(tmp_path: Path, inbox: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_bytes(LINE)
    assert take_in(path, inbox, now=NOW).accepted == 1


def test_one_bad_file_of_a_folder_keeps_the_whole_folder_out(
    event_file: EventFile, tmp_path: Path, inbox: Path
) -> None:
    (tmp_path / "export").mkdir()
    event_file(LINE, "export/1.ndjson")
    bad = event_file(gzip.compress(LINE)[:-4], "export/2.ndjson.gz")
    assert fault_of(tmp_path / "export", inbox).file == str(bad)


def test_an_inbox_that_cannot_be_written_is_named(event_file: EventFile, tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file, not a folder")
    with pytest.raises(PqlError, match="the inbox cannot be written") as caught:
        take_in(event_file(LINE), tmp_path / "occupied", now=NOW)
    assert "PQL_HOME" in caught.value.hint


def test_a_failing_rename_takes_back_the_parts_before_it(
    event_file: EventFile, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_module, "BATCH_ROWS", 2)
    monkeypatch.setattr(inbox_module, "PART_ROWS", 2)
    rename = Path.replace

    def fail_at_the_second(self: Path, target: Path) -> Path:
        if target.name.endswith("-001.parquet"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", fail_at_the_second)
    assert "No space left" in fault_of(event_file(LINE * 5), inbox).message


def test_what_a_killed_intake_left_is_swept_after_a_day(event_file: EventFile, inbox: Path) -> None:
    inbox.mkdir()
    old, young = inbox / ".1-0.part", inbox / ".2-0.part"
    for part in (old, young):
        part.write_bytes(b"half")
    os.utime(old, (1_700_000_000, 1_700_000_000))
    take_in(event_file(LINE), inbox, now=NOW)
    assert not old.exists()
    assert young.exists()
