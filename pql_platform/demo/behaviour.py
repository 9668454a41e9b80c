"""The planted truth: which behaviours cause payment, which only keep company with it.

    enthusiasm ──> logins, help articles (vanity)
        └──────┬─> planted behaviours ──logistic──> pays
    need ──────┘

Given enthusiasm, logins say nothing about payment; given the behaviours, nothing else does. Holds
the rates and the odds; when and by whom each behaviour is done is in `team` and `timeline`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pql_platform.demo.calendar import DAY_MS, Floats, Ints, Window, next_working_time
from pql_platform.demo.catalogue import Action
from pql_platform.demo.population import Accounts

EARLY_DAYS = 21
"""The first weeks: only what is done in them causes payment."""


@dataclass(frozen=True)
class Behaviour:
    """Something done in the first weeks.

    The count is Poisson with mean exp(rate + enthusiasm_slope * e + need_slope * n), times the
    activity of the account's kind.

    Attributes:
        name: As it appears in the planted truth.
        actions: The product events that count, drawn evenly.
        rate: Log of the mean count of an average account.
        enthusiasm: Slope on the hidden enthusiasm.
        need: Slope on the hidden need.
        effect: Added to the log-odds of paying for each time, up to `cap` times.
        cap: More often than this adds nothing.
    """

    name: str
    actions: tuple[Action, ...]
    rate: float
    enthusiasm: float
    need: float
    effect: float
    cap: int


BEHAVIOURS = (
    # Goes with the causes because need drives both, but causes nothing: the value metric's trap.
    Behaviour("boards_created", (Action.BOARD_CREATED,), 0.50, 0.40, 0.45, 0.0, 0),
    Behaviour("boards_shared", (Action.BOARD_SHARED,), -0.25, 0.40, 0.60, 0.60, 4),
    Behaviour("teammates_invited", (Action.TEAMMATE_INVITED,), -0.20, 0.35, 0.65, 0.60, 4),
    Behaviour("integrations", (Action.INTEGRATION_CONNECTED,), -1.60, 0.30, 0.60, 1.30, 1),
    Behaviour(
        "limits_reached",
        (Action.EXPORT_LIMIT_REACHED, Action.BOARD_LIMIT_REACHED),
        -0.95,
        0.35,
        0.50,
        0.75,
        2,
    ),
    Behaviour("premium_tried", (Action.PREMIUM_FEATURE_TRIED,), -0.80, 0.35, 0.55, 0.75, 2),
)
CAUSES = tuple(behaviour for behaviour in BEHAVIOURS if behaviour.effect > 0)
INVITING = [behaviour.name for behaviour in BEHAVIOURS].index("teammates_invited")

_BASE_LOG_ODDS = -5.0
_SPAN_DAYS_MEDIAN, _SPAN_SIGMA = 7.0, 0.5
_DECISION_DAYS_MEDIAN, _DECISION_SIGMA = 4.0, 0.7
_STAYS_ENTHUSIASM = 0.7
_STAYS_DAYS_MEAN = 110.0
_PAYING_DAYS_MEAN = 600.0
_CANCEL_SHARE, _CANCEL_AFTER_DAYS = 0.08, (25.0, 110.0)


@dataclass(frozen=True)
class Fate:
    """What becomes of each account.

    Attributes:
        counts: Planned early behaviours, shape (accounts, len(BEHAVIOURS)).
        span_ms: How long after the sign-up the early behaviours go on.
        pays_ms: When it pays; the largest integer if never. May lie after the window.
        cancels_ms: When it cancels; the largest integer if never.
        active_until_ms: Silent end of all use.
    """

    counts: Ints
    span_ms: Ints
    pays_ms: Ints
    cancels_ms: Ints
    active_until_ms: Ints


NEVER = np.iinfo(np.int64).max


def log_odds(counts: Ints, buys: Floats) -> Floats:
    """Log-odds of paying, from the planned behaviours and the kind's inclination to buy."""
    effects = np.array([behaviour.effect for behaviour in BEHAVIOURS])
    caps = np.array([behaviour.cap for behaviour in BEHAVIOURS])
    odds: Floats = _BASE_LOG_ODDS + buys + np.minimum(counts, caps) @ effects
    return odds


def draw_fate(rng: np.random.Generator, accounts: Accounts, window: Window) -> Fate:
    """Draw behaviours, then payment from them, then how long the account stays.

    Payment follows the last early behaviour, so that no cause comes after its effect.
    """
    size = len(accounts)
    counts = _draw_counts(rng, accounts)
    span = np.clip(_SPAN_DAYS_MEDIAN * np.exp(_SPAN_SIGMA * rng.normal(size=size)), 2, EARLY_DAYS)
    odds = log_odds(counts, accounts.trait("buys"))
    pays = rng.random(size) < _sigmoid(odds)
    decision = _DECISION_DAYS_MEDIAN * np.exp(_DECISION_SIGMA * rng.normal(size=size))
    decides_ms = accounts.signup_ms + _days(span + np.clip(decision, 0.2, 30))
    pays_ms = next_working_time(rng, window, decides_ms, accounts.place)
    cancels = pays & (rng.random(size) < _CANCEL_SHARE)
    cancels_ms = pays_ms + _days(rng.uniform(*_CANCEL_AFTER_DAYS, size=size))

    stays = rng.random(size) < _sigmoid(
        accounts.trait("stays") + _STAYS_ENTHUSIASM * accounts.enthusiasm
    )
    stays_days = np.where(stays, rng.exponential(_STAYS_DAYS_MEAN, size=size), 0.0)
    active_until_ms = accounts.signup_ms + _days(EARLY_DAYS + stays_days)
    paying_until_ms = np.where(
        cancels, cancels_ms, pays_ms + _days(rng.exponential(_PAYING_DAYS_MEAN, size=size))
    )
    return Fate(
        counts=counts,
        span_ms=_days(span),
        pays_ms=np.where(pays, pays_ms, NEVER),
        cancels_ms=np.where(cancels, cancels_ms, NEVER),
        active_until_ms=np.where(
            pays, np.maximum(active_until_ms, paying_until_ms), active_until_ms
        ),
    )


def _draw_counts(rng: np.random.Generator, accounts: Accounts) -> Ints:
    activity = accounts.trait("activity")
    columns = [
        rng.poisson(
            np.exp(
                behaviour.rate
                + behaviour.enthusiasm * accounts.enthusiasm
                + behaviour.need * accounts.need
            )
            * activity
        )
        for behaviour in BEHAVIOURS
    ]
    return np.column_stack(columns).astype(np.int64)


def _sigmoid(x: Floats) -> Floats:
    # exp(-log(1 + exp(-x))) without overflow, and exactly 0 at minus infinity.
    return np.exp(-np.logaddexp(0.0, -x))


def _days(days: Floats) -> Ints:
    return (days * DAY_MS).astype(np.int64)
