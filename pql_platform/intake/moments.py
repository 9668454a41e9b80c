"""When an event happened and when it became known, from what its source wrote.

Reads the time formats that event sources use and applies the clock rules: nothing from the future,
nothing before 2000, no event known before it happened. The clock itself is always an argument.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from pql_platform.intake.refusal import RefusedError

FUTURE_TOLERANCE = timedelta(minutes=10)
"""Clocks a little ahead are common; beyond this a stamp is a fault, not skew."""

EARLIEST = datetime.fromisoformat("2000-01-01")
_EPOCH = datetime.fromisoformat("1970-01-01")


class Clock(NamedTuple):
    """The present as intake needs it, naive UTC.

    Attributes:
        now: The present.
        latest: The last moment that is still plausible.
    """

    now: datetime
    latest: datetime

    @classmethod
    def at(cls, now: datetime) -> Clock:
        """Build the clock from a timezone-aware moment."""
        return cls(naive_utc(now), naive_utc(now) + FUTURE_TOLERANCE)


def naive_utc(moment: datetime) -> datetime:
    """Return the moment in UTC without its zone; a moment without a zone is UTC already."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def parse_moment(value: object, field: str) -> datetime:
    """Read an ISO-8601 text (no offset means UTC), epoch milliseconds or a datetime.

    Raises:
        RefusedError: `bad_timestamp`, naming the field.
    """
    try:
        if isinstance(value, str):
            if value.endswith("Z"):
                moment = datetime.fromisoformat(value[:-1])
                if moment.tzinfo is None:
                    return moment
            else:
                return naive_utc(datetime.fromisoformat(value))
        elif isinstance(value, datetime):
            return naive_utc(value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            return _EPOCH + timedelta(milliseconds=value)
    except (ValueError, OverflowError):
        pass  # falls through to the one refusal that names the value
    raise RefusedError("bad_timestamp", f"{field} is {value!r}")


def moments_of(record: dict[str, Any], clock: Clock) -> tuple[datetime, datetime, object]:
    """Work out when the record's event happened and when it became known.

    `timestamp` is believed first; then Segment's correction for clock skew, receivedAt - (sentAt -
    originalTimestamp); then `originalTimestamp`, `receivedAt`, `sentAt`.

    Args:
        record: A Segment message.
        clock: The present.

    Returns:
        occurred_at and received_at, naive UTC, the first never after the second; and the stamp of
        the client itself as it was written, equal in every retry of the message (falsy if none:
        Segment computes `timestamp` anew on arrival where there is an `originalTimestamp`).

    Raises:
        RefusedError: no_timestamp, bad_timestamp, future_timestamp or before_2000.
    """
    stamp = record.get("timestamp")
    original = record.get("originalTimestamp")
    moment = parse_moment(stamp, "timestamp") if stamp else _unstamped(record)
    if not EARLIEST <= moment <= clock.latest:
        raise _implausible(moment, "timestamp")
    arrival = record.get("receivedAt")
    if arrival:
        received = parse_moment(arrival, "receivedAt")
        if not EARLIEST <= received <= clock.latest:
            raise _implausible(received, "receivedAt")
    else:
        received = moment if moment < clock.now else clock.now
    return moment if moment < received else received, received, original or stamp


def _unstamped(record: dict[str, Any]) -> datetime:
    original, received, sent = (
        parse_moment(record[field], field) if record.get(field) else None
        for field in ("originalTimestamp", "receivedAt", "sentAt")
    )
    if original and received and sent:
        try:
            return received - (sent - original)
        except OverflowError:
            raise RefusedError("bad_timestamp", f"originalTimestamp is {original}") from None
    moment = original or received or sent
    if moment is None:
        raise RefusedError("no_timestamp")
    return moment


def _implausible(moment: datetime, field: str) -> RefusedError:
    reason = "before_2000" if moment < EARLIEST else "future_timestamp"
    return RefusedError(reason, f"{field} is {moment.isoformat()}Z")
