"""What follows from the outcome of one attempt.

Pure rules: outcome in, next state of the message and its consequences out. Writing them down
belongs to `settlement`; recognising an outcome belongs to the channel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pql_platform.domain.delivery import (
    DeliveryFailure,
    Evidence,
    Rejected,
    TryLater,
    Unauthorised,
)
from pql_platform.ledger.claims import START_WITHIN_SECONDS, Claim
from pql_platform.ledger.states import DEAD, DELIVERED, ONCALL, PENDING, RETRY, UNKNOWN

MOST_ATTEMPTS: Final = 12
FIRST_BACKOFF_SECONDS: Final = 5.0
LONGEST_BACKOFF_SECONDS: Final = 900.0
# What another side may ask for at most; a larger number is taken for garbage.
LONGEST_TOLD_SECONDS: Final = 86_400.0
# About two and a half minutes of backoff: longer than a hiccup, and early in a deadline of hours.
LOOKS_BEFORE_PAGE: Final = 5

Jitter = Callable[[], float]
"""A number from 0 to 1, different each time, so that queues do not wake together."""


@dataclass(frozen=True)
class Page:
    """News for the people on call, of which each cause makes one an hour."""

    cause: str
    title: str
    body: str
    severity: str = "error"


@dataclass(frozen=True)
class Step:
    """What to write down after an attempt.

    Attributes:
        state: The message's next state.
        result: What the log of attempts says.
        not_before: When the message may be handled again.
        attempts: How many sends count towards the limit.
        error: Why it is not delivered.
        evidence: The other side's confirmation.
        answered: The channel works, whatever it said; earlier failures are forgotten.
        pause: The channel failed, so all its messages wait.
        told_seconds: How long it asked to wait, if it did.
        refused: The credential was refused, so the channel's breaker opens.
        page: What people are told.
    """

    state: str
    result: str
    not_before: datetime
    attempts: int
    error: str | None = None
    evidence: Evidence | None = None
    answered: bool = False
    pause: bool = False
    told_seconds: float | None = None
    refused: bool = False
    page: Page | None = None


def backoff_seconds(tries: int, jitter: Jitter) -> float:
    """Exponential backoff: between half and all of 5 s, 10 s, 20 s ... up to 15 minutes."""
    # The exponent is bounded too, for a row may be looked for hundreds of times.
    ceiling = min(
        LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(max(tries, 1) - 1, 16)
    )
    return ceiling * (0.5 + 0.5 * jitter())


def after_sending(
    claim: Claim,
    outcome: Evidence | DeliveryFailure,
    now: datetime,
    *,
    settle_seconds: float,
    jitter: Jitter,
) -> Step:
    """The step after a send.

    Args:
        claim: The attempt.
        outcome: The confirmation, or the failure that the channel raised.
        now: When it came.
        settle_seconds: How long after an attempt its message may still turn up.
        jitter: Spreads retries.
    """
    if isinstance(outcome, Evidence):
        return _arrived(claim, "delivered", outcome, now)
    match outcome:
        case TryLater():
            return _after_try_later(claim, outcome, now, jitter)
        case Rejected():
            return replace(_dead(claim, "rejected", outcome.reason, now), answered=True)
        case Unauthorised():
            return _after_refusal(claim, outcome, RETRY, now, jitter)
        case _:
            step = _doubtful(claim, "ambiguous", outcome.reason, settle_seconds)
            return replace(step, pause=True)


def after_expiry(claim: Claim, settle_seconds: float) -> Step:
    """The step after an attempt whose dispatcher never came back, begun nobody knows when."""
    begun_by = claim.started_at + timedelta(seconds=START_WITHIN_SECONDS)
    reason = "its dispatcher stopped while sending"
    return _doubtful(replace(claim, started_at=begun_by), "abandoned", reason, settle_seconds)


def after_delay(claim: Claim, now: datetime, *, jitter: Jitter) -> Step:
    """The step after a claim that could not be used in time: certainly nothing was sent."""
    wait = timedelta(seconds=backoff_seconds(claim.token, jitter))
    reason = "its dispatcher was held up before sending"
    return Step(RETRY, "not begun", now + wait, claim.attempts - 1, error=reason)


def after_looking(
    claim: Claim, outcome: Evidence | DeliveryFailure | None, now: datetime, *, jitter: Jitter
) -> Step:
    """The step after looking for a message; None says that it is certainly not there."""
    if isinstance(outcome, Evidence):
        return _arrived(claim, "found", outcome, now)
    if outcome is None:
        # Not `answered`: that it can be read does not say that it takes messages again.
        if _gives_up(claim):
            lost = f"did not arrive in {claim.attempts} attempts"
            return _dead(claim, "gave up", lost, now)
        return Step(PENDING, "absent", now, claim.attempts, error="looked for and not there")
    if isinstance(outcome, Unauthorised):
        return _after_refusal(claim, outcome, UNKNOWN, now, jitter)
    told = _told(outcome)
    looks = claim.token - claim.attempts
    page = None
    if looks >= LOOKS_BEFORE_PAGE:
        page = Page(
            f"unknown:{claim.row.channel}",
            f"{claim.row.channel} does not say whether a message arrived",
            f"{looks} attempts to find out failed: {outcome.reason}. It is not sent again before "
            "that is known.",
        )
    return Step(
        UNKNOWN,
        "not answered",
        now + timedelta(seconds=backoff_seconds(claim.token, jitter) if told is None else told),
        claim.attempts,
        error=f"could not be looked for: {outcome.reason}",
        pause=True,
        told_seconds=told,
        page=page,
    )


def _gives_up(claim: Claim) -> bool:
    """Whether it was tried often enough; a call to duty never, for nobody else would tell of it."""
    return claim.attempts >= MOST_ATTEMPTS and claim.row.kind != ONCALL


def _arrived(claim: Claim, result: str, evidence: Evidence, now: datetime) -> Step:
    return Step(DELIVERED, result, now, claim.attempts, evidence=evidence, answered=True)


def _doubtful(claim: Claim, result: str, reason: str, settle_seconds: float) -> Step:
    settled_at = claim.started_at + timedelta(seconds=settle_seconds)
    return Step(UNKNOWN, result, settled_at, claim.attempts, error=reason)


def _after_try_later(claim: Claim, failure: TryLater, now: datetime, jitter: Jitter) -> Step:
    if _gives_up(claim):
        lost = f"{failure.reason}, {claim.attempts} times"
        return replace(_dead(claim, "gave up", lost, now), pause=True)
    told = _told(failure)
    page = None
    if told is not None and told > LONGEST_BACKOFF_SECONDS:
        page = Page(
            f"wait:{claim.row.channel}",
            f"{claim.row.channel} asks to wait {told:.0f} s",
            f"Everything for it waits as long. It said: {failure.reason}.",
            severity="warning",
        )
    wait = backoff_seconds(claim.token, jitter) if told is None else told
    return Step(
        RETRY,
        "try later",
        now + timedelta(seconds=wait),
        claim.attempts,
        error=failure.reason,
        pause=True,
        told_seconds=told,
        page=page,
    )


def _after_refusal(
    claim: Claim, failure: Unauthorised, state: str, now: datetime, jitter: Jitter
) -> Step:
    channel = claim.row.channel
    # Not the message's fault, so a refused send does not count towards its limit.
    attempts = claim.attempts - 1 if state == RETRY else claim.attempts
    return Step(
        state,
        "unauthorised",
        now + timedelta(seconds=backoff_seconds(claim.token, jitter)),
        attempts,
        error=failure.reason,
        refused=True,
        page=Page(
            f"unauthorised:{channel}",
            f"{channel} refuses the credential",
            f"It said: {failure.reason}. Everything for it is held, and nothing is lost. Repair "
            f"the credential, then close the breaker channel:{channel}.",
            severity="critical",
        ),
    )


def _dead(claim: Claim, result: str, reason: str, now: datetime) -> Step:
    row = claim.row
    return Step(
        DEAD,
        result,
        now,
        claim.attempts,
        error=reason,
        page=Page(
            f"dead:{row.kind}:{reason}",
            f"{row.channel} did not take a message of kind {row.kind}, and it is given up",
            f"Reason: {reason}. Every message given up for it in this hour counts as DEAD.",
            severity="critical",
        ),
    )


def _told(failure: DeliveryFailure) -> float | None:
    """The seconds that the other side asked for, if it named a number that makes sense."""
    seconds = failure.after_seconds if isinstance(failure, TryLater) else None
    # Written this way round, not-a-number is refused as well.
    if seconds is None or not seconds >= 0:
        return None
    return min(seconds, LONGEST_TOLD_SECONDS)
