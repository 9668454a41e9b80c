"""Why a record cannot be used: the vocabulary of the quarantine.

A refusal is an expected result, not an accident, so it is a value; inside intake it travels as
`RefusedError` to the one place that turns it into that value. Faults of a whole file are
`PqlError`s and do not belong here.
"""

from __future__ import annotations

from dataclasses import dataclass

DETAIL_CAP = 200
"""Characters of a detail: enough to recognise a value, too few to carry a payload."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one record is quarantined.

    Attributes:
        reason: One of not_json, not_an_object, not_utf8, too_long, too_deep, too_many_keys,
            unknown_type, no_event_name, no_identity, no_timestamp, bad_timestamp,
            future_timestamp, before_2000, wrong_type, nul_byte.
        detail: What a person needs to find the fault: the field, the value, the limit.
    """

    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail[:DETAIL_CAP]}" if self.detail else self.reason


class RefusedError(Exception):
    """Carries a `Refusal` out of the functions that read one record."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.refusal = Refusal(reason, detail)
        super().__init__(str(self.refusal))
