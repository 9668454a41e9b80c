"""Takes product events into the inbox: from files, folders and running programs.

The way in for all events: every record read becomes one inbox row, good or quarantined, and a call
takes everything or nothing. The parts it composes: `lines` and `tables` read, `recognise` refuses
foreign files, `segment` understands messages, `inbox` writes. Loading the inbox is not done here.
"""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

import orjson

from pql_platform.errors import PqlError
from pql_platform.intake import segment
from pql_platform.intake.inbox import open_inbox
from pql_platform.intake.lines import CHUNK, Content, Lines, Overlong, unreadable
from pql_platform.intake.quarantine import not_an_object, quarantined, too_long, unread_line
from pql_platform.intake.recognise import HEAD, is_parquet, refuse_foreign
from pql_platform.intake.refusal import Refusal, RefusedError
from pql_platform.intake.schema import InboxRow, MessageRow
from pql_platform.intake.tables import as_json, message_of, table_rows

_NORMALISERS = {"segment": segment.normaliser}
_SUFFIXES = (".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz", ".json.gz", ".parquet")
_Read = Callable[[dict[str, Any], bytes], MessageRow | Refusal]


@dataclass(frozen=True, slots=True)
class Taken:
    """What one intake did.

    Attributes:
        accepted: Records read, which is rows written, good and quarantined.
        quarantined: Those of them that carry a reason.
        files: The inbox files, in order.
        sha256: Hash of the input file, of several files' hashes, or of the records as JSON.
        empty: Files of a folder that held no record: an hour without events is no fault.
    """

    accepted: int
    quarantined: int
    files: tuple[Path, ...]
    sha256: str
    empty: tuple[Path, ...] = ()


def take_in(
    path: Path,
    inbox: Path,
    *,
    source: str = "segment",
    now: datetime,
    progress: Callable[[int], None] | None = None,
) -> Taken:
    """Take a file, or all event files of a folder, into the inbox.

    Reads newline-delimited JSON (plain or gzip) and Parquet, told apart by content. The same
    content may come twice; duplicates are found when the inbox is loaded.

    Args:
        path: A file or a folder.
        inbox: Where the Parquet files go; created if need be.
        source: Which format the messages have.
        now: The clock, timezone-aware.
        progress: Called with the number of records read so far, every 2,000.

    Raises:
        PqlError: The source is unknown, or a file is missing, unreadable, empty, foreign, damaged
            or still being written. The inbox then holds nothing of this call.
    """
    read = _normaliser(source, now)
    try:
        inputs = _event_files(path) if path.is_dir() else [path]
    except OSError as error:
        raise unreadable(path, error) from error
    hashes: list[str] = []
    empty: list[Path] = []
    with open_inbox(inbox, source=source, now=now, progress=progress) as writer:
        for each in inputs:
            rows_before = writer.rows
            with closing(Content(each)) as content:
                rows = _table_rows if is_parquet(each) else _line_rows
                writer.write(rows(content, read), _label(each))
                sha256 = content.sha256()
            writer.finish_file(sha256)
            hashes.append(sha256)
            if writer.rows == rows_before:
                empty.append(each)
        if not writer.rows:
            raise _nothing_in(path)
        return Taken(
            accepted=writer.rows,
            quarantined=writer.quarantined,
            files=writer.publish(),
            sha256=_hash_of_hashes(hashes) if len(hashes) > 1 else hashes[0],
            empty=tuple(empty),
        )


def take_in_records(
    records: Iterable[dict[str, Any]],
    inbox: Path,
    *,
    source: str = "segment",
    now: datetime,
    label: str,
) -> Taken:
    """Take messages from a running program into the inbox, as one file.

    Args:
        records: Decoded messages, with `receivedAt` set by who received them.
        inbox: Where the Parquet file goes; created if need be.
        source: Which format the messages have.
        now: The clock, timezone-aware.
        label: Stands for the file name; `byte_offset` counts the records.

    Returns:
        What was taken; no file if there were no records.

    Raises:
        PqlError: The source is unknown or the inbox cannot be written.
    """
    read = _normaliser(source, now)
    content = hashlib.sha256()

    def rows() -> Iterator[InboxRow]:
        for position, record in enumerate(records):
            row, text = _record_row(record, position, read)
            content.update(text)
            yield row

    with open_inbox(inbox, source=source, now=now) as writer:
        writer.write(rows(), label)
        writer.finish_file(content.hexdigest())
        return Taken(writer.rows, writer.quarantined, writer.publish(), content.hexdigest())


def _line_rows(content: Content, read: _Read) -> Iterator[InboxRow]:
    chunks = content.chunks()
    head = next(chunks, b"")
    if head:
        refuse_foreign(head[:HEAD], content.path)
    lines = Lines(chain((head,), chunks))
    for offset, line in lines:
        if isinstance(line, Overlong):
            yield quarantined(too_long(line), offset, line)
            continue
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield quarantined(unread_line(error, line, cut=lines.cut), offset, line)
            continue
        result = read(record, line) if type(record) is dict else not_an_object(record)
        if isinstance(result, Refusal):
            yield quarantined(result, offset, line)
        else:
            yield (*result, offset, None, None, None)


def _table_rows(content: Content, read: _Read) -> Iterator[InboxRow]:
    for position, row in enumerate(table_rows(content.path)):
        try:
            result, _ = _record_row(message_of(row), position, read)
        except RefusedError as refused:
            result = quarantined(refused.refusal, position, as_json(row))
        yield result
    while content.read(CHUNK):
        pass  # only hashed: the table was read through its own footer
    content.refuse_change()


def _record_row(record: dict[str, Any], position: int, read: _Read) -> tuple[InboxRow, bytes]:
    """Build the row of a decoded record, and its JSON text."""
    try:
        text = segment.encode(record)
    except RefusedError as refused:
        text = repr(record).encode(errors="backslashreplace")
        return quarantined(refused.refusal, position, text), text
    result = read(record, text) if isinstance(record, dict) else not_an_object(record)
    return _placed(result, position, text), text


def _placed(result: MessageRow | Refusal, offset: int, raw: bytes) -> InboxRow:
    if isinstance(result, Refusal):
        return quarantined(result, offset, raw)
    return (*result, offset, None, None, None)


def _event_files(folder: Path) -> list[Path]:
    found = sorted(
        each
        for each in folder.iterdir()
        if each.name.endswith(_SUFFIXES) and not each.name.startswith(".") and each.is_file()
    )
    if not found:
        raise PqlError(
            "holds no event files", file=folder, hint=f"Looked for *{', *'.join(_SUFFIXES)}"
        )
    return found


def _label(path: Path) -> str:
    """Name the file in text: a name on disk may be bytes that are not UTF-8."""
    return os.fsencode(path.name).decode(errors="replace")


def _nothing_in(path: Path) -> PqlError:
    what = "is empty" if path.is_file() and not path.stat().st_size else "holds no records"
    return PqlError(what, file=path, hint="Check what writes it; nothing was taken in")


def _normaliser(source: str, now: datetime) -> _Read:
    if source not in _NORMALISERS:
        close = difflib.get_close_matches(source, _NORMALISERS, n=1)
        known = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(_NORMALISERS)}"
        raise PqlError(f"{source!r} is not a known source", field="source", hint=known)
    return _NORMALISERS[source](now=now)


def _hash_of_hashes(hashes: list[str]) -> str:
    return hashlib.sha256("".join(hashes).encode()).hexdigest()
