"""Parquet files of Segment columns, read as the messages they hold.

Accepts the shapes that exports have: `properties`, `context` and `traits` as JSON text or as
structs, times as text or timestamps. What a message means is `segment`'s business.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from pql_platform.errors import PqlError
from pql_platform.intake.refusal import RefusedError

_BATCH = 10_000
_TEXT_OBJECTS = ("properties", "context", "traits")
_NEEDED = ("type", "timestamp|originalTimestamp|receivedAt", "userId|anonymousId|groupId")
_COLUMNS = (
    *("messageId", "type", "event", "name", "category"),
    *("userId", "anonymousId", "previousId", "groupId"),
    *("timestamp", "originalTimestamp", "sentAt", "receivedAt"),
    *_TEXT_OBJECTS,
)


def table_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet file in order, as columns by name, without nulls.

    Raises:
        PqlError: The file is damaged, or a column without which no message is complete is absent.
    """
    try:
        with pq.ParquetFile(path) as file:
            present = set(file.schema_arrow.names)
            _refuse_without_columns(present, path)
            columns = [name for name in _COLUMNS if name in present]
            for batch in file.iter_batches(_BATCH, columns=columns):
                for row in _in_microseconds(batch).to_pylist():
                    # NaN, the only value unequal to itself, is how pandas writes "missing".
                    yield {k: v for k, v in row.items() if v is not None and v == v}
    except (pa.ArrowException, OSError) as error:
        raise PqlError(
            f"is not a readable Parquet file ({str(error).splitlines()[0]})",
            file=path,
            hint="Copy or export it again; nothing was taken in",
        ) from error


def message_of(row: dict[str, Any]) -> dict[str, Any]:
    """Decode the JSON texts and structs of a row into a message.

    Raises:
        RefusedError: not_json for a text that is not JSON.
    """
    message = dict(row)
    for field in _TEXT_OBJECTS:
        value = row.get(field)
        if isinstance(value, str):
            try:
                message[field] = orjson.loads(value) if value else None
            except orjson.JSONDecodeError as error:
                raise RefusedError("not_json", f"{field}: {error}") from error
        elif value is not None:
            message[field] = _without_nulls(orjson.loads(as_json(value)))
    return message


def as_json(value: object) -> bytes:
    """Encode what Parquet holds; what JSON has no type for becomes a number or a text."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)


def _plain(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else str(value)


def _without_nulls(value: Any) -> Any:
    """Drop null members: a struct has every field of its type, a message only those it was sent."""
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return value


def _in_microseconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Cut nanoseconds, which Python's datetime cannot hold."""
    arrays = [
        column.cast(pa.timestamp("us", column.type.tz), safe=False)
        if pa.types.is_timestamp(column.type)
        else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def _refuse_without_columns(present: set[str], path: Path) -> None:
    for alternatives in _NEEDED:
        if not present.intersection(alternatives.split("|")):
            raise PqlError(
                f"has no column {' or '.join(alternatives.split('|'))}",
                file=path,
                hint=f"Name its columns as Segment does; it has {', '.join(sorted(present)[:8])}",
            )
