"""What can become of one attempt to deliver something to an outside system.

The vocabulary that the outbox and every adapter share: an adapter returns `Evidence` when the other
side confirmed, and otherwise raises the one failure that says what may safely be done next. How a
failure changes the ledger is the outbox's business, how it is recognised is the adapter's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class Message:
    """One thing to deliver, as the outbox hands it to a channel.

    Attributes:
        key: Idempotency key, unique for ever: program, level, subject, kind, tier, episode.
        kind: What it is: `alert`, `escalation`, `digest`, `oncall`, `crm_company`, `crm_contact`,
            `crm_task`, `crm_enrolment`.
        payload: JSON-able content that the channel understands for this kind.
    """

    key: str
    kind: str
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class Evidence:
    """Proof that the other side has it: ids and places that a person can look up."""

    reference: str
    detail: Mapping[str, Any] = field(default_factory=dict)


class DeliveryFailure(Exception):  # noqa: N818 - a state of the delivery, as its four kinds are
    """Base of the failures below; never raised itself."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class TryLater(DeliveryFailure):
    """Certainly not delivered; may be sent again after `after_seconds` (None: usual backoff)."""

    def __init__(self, reason: str, after_seconds: float | None = None) -> None:
        self.after_seconds = after_seconds
        super().__init__(reason)


class Ambiguous(DeliveryFailure):
    """Perhaps delivered (timeout, dropped connection, garbage answer): look before any resend."""


class Rejected(DeliveryFailure):
    """Certainly not delivered, and never will be in this form: loud, and no retry."""


class Unauthorised(DeliveryFailure):
    """The credential is refused: the whole channel stops until a person repairs it."""


class Channel(Protocol):
    """An outside system to which the outbox delivers."""

    def deliver(self, message: Message, now: datetime) -> Evidence:
        """Deliver once, and return the other side's confirmation.

        Raises:
            DeliveryFailure: One of its four kinds.
        """
        ...

    def find(self, message: Message) -> Evidence | None:
        """Look for an earlier delivery of the same key; None when it is certainly not there.

        Raises:
            DeliveryFailure: The other side could not be asked.
        """
        ...
