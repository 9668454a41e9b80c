"""The identities that make a repetition recognisable.

An identity is made of what a message is about, and of nothing that a second computation could find
different: no score, version, run or moment. Who uses an identity belongs elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256


def message_key(
    program: str, level: str, subject_id: str, kind: str, tier: int | None, episode: int
) -> str:
    """The idempotency key of one message of one episode, as 64 hexadecimal digits."""
    return _digest("message", program, level, subject_id, kind, tier, episode)


def handoff_id(program: str, level: str, subject_id: str, episode: int) -> str:
    """The id of a hand-off: the same crossing has the same one, even in a rebuilt ledger."""
    return f"h{_digest('handoff', program, level, subject_id, episode)[:24]}"


def oncall_key(cause: str, now: datetime) -> str:
    """The key of a page: one per cause and hour of the clock, however many leads it touches."""
    return _digest("oncall", cause, int(now.timestamp() // 3600))


def digest_key(program: str, version_id: str, times: int) -> str:
    """The key of the digest of a version that is live for the so-manieth time, from 1 up."""
    return _digest("digest", program, version_id, times)


def storm_key(program: str, handoff_ids: Sequence[str]) -> str:
    """The key of the digest that stands for the alerts of so many hand-offs, in any order."""
    return _digest("storm", program, *sorted(handoff_ids))


def proposal_key(program: str, occasion: str) -> str:
    """The key of the message about a calibration: one per version, or per day of a refusal."""
    return _digest("proposal", program, occasion)


def _digest(*parts: str | int | None) -> str:
    # JSON keeps parts apart whatever they contain; joining them by a sign would not.
    return sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()
