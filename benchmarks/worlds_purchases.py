"""Who buys in a planted world, when, and what the purchase does to behaviour.

The chance to buy is logistic: odds multiply, and the intercept is chosen so that the wanted share
buys. What moved somebody comes before the purchase. Afterwards everybody who pays uses everything,
which must mislead nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.worlds_behaviour import Flags, Floats, Occurrences, People, visits
from benchmarks.worlds_truth import Truth
from benchmarks.worlds_vocabulary import CONVERSION, NUMBER_OF, ORDINARY

CONTRIBUTION = 1.6
"""Odds ratio of a contributing event."""
CONFOUNDED_EFFECT = 0.45
"""Odds ratio of the confounded event within each segment."""
SEGMENT_LOGITS = (0.0, 0.2, 0.4)
SEGMENT_LOGITS_CONFOUNDED = (0.0, 1.2, 4.0)
"""How much likelier each segment buys, in logits: smb, mid_market, enterprise."""

LEAKY_BUYERS = 0.92
"""Share of the buyers who do the leaking event."""
STRAY_LEAKS = {"just_before": 0.03, "after": 0.01}
"""Share of the others who do it all the same: abandoned checkouts, invoices of a test."""
LEAK_HOURS = {"just_before": (-2.0, -1 / 60), "after": (0.1, 48.0)}
"""When buyers do it, hours after the purchase."""


@dataclass(frozen=True)
class Purchases:
    """What leads to the purchases of the accounts, and when they happen, one entry each.

    Attributes:
        reached: When the cause was reached while it was one; infinite for never.
        did_confounded: Whether the account did the confounded event before any purchase.
        bought: When it buys, days after the start; infinite for never, and beyond the history for
            purchases that nobody has seen yet.
    """

    reached: Floats
    did_confounded: Flags
    bought: Floats

    def within(self, days: float) -> Floats:
        """The purchases of a history of so many days."""
        return np.where(self.bought < days, self.bought, np.inf)


def draw_purchases(
    truth: Truth, people: People, free: Occurrences, rng: np.random.Generator
) -> Purchases:
    """Who buys and when, given what everybody would do otherwise."""
    reached = _reached(truth, free)
    moved_at = people.signed_up
    logits = np.zeros(truth.accounts)
    for event in truth.contributing:
        at = free.nth(event, 1, truth.accounts)
        logits += np.log(CONTRIBUTION) * np.isfinite(at)
        moved_at = np.where(np.isfinite(at), np.maximum(moved_at, at), moved_at)
    did_confounded = np.zeros(truth.accounts, dtype=bool)
    if truth.confounded:
        at = free.nth(truth.confounded, 1, truth.accounts)
        did_confounded = np.isfinite(at)
        logits += np.log(CONFOUNDED_EFFECT) * did_confounded
        moved_at = np.where(did_confounded, np.maximum(moved_at, at), moved_at)
    if truth.cause:
        by_segment = SEGMENT_LOGITS_CONFOUNDED if truth.confounded else SEGMENT_LOGITS
        logits += np.array(by_segment)[people.segment]
    gain = np.log(truth.odds_ratio) * np.isfinite(reached)
    level = _level_for(truth.buy_share, logits + gain)
    chance, without = _logistic(level + logits + gain), _logistic(level + logits)
    buys = rng.random(truth.accounts) < chance
    anyway = np.maximum(
        people.signed_up + 0.5 + rng.gamma(2, truth.patience_days / 2, truth.accounts),
        moved_at + 0.1,
    )
    moved = reached + 0.1 + rng.gamma(2, truth.delay_days / 2, truth.accounts)
    is_caused = np.isfinite(reached) & (
        (rng.random(truth.accounts) > without / chance) | (anyway < reached)
    )
    bought = np.where(buys, np.where(is_caused, moved, anyway), np.inf)
    return Purchases(reached, did_confounded, bought)


def add_purchases(
    truth: Truth,
    people: People,
    free: Occurrences,
    purchases: Purchases,
    rng: np.random.Generator,
) -> Occurrences:
    """What really happens, within the history: purchases, and what comes with them."""
    bought = purchases.bought
    buyers = np.flatnonzero(np.isfinite(bought))
    found = free.only(free.day < bought[free.account])
    if truth.cause:
        # Who buys is still there when buying; in a null world not even that is linked.
        found += visits(people, people.signed_up + people.lifetime, _until(bought), 0.2, rng)
    found += _use_of_payers(truth, people, bought, rng)
    found += _happening(CONVERSION, buyers, bought[buyers])
    if truth.leak:
        found += _leaks(truth, people, bought, rng)
    return found.only(found.day < truth.days)


def _use_of_payers(
    truth: Truth, people: People, bought: Floats, rng: np.random.Generator
) -> Occurrences:
    """Everything, and often: for months after the purchase."""
    buyers = np.flatnonzero(np.isfinite(bought))
    paying = np.where(np.isfinite(bought), rng.exponential(120, truth.accounts), 0)
    begins = _until(bought)
    found = visits(people, begins, begins + paying, 0.4, rng)
    for event in ORDINARY:
        if event == truth.leak and truth.leak_when == "just_before":
            continue
        uses = buyers[rng.random(len(buyers)) < 0.6]
        often = rng.poisson(rng.uniform(0.5, 2) / 30 * paying[uses])
        account = np.repeat(uses, often)
        since = paying[account] * rng.random(len(account))
        found += _happening(event, account, begins[account] + since)
    return found


def _reached(truth: Truth, free: Occurrences) -> Floats:
    """When each account reached the event that was the cause at that time."""
    if truth.cause is None:
        return np.full(truth.accounts, np.inf)
    first = free.nth(truth.cause, truth.at_least, truth.accounts)
    if truth.later_cause is None or truth.drift_day is None:
        return first
    later = free.nth(truth.later_cause, truth.at_least, truth.accounts)
    return np.minimum(
        np.where(first < truth.drift_day, first, np.inf),
        np.where(later >= truth.drift_day, later, np.inf),
    )


def _leaks(truth: Truth, people: People, bought: Floats, rng: np.random.Generator) -> Occurrences:
    """The leaking event: of nearly all buyers around the purchase, of hardly anybody else."""
    assert truth.leak is not None
    assert truth.leak_when is not None
    drawn = rng.random(truth.accounts)
    buyers = np.flatnonzero(np.isfinite(bought) & (drawn < LEAKY_BUYERS))
    strays = np.flatnonzero(np.isinf(bought) & (drawn < STRAY_LEAKS[truth.leak_when]))
    hours = rng.uniform(*LEAK_HOURS[truth.leak_when], len(buyers))
    stay = people.lifetime[strays] * rng.random(len(strays))
    return _happening(truth.leak, buyers, bought[buyers] + hours / 24) + _happening(
        truth.leak, strays, people.signed_up[strays] + stay
    )


def _happening(event: str, account: np.ndarray, day: Floats) -> Occurrences:
    return Occurrences(account, np.full(len(account), NUMBER_OF[event]), day)


def _until(bought: Floats) -> Floats:
    """Purchases as ends of a span, 0 for those who never buy."""
    return np.where(np.isfinite(bought), bought, 0.0)


def _level_for(share: float, logits: Floats) -> float:
    """The intercept with which so large a share buys on average, by bisection."""
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        if _logistic(middle + logits).mean() < share:
            low = middle
        else:
            high = middle
    return low


def _logistic(values: Floats) -> Floats:
    return 1 / (1 + np.exp(-values))
