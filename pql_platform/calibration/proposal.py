"""What a starter program should say, from what discovery found: a proposal for each step.

Pure: findings and facts in, values with their evidence out, and refusals of what must not be a
signal. How a draft is assembled and written is in `draft` and `draft_text`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from itertools import chain

import numpy as np

from pql_platform.calibration.discovery import Discovery, Finding
from pql_platform.calibration.draft import HORIZON_DAYS, TIER_SCORES, DraftSignal, Figure
from pql_platform.calibration.event_naming import (
    PAGE,
    category_of,
    is_login,
    metric,
    signal_name,
    spoken,
    words_of,
)
from pql_platform.calibration.product_facts import EventFacts, ProductFacts
from pql_platform.domain.grammar import counted
from pql_platform.program.advice import MOST_SIGNALS
from pql_platform.program.schema import DEFAULT_WEIGHTS
from pql_platform.program.signals import CATEGORIES, Category

WINDOW_DAYS: Mapping[str, int] = {
    "first_14_days": 14,
    "before_7_days": 7,
    "before_14_days": 14,
    "before_30_days": 30,
}
"""The rolling window of a signal that was found in a window of discovery."""

MOST_CORE_EVENTS = 10
CORE_SHARE = 0.02
"""Of the accounts; what hardly anybody does makes no session."""

_LOOKING = {"viewed", "opened", "clicked", "visited", "seen", "signed", "started", "compared"}
_LOOKING |= {"reached", "accepted", "login", "logged", "session", "page", "screen", "trial"}
_UNDOING = {"deleted", "removed", "canceled", "cancelled", "failed", "expired", "archived"}

_MAKING = {"created", "uploaded", "built", "published", "sent", "recorded", "run", "deployed"}

HIGHEST_TIER = 95

FEWEST_TO_DIVIDE = 10
"""Leads below which tiers are not drawn by their scores."""


def whole_events(discovery: Discovery) -> list[Finding]:
    """The findings on whole events, those that can be signals first, the surest before others."""
    rank = {"signal": 0, "weak": 1, "unsupported": 2}
    found = [one for one in discovery.findings if one.property is None]
    return sorted(found, key=lambda one: (rank.get(one.verdict, 3), -_sure(one), one.event))


def _sure(finding: Finding) -> float:
    return 0.0 if math.isnan(finding.lift_low) else finding.lift_low


def refusal(event: str, finding: Finding | None) -> str | None:
    """Why an event must not be a signal; None when it may be."""
    if finding is not None and finding.verdict == "leak":
        return f"{event} gives the purchase away. {finding.reason}"
    if finding is not None and finding.verdict == "vanity":
        return f"{event} is a vanity threshold: easy to reach, and no sign of buying. " + (
            finding.reason
        )
    if is_login(event):
        return f"{event} is a vanity threshold: coming in says nothing about what was done"
    return None


def proposed_events(discovery: Discovery, facts: ProductFacts) -> list[Finding | EventFacts]:
    """The events to begin with, at most one less than five: sessions come beside them.

    The surest signal of each kind of behaviour, then the surest of the rest; weak ones where there
    are too few; and where nothing could be compared, what most accounts do.
    """
    usable = [one for one in whole_events(discovery) if refusal(one.event, one) is None]
    signals = [one for one in usable if one.verdict == "signal"]
    first = [_first_of(category, signals) for category in CATEGORIES]
    chosen = [one for one in first if one is not None]
    chosen += [one for one in signals if one not in chosen]
    if len(chosen) < 2:
        weak = [one for one in usable if one.verdict == "weak" and one.lift > 1]
        chosen += weak[: 3 - len(chosen)]
    if chosen:
        return list(chosen[: MOST_SIGNALS - 1])
    refused = {one.event for one in discovery.findings if refusal(one.event, one)}
    work = [one for one in facts.events if _is_work(one.event) and one.event not in refused]
    return list(work[:3])


def _first_of(category: Category, found: Sequence[Finding]) -> Finding | None:
    return next((one for one in found if category_of(one.event)[0] == category), None)


def core_events(
    facts: ProductFacts, discovery: Discovery, conversion: str, chosen: Collection[str]
) -> list[str]:
    """What makes a session count: work in the product, not looking around."""
    leaks = {one.event for one in discovery.findings if one.verdict == "leak"}
    least = CORE_SHARE * facts.accounts
    work = [
        one.event
        for one in facts.events
        if _is_work(one.event)
        and not one.likeness
        and one.accounts >= least
        and one.event not in leaks
    ]
    named = dict.fromkeys(chain((one for one in chosen if _is_work(one)), work))
    return [event for event in named if event != conversion][:MOST_CORE_EVENTS]


def _is_work(event: str) -> bool:
    return not event.startswith(PAGE) and not (_LOOKING | _UNDOING).intersection(words_of(event))


def signal_of(
    found: Finding | EventFacts,
    taken: Collection[str],
    *,
    category: Category | None = None,
    at_least: int | None = None,
    forced: str | None = None,
) -> DraftSignal:
    """Return the signal on an event.

    Args:
        found: The event as discovery found it, or only its counts.
        taken: Names of the other signals.
        category: What a person says; None takes the rule of thumb.
        at_least: The same for the threshold.
        forced: Why it is there although it was refused.
    """
    guessed, because = category_of(found.event)
    words = spoken(found.event)
    if isinstance(found, Finding):
        threshold, window = found.at_least, WINDOW_DAYS.get(found.window, 14)
        evidence = found.reason if found.verdict == "signal" else f"{found.verdict}: {found.reason}"
    else:
        threshold, window = 1, 14
        evidence = (
            f"A guess: {counted(found.accounts, 'account')} did it, and nothing can be said yet of "
            "who buys after it."
        )
    keys = {
        "event": found.event,
        "measure": "count",
        "window_days": window,
        "threshold": at_least or threshold,
        "says": words.many,
        **({"says_one": words.one} if words.one else {}),
        # Who looked at prices or prompts need not hear that we saw it.
        "speakable": _is_work(found.event),
    }
    return DraftSignal(
        keys=keys,
        name=signal_name(found.event, taken),
        category=category or guessed,
        because="so it was chosen" if category not in (None, guessed) else because,
        evidence=evidence,
        forced=forced,
    )


def sessions_signal(taken: Collection[str]) -> DraftSignal:
    """Return the signal on coming back to work, which is about no event."""
    return DraftSignal(
        keys={
            "measure": "sessions",
            "window_days": 14,
            "threshold": 4,
            "says": "worked in {value} sessions over the last {window_days} days",
            "says_one": "worked in one session over the last {window_days} days",
        },
        name="sessions" if "sessions" not in taken else "work_sessions",
        category="frequency",
        because="coming back to work is a habit",
        evidence="Four sessions in 14 days is where most begin, and is not measured here. Only a "
        "session with one of the core_events counts.",
    )


def default_weights(signals: Collection[DraftSignal], why: str) -> Figure:
    """The representative weights, over the categories that are used, in whole points.

    Args:
        signals: The signals.
        why: Why they are not drawn from the data, a sentence.
    """
    used = [one for one in CATEGORIES if any(signal.category == one for signal in signals)]
    total = sum(DEFAULT_WEIGHTS[category] for category in used) or Decimal(1)
    exact = {category: 100 * DEFAULT_WEIGHTS[category] / total for category in used}
    weights = {category: Decimal(int(share)) for category, share in exact.items()}
    by_remainder = sorted(used, key=lambda category: weights[category] - exact[category])
    for category in by_remainder[: 100 - int(sum(weights.values()))]:
        weights[category] += 1
    said = "35, 25, 25 and 15 are where everybody begins"
    if len(used) < len(CATEGORIES):
        said += ", here divided among the kinds that have a signal"
    return Figure({one: weights.get(one, Decimal(0)) for one in CATEGORIES}, f"{said}. {why}")


def tier_scores(scores: Sequence[float], enter: Decimal) -> Figure:
    """Where the first two tiers begin: near the best fifth and the best three fifths, in fives.

    Args:
        scores: Of the accounts that score enough to be leads.
        enter: The score that is enough; the second tier begins above it, so that there is a third.
    """
    if len(scores) < FEWEST_TO_DIVIDE:
        return Figure(
            TIER_SCORES,
            "80 and 65 are where everybody begins: too few score enough today to divide them.",
        )
    middle, best = (5 * math.ceil(np.quantile(scores, share) / 5) for share in (0.4, 0.8))
    second = min(max(middle, 5 * (int(enter) // 5 + 1)), HIGHEST_TIER - 5)
    first = min(max(best, second + 5), HIGHEST_TIER)
    in_first = sum(score >= first for score in scores)
    in_second = sum(second <= score < first for score in scores)
    return Figure(
        (first, second),
        f"Of the {len(scores):,} accounts that score enough today {in_first:,} are at {first} or "
        f"more, {in_second:,} at {second} or more, {len(scores) - in_first - in_second:,} below.",
    )


def value_metric(facts: ProductFacts) -> str:
    """What most accounts make in the product: a first guess at the core offering."""
    work = [one for one in facts.events if _is_work(one.event) and not one.likeness]
    made = [one for one in work if _MAKING.intersection(words_of(one.event))]
    return metric((made or work or list(facts.events))[0].event)


def conversion_figure(event: EventFacts, facts: ProductFacts) -> Figure:
    """The purchase, with how often it was made."""
    once = "each" if event.once_share == 1 else f"{event.once_share:.0%} of them"
    return Figure(
        event.event,
        f"{event.accounts:,} of {counted(facts.accounts, 'account')} did it, "
        f"{once} just once. {HORIZON_DAYS} days are a common horizon.",
    )
