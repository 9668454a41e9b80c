"""The names of the states, as they stand in the tables.

Plain strings rather than an enum, because database drivers disagree on how to bind one. Which state
follows which is decided in `transitions` (a message) and `handoffs` (a hand-off), not here.
"""

from __future__ import annotations

from typing import Final

PENDING: Final = "PENDING"
"""Waits for its first attempt; of a hand-off: its fate is open."""
SENDING: Final = "SENDING"
"""A dispatcher holds the lease and may be sending at this moment."""
RETRY: Final = "RETRY"
"""Certainly not delivered; due again at `not_before`."""
UNKNOWN: Final = "UNKNOWN"
"""Perhaps delivered; looked for before anything else is done with it."""
DELIVERED: Final = "DELIVERED"
"""The other side confirmed, and the evidence is stored."""
DEAD: Final = "DEAD"
"""Given up, and people were told."""
CANCELED: Final = "CANCELED"
"""Not sent, because its hand-off ended first."""
SUPPRESSED: Final = "SUPPRESSED"
"""Crossed, but must not be handed over."""
WITHDRAWN: Final = "WITHDRAWN"
"""Fell below the threshold before anybody was told."""

HANDOFF_STATES: Final = (PENDING, DELIVERED, SUPPRESSED, WITHDRAWN, DEAD)
OUTBOX_STATES: Final = (PENDING, SENDING, RETRY, UNKNOWN, DELIVERED, DEAD, CANCELED)
SENDABLE: Final = (PENDING, RETRY)
IN_FLIGHT: Final = (SENDING, UNKNOWN)
WAITING: Final = (PENDING, RETRY, UNKNOWN)
UNFINISHED: Final = (PENDING, RETRY, SENDING, UNKNOWN)

ONCALL: Final = "oncall"
"""The kind of message that tells people about trouble; no breaker holds it."""
ALERT: Final = "alert"
ESCALATION: Final = "escalation"
DIGEST: Final = "digest"
"""The kind of message that names many crossings that are not alerted one by one."""

PROPOSAL: Final = "proposal"
"""The kind of message about what a calibration found."""

BY_MODEL: Final = "model"
"""What made a subject cross: a new model version alone."""
