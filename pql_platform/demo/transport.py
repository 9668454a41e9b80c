"""What happens to messages between the product and the file: late, twice, or spoilt.

Times are decided for whole columns; only the few spoilt lines are touched one by one. Nothing here
knows what a message means.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import orjson

from pql_platform.demo.calendar import DAY_MS, HOUR_MS, Ints
from pql_platform.demo.catalogue import Action
from pql_platform.demo.diary import Events

LATE_SHARE = 0.015
LATE_FROM_MS = HOUR_MS // 4
DUPLICATE_SHARE = 0.004
MALFORMED_SHARE = 0.0005

_LATE_HOURS_MEDIAN, _LATE_SIGMA, _LATE_MAX_MS = 5.0, 1.4, 5 * DAY_MS
# Sent by the server or while the page is surely online; an account must not miss its beginning.
_NEVER_LATE = (
    Action.IDENTIFY,
    Action.GROUP_TRIAL,
    Action.GROUP_FREE,
    Action.GROUP_PLAIN,
    Action.SIGNED_UP,
    Action.SIGNED_UP_INVITED,
    Action.SUBSCRIPTION_STARTED,
    Action.SUBSCRIPTION_CANCELED,
)


@dataclass(frozen=True)
class Arrivals:
    """Messages as they come in, in the order of receipt.

    Attributes:
        event: Row of `Events`; a row that appears twice was delivered twice.
        sent_ms: When the device sent it.
        received_ms: When it was received.
        duplicates: How many messages are repetitions.
    """

    event: Ints
    sent_ms: Ints
    received_ms: Ints
    duplicates: int


def deliver(rng: np.random.Generator, events: Events, end_ms: int) -> Arrivals:
    """Receive events: most within seconds, some after hours or days, a few twice.

    What would be received at or after `end_ms` is not there yet.
    """
    size = len(events)
    late = (rng.random(size) < LATE_SHARE) & ~np.isin(events.action, _NEVER_LATE)
    held = _LATE_HOURS_MEDIAN * HOUR_MS * np.exp(_LATE_SIGMA * rng.normal(size=size))
    held = np.where(late, np.clip(held, LATE_FROM_MS, _LATE_MAX_MS), 0)
    sent = events.at_ms + held.astype(np.int64) + rng.integers(2, 400, size=size)
    received = sent + rng.integers(40, 1_800, size=size)
    first = np.flatnonzero(received < end_ms)
    again = first[rng.random(len(first)) < DUPLICATE_SHARE]
    again_received = received[again] + rng.integers(500, 90_000, size=len(again))
    seen = again_received < end_ms
    event = np.concatenate([first, again[seen]])
    received = np.concatenate([received[first], again_received[seen]])
    order = np.argsort(received, kind="stable")
    return Arrivals(
        event=event[order],
        sent_ms=sent[event][order],
        received_ms=received[order],
        duplicates=int(seen.sum()),
    )


def spoil(rng: np.random.Generator, lines: list[str]) -> int:
    """Insert malformed lines, spoilt copies of good ones, and return how many.

    The text of an undecodable line holds lone surrogates: encode with `surrogateescape`.
    """
    count = int(rng.binomial(len(lines), MALFORMED_SHARE))
    # From the back, so that the places before stay where they are.
    for place in sorted(rng.choice(len(lines), size=count, replace=False), reverse=True):
        damage = _DAMAGES[rng.integers(len(_DAMAGES))]
        lines.insert(place, damage(rng, lines[place]))
    return count


def _cut(rng: np.random.Generator, line: str) -> str:
    return line[: int(rng.integers(1, len(line) - 1))]


def _mistype(rng: np.random.Generator, line: str) -> str:
    message = orjson.loads(line)
    message["messageId"] += "-t"
    if rng.random() < 0.5:
        message["type"] = int(rng.integers(100))
    else:
        message["timestamp"] = {"at": message["timestamp"]}
    return orjson.dumps(message).decode()


def _forget_ids(rng: np.random.Generator, line: str) -> str:
    message = orjson.loads(line)
    message["messageId"] += "-n"
    for field in ("userId", "anonymousId", "groupId", "context"):
        message.pop(field, None)
    return orjson.dumps(message).decode()


def _garble(rng: np.random.Generator, line: str) -> str:
    place = line.index('"type"') - 2
    return f"{line[:place]}\udcff\udcfe{line[place:]}"


_DAMAGES = (_cut, _mistype, _forget_ids, _garble)
