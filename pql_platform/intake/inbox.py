"""Writes inbox files: complete, synced and renamed, or not at all.

Rows come in as tuples and leave as Parquet parts that nobody sees before `publish`. Where rows come
from and what they mean is decided elsewhere; loading and archiving the files, too.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pql_platform.errors import PqlError
from pql_platform.intake.schema import (
    INBOX_SCHEMA,
    MESSAGE_COLUMNS,
    PLACE_COLUMNS,
    InboxRow,
)

PART_ROWS = 250_000
BATCH_ROWS = 2_000
"""Rows held as Python objects before they become columns; 10,000 leave the caches: 4 % slower."""

_ABANDONED_SECONDS = 24 * 3600.0
# Columns with few distinct values; a dictionary of ids or JSON texts would only be given up midway.
_DICTIONARY = ["source", "type", "event", "user_id", "anonymous_id", "group_id", "file", "reason"]


class InboxWriter:
    """Collects the rows of one intake and publishes them together.

    Attributes:
        rows: Rows written so far.
        quarantined: Those of them that have a reason.
    """

    def __init__(
        self, inbox: Path, *, source: str, now: datetime, progress: Callable[[int], None] | None
    ) -> None:
        self.rows = 0
        self.quarantined = 0
        self._inbox = inbox
        self._source = source
        self._progress = progress
        self._stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        # Two intakes of one file at one moment are two sets of files, also later in the archive.
        self._token = uuid.uuid4().hex[:8]
        self._batches: list[pa.RecordBatch] = []
        self._unnamed: list[Path] = []
        self._named: list[tuple[Path, Path]] = []

    def write(self, rows: Iterable[InboxRow], file: str) -> None:
        """Write the rows of the input of that name."""
        remaining = iter(rows)
        while batch := list(islice(remaining, BATCH_ROWS)):
            columns = _columns(batch, source=self._source, file=file)
            self.rows += columns.num_rows
            self.quarantined += columns.num_rows - columns.column("reason").null_count
            self._batches.append(columns)
            if self._progress is not None:
                self._progress(self.rows)
            if len(self._batches) * BATCH_ROWS >= PART_ROWS:
                self._write_part()

    def finish_file(self, sha256: str) -> None:
        """Close the parts of the input and name them after its content."""
        self._write_part()
        for part, temporary in enumerate(self._unnamed):
            name = f"{self._stamp}-{sha256[:12]}-{self._token}-{part:03d}.parquet"
            self._named.append((temporary, self._inbox / name))
        self._unnamed = []

    def publish(self) -> tuple[Path, ...]:
        """Make every finished part visible and return the files; a failure takes all back."""
        done: list[Path] = []
        with _named_faults(self._inbox):
            try:
                for temporary, final in self._named:
                    temporary.replace(final)
                    done.append(final)
                _sync(self._inbox)
            except BaseException:
                for final in done:
                    final.unlink(missing_ok=True)
                raise
        self._named = []
        return tuple(done)

    def discard(self) -> None:
        """Remove what was not published."""
        for temporary in (*self._unnamed, *(temporary for temporary, _ in self._named)):
            temporary.unlink(missing_ok=True)

    def _write_part(self) -> None:
        if not self._batches:
            return
        serial = len(self._named) + len(self._unnamed)
        temporary = self._inbox / f".{self._token}-{serial}.part"
        self._unnamed.append(temporary)
        with _named_faults(self._inbox):
            pq.write_table(
                pa.Table.from_batches(self._batches),
                temporary,
                compression="zstd",
                use_dictionary=_DICTIONARY,
                row_group_size=PART_ROWS // 2,
            )
            _sync(temporary)
        self._batches = []


@contextmanager
def open_inbox(
    inbox: Path,
    *,
    source: str,
    now: datetime,
    progress: Callable[[int], None] | None = None,
) -> Iterator[InboxWriter]:
    """Hand out a writer and leave nothing behind that was not published.

    Args:
        inbox: The folder; created if need be.
        source: Goes into the column of that name.
        now: Stamps the names of the files, timezone-aware.
        progress: Called with the rows so far after each batch.

    Raises:
        PqlError: The inbox cannot be written.
    """
    writer = InboxWriter(inbox, source=source, now=now, progress=progress)
    with _named_faults(inbox):
        inbox.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sweep(inbox)
    try:
        yield writer
    finally:
        writer.discard()


@contextmanager
def _named_faults(inbox: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PqlError(
            f"the inbox cannot be written ({error.strerror or error})",
            file=inbox,
            hint="Free some space or set PQL_HOME to a folder that you may write to",
        ) from error


def _sweep(inbox: Path) -> None:
    """Remove the parts of intakes that were killed; a living one writes a part within minutes."""
    for part in inbox.glob(".*.part"):
        with suppress(FileNotFoundError):  # another intake may sweep at the same time
            if time.time() - part.stat().st_mtime > _ABANDONED_SECONDS:
                part.unlink()


def _columns(rows: Sequence[InboxRow], *, source: str, file: str) -> pa.RecordBatch:
    values = dict(zip((*MESSAGE_COLUMNS, *PLACE_COLUMNS), zip(*rows, strict=True), strict=True))
    constants = {"source": source, "file": file}
    arrays = [
        pa.repeat(pa.scalar(constants[field.name], field.type), len(rows))
        if field.name in constants
        else pa.array(values[field.name], field.type)
        for field in INBOX_SCHEMA
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=INBOX_SCHEMA)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
