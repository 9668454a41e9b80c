"""The rules of what follows an attempt, one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pql_platform.domain.delivery import Ambiguous, Evidence, Rejected, TryLater, Unauthorised
from pql_platform.ledger.claims import Claim, OutboxRow
from pql_platform.ledger.transitions import (
    MOST_ATTEMPTS,
    after_expiry,
    after_looking,
    after_sending,
    backoff_seconds,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ROW = OutboxRow(
    id=1,
    handoff_id="h1",
    key="k",
    channel="slack",
    kind="alert",
    payload={},
    state="PENDING",
    attempts=0,
    lease_token=0,
    program="boards",
    level="account",
    subject_id="acme",
    account_id="acme",
    crossed_at=NOW,
    opened_at=NOW,
)


def _claim(attempts: int = 1, token: int = 1) -> Claim:
    return Claim(ROW, token, attempts, "w", NOW - timedelta(seconds=8))


def _sent(outcome, attempts: int = 1):
    claim = _claim(attempts, attempts)
    return after_sending(claim, outcome, NOW, settle_seconds=75, jitter=lambda: 1.0)


def _looked(outcome, attempts: int = 1, token: int = 2):
    return after_looking(_claim(attempts, token), outcome, NOW, jitter=lambda: 1.0)


@pytest.mark.parametrize(
    ("step", "state", "wait", "attempts", "pause", "page"),
    [
        (_sent(Evidence("ts")), "DELIVERED", 0, 1, False, None),
        (_sent(TryLater("429", 30)), "RETRY", 30, 1, True, None),
        (_sent(TryLater("429", 0)), "RETRY", 0, 1, True, None),
        (_sent(TryLater("429", 901)), "RETRY", 901, 1, True, "wait:slack"),
        (_sent(TryLater("429", 1e12)), "RETRY", 86_400, 1, True, "wait:slack"),
        (_sent(TryLater("429", -5)), "RETRY", 5, 1, True, None),
        (_sent(TryLater("429", float("nan"))), "RETRY", 5, 1, True, None),
        (_sent(TryLater("503"), 3), "RETRY", 20, 3, True, None),
        (_sent(TryLater("503"), 12), "DEAD", 0, 12, True, "dead:alert:503, 12 times"),
        (_sent(Rejected("is_archived")), "DEAD", 0, 1, False, "dead:alert:is_archived"),
        (_sent(Unauthorised("revoked"), 12), "RETRY", 900, 11, False, "unauthorised:slack"),
        (_sent(Ambiguous("timeout")), "UNKNOWN", 67, 1, True, None),
        (_sent(Ambiguous("timeout"), 12), "UNKNOWN", 67, 12, True, None),
        (after_expiry(_claim(), 75), "UNKNOWN", 72, 1, False, None),
        (_looked(Evidence("ts")), "DELIVERED", 0, 1, False, None),
        (_looked(None), "PENDING", 0, 1, False, None),
        (_looked(None, 12), "DEAD", 0, 12, False, "dead:alert:did not arrive in 12 attempts"),
        (_looked(TryLater("500")), "UNKNOWN", 10, 1, True, None),
        (_looked(TryLater("429", 60)), "UNKNOWN", 60, 1, True, None),
        (_looked(Ambiguous("?"), 1, 6), "UNKNOWN", 160, 1, True, "unknown:slack"),
        (_looked(Rejected("no scope")), "UNKNOWN", 10, 1, True, None),
        (_looked(Unauthorised("revoked")), "UNKNOWN", 10, 1, False, "unauthorised:slack"),
    ],
)
def test_each_outcome_has_its_step(step, state, wait, attempts, pause, page) -> None:
    assert step.state == state
    assert step.not_before - NOW == timedelta(seconds=wait)
    assert (step.attempts, step.pause) == (attempts, pause)
    assert (step.page.cause if step.page else None) == page
    assert step.answered == (state == "DELIVERED" or _certain(step))
    assert bool(step.evidence) == (state == "DELIVERED")
    assert bool(step.error) == (state != "DELIVERED")


def _certain(step) -> bool:
    return step.result == "rejected"


@given(st.integers(-3, 5000), st.floats(0, 1))
def test_backoff_stays_within_its_bounds(tries: int, jitter: float) -> None:
    seconds = backoff_seconds(tries, lambda: jitter)
    assert 2.5 <= seconds <= 900
    assert seconds <= backoff_seconds(tries + 1, lambda: jitter)


def test_twelve_backoffs_span_about_an_hour() -> None:
    total = sum(backoff_seconds(tries, lambda: 1.0) for tries in range(1, MOST_ATTEMPTS))
    assert total == 3975
