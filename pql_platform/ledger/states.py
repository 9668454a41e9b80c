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
DIGEST: Final = "digest"
"""The kind of message that names many crossings that are not alerted one by one."""

REMINDER: Final = "reminder"
"""Half of the time to the first contact is over."""
ESCALATION: Final = "escalation"
"""The time is over, and somebody else is asked to take over."""
BREACH: Final = "breach"
"""The time is over, which is reported as a failure of the process."""
RISE: Final = "rise"
"""A lead that was handed over has risen to a more urgent tier."""
OUTCOME: Final = "outcome"
"""A lead that was handed over is none any more, and why."""
ALERT_EDIT: Final = "alert_edit"
"""The alert again, where it stands, with what has happened since."""
TASK_CLOSE: Final = "crm_task_close"
"""The task in the CRM is withdrawn, with a note."""
WEBHOOK: Final = "webhook"
"""What kinds of messages to tools that show prompts or send e-mails begin with: the call of a tool
does not decide whether a rep was told."""

AFTERWARDS: Final = (OUTCOME, ALERT_EDIT, TASK_CLOSE)
"""Kinds that say what became of a lead: its end is why they are sent, not why they are not."""
URGING: Final = (REMINDER, ESCALATION)
"""Kinds that ask for a contact, and are not sent once there was one."""

FOLLOW_UPS: Final = (REMINDER, ESCALATION, BREACH, RISE, *AFTERWARDS)
"""Kinds that come after the hand-off itself, and so do not decide its fate."""

CONTACTED: Final = "contacted"
NOT_A_FIT: Final = "not_a_fit"
SNOOZE: Final = "snooze"
WRONG_OWNER: Final = "wrong_owner"
FEEDBACK_ACTIONS: Final = (CONTACTED, NOT_A_FIT, SNOOZE, WRONG_OWNER)
"""What a rep can answer to an alert."""

ROLLOUT_STAGES: Final = ("shadow", "pilot", "live")

PROPOSAL: Final = "proposal"
"""The kind of message about what a calibration found."""

BY_MODEL: Final = "model"
"""What made a subject cross: a new model version alone."""
