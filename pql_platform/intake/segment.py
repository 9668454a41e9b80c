"""One Segment-spec message in, one inbox row or one refusal out.

Holds the semantics of the format as the official Segment and RudderStack clients write it: where
the names, ids, groups and traits of each message type are found. Pure: no files, no clock. Reading
bytes is `files`, times are `moments`, limits are `limits`. Every event passes here, so the common
shape of each field is tested in place and only the rare ones cost a call.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Any, NoReturn

import orjson

from pql_platform.intake.limits import refuse_oversized
from pql_platform.intake.moments import Clock, moments_of
from pql_platform.intake.refusal import Refusal, RefusedError
from pql_platform.intake.schema import MESSAGE_COLUMNS, MessageRow

_NAMED_AFTER = {"identify": "$identify", "group": "$group", "alias": "$alias"}
_EXACT_FLOAT = 2**53
"""Whole numbers up to here survive a JSON parser that reads numbers as doubles."""

_HASH_DIGITS = 32
"""128 bits: no accidental collision below 10^18 messages, at half the storage of a full sha256."""


def normalise(record: dict[str, Any], *, now: datetime) -> dict[str, Any] | Refusal:
    """Turn one message into the columns of an inbox row.

    Args:
        record: The decoded message; it is not changed.
        now: The clock, timezone-aware; decides what lies in the future.

    Returns:
        `MESSAGE_COLUMNS` by name, or why the message cannot be used.
    """
    try:
        text = encode(record)
    except RefusedError as refused:
        return refused.refusal
    row = normaliser(now=now)(record, text)
    return row if isinstance(row, Refusal) else dict(zip(MESSAGE_COLUMNS, row, strict=True))


def normaliser(*, now: datetime) -> Callable[[dict[str, Any], bytes], MessageRow | Refusal]:
    """Prepare `normalise` for many messages: it takes their JSON text too and returns tuples.

    Returns:
        A function of the decoded message and its JSON text, with the values of `MESSAGE_COLUMNS`
        as its result.
    """
    clock = Clock.at(now)

    def read(record: dict[str, Any], text: bytes) -> MessageRow | Refusal:
        try:
            return _row(record, text, clock)
        except RefusedError as refused:
            return refused.refusal

    return read


def encode(record: dict[str, Any]) -> bytes:
    """Write a message as JSON.

    Raises:
        RefusedError: wrong_type for what JSON cannot hold, too_deep beyond 254 levels.
    """
    try:
        return orjson.dumps(record)
    except TypeError as error:
        reason = "too_deep" if "Recursion" in str(error) else "wrong_type"
        raise RefusedError(reason, str(error)) from error


def _row(record: dict[str, Any], text: bytes, clock: Clock) -> MessageRow:
    refuse_oversized(record, text)
    kind = record.get("type")
    context = record.get("context")
    if type(context) is not dict:
        context = _no_object(context, "context")
    properties = record.get("properties")
    if type(properties) is not dict:
        properties = _no_object(properties, "properties")
    event = _event(record, kind, properties)
    user_id, anonymous_id, previous_id, group_id = _identities(record, context)
    occurred_at, received_at, own_stamp = moments_of(record, clock)
    properties_text = _json(properties)
    traits_text = _json(_traits(record, kind, context))
    # What is kept of the message and what the client stamped, nothing of its transport: a retry
    # hashes alike whatever its sentAt, receivedAt, library or IP. NUL cannot occur in the parts.
    content = (
        f"{event}\0{user_id or ''}\0{anonymous_id or ''}\0{previous_id or ''}\0{group_id or ''}"
        f"\0{own_stamp or ''}\0{properties_text}\0{traits_text}"
    )
    content_hash = sha256(content.encode()).hexdigest()[:_HASH_DIGITS]
    message_id = record.get("messageId")
    if type(message_id) is not str:
        message_id = _id(message_id, "messageId")
    if not message_id:
        # Without a stamp of its own, only its arrival tells the message from its like.
        arrival = "" if own_stamp else f"-{occurred_at.isoformat()}"
        message_id = f"content-{content_hash}{arrival}"
    return (
        message_id,
        kind,
        event,
        user_id,
        anonymous_id,
        previous_id,
        group_id,
        occurred_at,
        received_at,
        properties_text,
        traits_text,
        content_hash,
    )


def _event(record: dict[str, Any], kind: object, properties: dict[str, Any]) -> str:
    if kind == "track":
        name = record.get("event")
        if name is None or name == "":
            raise RefusedError("no_event_name")
        return name if type(name) is str else _no_text(name, "event")
    if kind == "page" or kind == "screen":
        name = record.get("name")
        if type(name) is not str or not name:
            name = _view_name(name, record, properties)
        return f"{kind}:{name}"
    if type(kind) is str and kind in _NAMED_AFTER:
        return _NAMED_AFTER[kind]
    raise RefusedError("unknown_type", "type is missing" if kind is None else f"type is {kind!r}")


def _view_name(name: object, record: dict[str, Any], properties: dict[str, Any]) -> str:
    """Name a page or screen; the specification makes `name` optional, and clients do leave it out.

    The path is no substitute: paths carry ids, and each would become an event name of its own.
    """
    for candidate in (name, properties.get("name"), record.get("category")):
        if candidate is not None and candidate != "":
            return candidate if type(candidate) is str else _no_text(candidate, "name")
    return "unnamed"


def _traits(record: dict[str, Any], kind: object, context: dict[str, Any]) -> dict[str, Any]:
    """Find the traits: of the account in a group call, of the user in every other call.

    `context.traits` always describes the user (rudder-sdk-python identifies by nothing else), so
    they never become traits of a group.
    """
    own = record.get("traits")
    if type(own) is not dict:
        own = _no_object(own, "traits")
    if kind == "group":
        return own
    carried = context.get("traits")
    if carried is None:
        return own
    if type(carried) is not dict:
        carried = _no_object(carried, "context.traits")
    return {**carried, **own}


def _identities(
    record: dict[str, Any], context: dict[str, Any]
) -> tuple[str | None, str | None, str | None, str | None]:
    user_id = record.get("userId")
    if type(user_id) is not str:
        user_id = _id(user_id, "userId")
    anonymous_id = record.get("anonymousId")
    if type(anonymous_id) is not str:
        anonymous_id = _id(anonymous_id, "anonymousId")
    previous_id = _id(record["previousId"], "previousId") if "previousId" in record else None
    group_id = _id(record["groupId"], "groupId") if "groupId" in record else None
    if not group_id and "groupId" in context:
        group_id = _id(context["groupId"], "context.groupId")
    if not (user_id or anonymous_id or group_id):
        raise RefusedError("no_identity", "userId, anonymousId and groupId are all missing")
    return user_id or None, anonymous_id or None, previous_id or None, group_id or None


def _id(value: object, field: str) -> str | None:
    if value is None or type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    if type(value) is float and value.is_integer() and abs(value) <= _EXACT_FLOAT:
        return str(int(value))
    raise RefusedError("wrong_type", f"{field} is {_named(value)}")


def _no_object(value: object, field: str) -> dict[str, Any]:
    if value is None:
        return {}
    raise RefusedError("wrong_type", f"{field} is {_named(value)}")


def _no_text(value: object, field: str) -> NoReturn:
    raise RefusedError("wrong_type", f"{field} is {_named(value)}")


def _named(value: object) -> str:
    kinds = {bool: "a boolean", int: "a number", float: "a number", list: "a list"}
    kinds |= {dict: "an object", str: "a text"}
    return f"{kinds.get(type(value), type(value).__name__)} ({str(value)[:40]!r})"


def _json(value: dict[str, Any]) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode() if value else "{}"
