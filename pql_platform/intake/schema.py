"""The columns of an inbox file: the contract between intake and the warehouse.

One row per record read, good or bad, so that rows written always equals records read. Good records
have `reason` null; bad ones keep where they stood, why they were refused and their first bytes. How
a row comes about is not decided here.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import pyarrow as pa

RAW_CAP = 64 * 1024
"""Bytes of a refused line that are kept; its sha256 still covers all of it."""

INBOX_SCHEMA = pa.schema(
    [
        ("message_id", pa.string()),
        ("source", pa.string()),
        ("type", pa.string()),
        ("event", pa.string()),
        ("user_id", pa.string()),
        ("anonymous_id", pa.string()),
        ("previous_id", pa.string()),
        ("group_id", pa.string()),
        ("occurred_at", pa.timestamp("us")),
        ("received_at", pa.timestamp("us")),
        ("properties", pa.string()),
        ("traits", pa.string()),
        ("content_hash", pa.string()),
        ("file", pa.string()),
        ("byte_offset", pa.int64()),
        ("reason", pa.string()),
        ("raw", pa.binary()),
        ("raw_sha256", pa.string()),
    ]
)
"""Times are naive UTC; `properties` and `traits` are JSON objects as text ("{}" if empty)."""

MESSAGE_COLUMNS = (
    *("message_id", "type", "event", "user_id", "anonymous_id", "previous_id", "group_id"),
    *("occurred_at", "received_at", "properties", "traits", "content_hash"),
)
"""What a message says itself."""

PLACE_COLUMNS = ("byte_offset", "reason", "raw", "raw_sha256")
"""Where a record stood and, if it is quarantined, why and what it was."""

MessageRow: TypeAlias = tuple[Any, ...]
"""Values of `MESSAGE_COLUMNS`. A tuple, not a dictionary: a million of them become columns."""

InboxRow: TypeAlias = tuple[Any, ...]
"""Values of `MESSAGE_COLUMNS` and then `PLACE_COLUMNS`; the rest is equal for a whole input."""
