"""What a file is, from its first bytes: tells events from everything that is handed in by mistake.

Only faults of the whole file are named here; one bad line among good ones goes to quarantine. File
names are not trusted: the content decides.
"""

from __future__ import annotations

import codecs
from pathlib import Path

import orjson

from pql_platform.errors import PqlError

HEAD = 64 * 1024
"""Bytes that are looked at."""

_ENCODINGS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_SIGNATURES = (
    (b"PK\x03\x04", "a zip archive"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed data"),
    (b"BZh", "bzip2-compressed data"),
    (b"\xfd7zXZ\x00", "xz-compressed data"),
    (b"\x1f\x8b", "gzip inside gzip"),
    (b"PAR1", "Parquet inside gzip"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"SQLite format 3\x00", "a SQLite database"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x7fELF", "a program"),
)
_TAR_MAGIC, _TAR_AT = b"ustar", 257


def is_parquet(path: Path) -> bool:
    """Tell a Parquet file by its first four bytes; False for what cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError:
        return False  # the reader that follows names the fault


def refuse_foreign(head: bytes, path: Path) -> None:
    """Refuse a text that cannot be newline-delimited JSON.

    Args:
        head: The first `HEAD` bytes of the decompressed content.
        path: The file they are from, for the message.

    Raises:
        PqlError: Wrong encoding, binary data, or one JSON array instead of lines.
    """
    if head[_TAR_AT : _TAR_AT + len(_TAR_MAGIC)] == _TAR_MAGIC:
        raise _foreign(path, "a tar archive")
    if any(_is_record(line) for line in head.split(b"\n")):
        return
    if b"\0" in head or not _is_utf8(head):
        raise _binary(head, path)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        raise PqlError(
            "is one JSON array, not one JSON object per line",
            file=path,
            hint="Turn it into lines: jq -c '.[]' FILE > FILE.ndjson",
        )


def _is_record(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line.removeprefix(codecs.BOM_UTF8)), dict)
    except orjson.JSONDecodeError:
        return False


def _is_utf8(head: bytes) -> bool:
    try:
        # Not final: the head may end within a character.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _binary(head: bytes, path: Path) -> PqlError:
    for mark, encoding in _ENCODINGS:
        if head.startswith(mark):
            return _wrong_encoding(path, encoding)
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return _foreign(path, name)
    nul_share = head.count(b"\0") / len(head)
    if 0.3 < nul_share < 0.6 and b'"\0' in head:
        return _wrong_encoding(path, "UTF-16")
    if nul_share == 0 and head.lstrip().startswith(b"{"):
        return _wrong_encoding(path, "Latin-1 or Windows-1252")
    return _foreign(path, "binary data")


def _wrong_encoding(path: Path, encoding: str) -> PqlError:
    return PqlError(
        f"is {encoding} text, events must be UTF-8",
        file=path,
        hint="Convert it with iconv -f ENCODING -t UTF-8",
    )


def _foreign(path: Path, name: str) -> PqlError:
    return PqlError(
        f"looks like {name}, not like events",
        file=path,
        hint="Give newline-delimited JSON (plain or gzip) or Parquet",
    )
