"""The bytes of one file, as lines with their exact offsets, in bounded memory.

Knows gzip, chunks, line ends, byte-order marks and the limits of size; whether a file stopped
changing, too. What a line means is not known here. Offsets count the bytes of the text: of a .gz
file, those of its decompressed content.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from pql_platform.errors import PqlError
from pql_platform.intake.schema import RAW_CAP

MAX_LINE = 1024 * 1024
"""Bytes of one line; Segment itself takes 32 KB a message and 500 KB a request."""

CHUNK = 1024 * 1024
FREE_EXPANSION = 10 * 1024 * 1024
"""Decompressed bytes before the ratio is looked at: short files of equal lines shrink well."""

MAX_RATIO = 100
"""Decompressed to compressed bytes; deflate ends near 1,030, real events stay below 30."""

_FRESH_SECONDS = 2.0
_LOOK_AGAIN_SECONDS = 0.2
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Overlong:
    """A line beyond `MAX_LINE`: what is left of it, since it was never held whole."""

    head: bytes
    length: int
    sha256: str


class Content:
    """One opened file: hashes what is read and tells whether the file changed meanwhile."""

    def __init__(self, path: Path) -> None:
        """Open the file once it looks finished.

        Raises:
            PqlError: It is missing, unreadable, no regular file or still growing.
        """
        self.path = path
        try:
            self._seen = _settled(path)
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise unreadable(path, error) from error
        self._hash = hashlib.sha256()
        self.consumed = 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self, size: int = -1) -> bytes:
        """Read raw bytes, as a file does."""
        data = self._file.read(size)
        self._hash.update(data)
        self.consumed += len(data)
        return data

    def chunks(self) -> Iterator[bytes]:
        """Yield the text of the file, decompressed if it is gzip by its first bytes.

        Raises:
            PqlError: The gzip stream is cut, damaged or expands beyond all reason, or the file
                changed while it was read.
        """
        with self._file:
            packed = self._file.read(2) == b"\x1f\x8b"
            self._file.seek(0)
            try:
                yield from self._unpacked() if packed else iter(lambda: self.read(CHUNK), b"")
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                self.refuse_change()
                raise _damaged(self.path, error) from error
            except OSError as error:
                raise unreadable(self.path, error) from error
            self.refuse_change()

    def sha256(self) -> str:
        """Return the hash of what was read so far: of the whole file after `chunks`."""
        return self._hash.hexdigest()

    def refuse_change(self) -> None:
        """Raise if the file is no longer what it was when it was opened."""
        try:
            now = _look(self.path)
        except OSError as error:
            raise unreadable(self.path, error) from error
        if now != self._seen:
            raise _still_written(self.path)

    def _unpacked(self) -> Iterator[bytes]:
        with gzip.GzipFile(fileobj=self, mode="rb") as unpacked:  # type: ignore[call-overload]
            produced = 0
            while data := unpacked.read(CHUNK):
                produced += len(data)
                if produced > FREE_EXPANSION and produced > MAX_RATIO * self.consumed:
                    raise PqlError(
                        f"expands to more than {MAX_RATIO} times its size",
                        file=self.path,
                        hint="If it is genuine, unpack it and give the unpacked file",
                    )
                yield data


class Lines:
    """Iterates over (offset, line) of the non-blank lines, without their newline.

    Attributes:
        cut: True while the last line is handed out if no newline ends it.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.cut = False

    def __iter__(self) -> Iterator[tuple[int, bytes | Overlong]]:
        chunks = iter(self._chunks)
        start = next(chunks, b"")
        offset = len(_BOM) if start.startswith(_BOM) else 0
        rest: bytes = b""
        monster: _Monster | None = None
        for chunk in chain((start[offset:],), chunks):
            if monster is not None:
                end = chunk.find(b"\n")
                monster.take(chunk if end < 0 else chunk[:end])
                if end < 0:
                    continue
                yield offset, monster.overlong()
                offset += monster.length + 1
                chunk, monster = chunk[end + 1 :], None
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line and not line.isspace():
                    yield offset, line if len(line) <= MAX_LINE else overlong(line)
                offset += len(line) + 1
            if len(rest) > MAX_LINE:
                monster, rest = _Monster(rest), b""
        self.cut = True
        if monster is not None:
            yield offset, monster.overlong()
        elif rest and not rest.isspace():
            yield offset, rest


class _Monster:
    """A line too long to hold: only its head, its length and its hash."""

    def __init__(self, start: bytes) -> None:
        self.head = start[:RAW_CAP]
        self.length = 0
        self._hash = hashlib.sha256()
        self.take(start)

    def take(self, data: bytes) -> None:
        self.length += len(data)
        self._hash.update(data)

    def overlong(self) -> Overlong:
        return Overlong(self.head, self.length, self._hash.hexdigest())


def overlong(line: bytes) -> Overlong:
    """Reduce a line that happened to arrive whole."""
    return _Monster(line).overlong()


def unreadable(path: Path, error: OSError) -> PqlError:
    """Say in one line why the file cannot be read."""
    if isinstance(error, FileNotFoundError):
        return PqlError("there is no such file", file=path, hint="Check the path")
    return PqlError(
        f"cannot be read ({error.strerror or error})",
        file=path,
        hint="Check its permissions and that it is a regular file",
    )


def _damaged(path: Path, error: Exception) -> PqlError:
    if isinstance(error, EOFError):
        return PqlError(
            "ends in the middle of its gzip stream",
            file=path,
            hint="Wait until it is complete or copy it again; nothing was taken in",
        )
    return PqlError(
        f"is damaged gzip ({error})", file=path, hint="Copy it again; nothing was taken in"
    )


def _look(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(None, "not a regular file", os.fspath(path))
    return status.st_ino, status.st_size, status.st_mtime_ns


def _settled(path: Path) -> tuple[int, int, int]:
    """Look at the file, and twice if it changed a moment ago."""
    seen = _look(path)
    if time.time() - seen[2] / 1e9 < _FRESH_SECONDS:
        time.sleep(_LOOK_AGAIN_SECONDS)
        if _look(path) != seen:
            raise _still_written(path)
    return seen


def _still_written(path: Path) -> PqlError:
    return PqlError(
        "is still being written", file=path, hint="Try again when its writer has closed it"
    )
