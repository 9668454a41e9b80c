"""Limits on the shape of one record, against input made to exhaust memory or a later parser.

Each limit is asked cheaply of the JSON text first and only then exactly of the decoded record,
since nearly every record is far below all of them. Sizes of files and lines belong to `lines`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pql_platform.intake.refusal import RefusedError

MAX_DEPTH = 50
"""Objects and arrays inside one another, the record itself counted."""

MAX_KEYS = 1_000
"""Keys of all objects of a record together."""

_SHORTEST_KEY = 5  # bytes: "":1,
_BACKSLASH = ord("\\")  # as a number: one memchr, where a longer needle costs ten times that
# An even number of backslashes before it makes the escape an escaped backslash and plain text.
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def refuse_oversized(record: dict[str, object], text: bytes) -> None:
    """Refuse what is nested too deeply, has too many keys or hides a NUL.

    Args:
        record: The decoded record.
        text: Its JSON text.

    Raises:
        RefusedError: too_deep, too_many_keys or nul_byte (databases downstream, Postgres among
            them, cannot store a NUL in text).
    """
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH and _depth(record) > MAX_DEPTH:
        raise RefusedError("too_deep", f"more than {MAX_DEPTH} levels")
    if len(text) > _SHORTEST_KEY * MAX_KEYS and _keys(record) > MAX_KEYS:
        raise RefusedError("too_many_keys", f"more than {MAX_KEYS:,} keys")
    if _BACKSLASH in text and _ESCAPED_NUL.search(text):
        raise RefusedError("nul_byte", "a text holds \\u0000")


def _levels(record: dict[str, object]) -> Iterator[list[object]]:
    """Yield the objects and arrays of each level, without recursion: the depth is the attack."""
    level: list[object] = [record]
    while level:
        yield level
        inner: list[object] = []
        for value in level:
            if isinstance(value, dict):
                inner += value.values()
            elif isinstance(value, list):
                inner += value
        level = [value for value in inner if isinstance(value, (dict, list))]


def _depth(record: dict[str, object]) -> int:
    return sum(1 for _ in _levels(record))


def _keys(record: dict[str, object]) -> int:
    return sum(len(v) for level in _levels(record) for v in level if isinstance(v, dict))
