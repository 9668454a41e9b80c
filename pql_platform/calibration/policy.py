"""Whether a challenger may take the champion's place: better than noise, within bands, in time.

Pure: figures and dates in, a decision with its reasons out. How the figures are measured belongs to
`backtest`, how a decision is carried out to `qualify.promotion`, and what is posted to `proposals`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

Action = Literal["promote", "ask", "keep"]
Mode = Literal["ask", "auto"]

EVIDENCE_DAYS = 30
"""Days of evidence before a threshold or a single signal changes (requirements, decided list 8)."""

QUARTER = timedelta(days=90)
"""Weights change quarterly, and not in the first full quarter without an approver (item 83)."""

HEALTHY_SHARE = (0.05, 0.15)
"""Share of the population that qualifies where nothing is wrong (items 94 to 98)."""

HIGHEST_SHARE = 0.25
"""Above it a person decides, whatever the policy says (decided list 6)."""

_WORDS = {"capture_top15": "buyers in the best 15 %", "roc_auc": "ROC AUC"}

LARGEST_GROWTH = 1.5
"""A challenger that qualifies so many times the champion's share waits for a person (F68)."""


@dataclass(frozen=True)
class Advantage:
    """By how much a challenger is better on held-out time, with a 95 % interval.

    Attributes:
        metric: What is compared, such as capture_top15.
        difference: Challenger minus champion, as a share from -1 to 1.
        low: Lower end of the interval.
        high: Upper end.
    """

    metric: str
    difference: float
    low: float
    high: float

    @property
    def is_more_than_noise(self) -> bool:
        """Whether the whole interval lies above zero."""
        return self.low > 0


@dataclass(frozen=True)
class Change:
    """What is another in the challenger than in the champion.

    Attributes:
        thresholds: Whether a threshold differs.
        signals: Signals whose most points differ.
        weights: Whether a category's weight differs, or a compound does.
    """

    thresholds: bool
    signals: tuple[str, ...]
    weights: bool

    @property
    def is_small(self) -> bool:
        """A threshold, or the points of at most one signal."""
        return not self.weights and len(self.signals) <= 1

    @property
    def is_none(self) -> bool:
        """Whether both judge alike."""
        return not (self.thresholds or self.signals or self.weights)


@dataclass(frozen=True)
class Standing:
    """Since when things are as they are.

    Attributes:
        champion_since: When the champion became live.
        program_since: When the program's first version became live.
        now: The moment of the decision.
    """

    champion_since: datetime
    program_since: datetime
    now: datetime

    @property
    def evidence_days(self) -> int:
        """Whole days that the champion has been live."""
        return (self.now - self.champion_since).days

    @property
    def is_first_quarter(self) -> bool:
        """Whether the program has not yet run a full quarter."""
        return self.now - self.program_since < QUARTER


@dataclass(frozen=True)
class Decision:
    """What happens to a challenger, and why, in sentences.

    Attributes:
        action: promote at once, ask a person, or keep the champion.
        reasons: Why; the first is the one that decided.
        warnings: What whoever approves should know.
    """

    action: Action
    reasons: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def change_between(
    champion: Mapping[str, Decimal],
    challenger: Mapping[str, Decimal],
    *,
    weights: tuple[Mapping[str, Decimal], Mapping[str, Decimal]],
    thresholds: tuple[object, object],
    compounds: tuple[object, object] = ((), ()),
) -> Change:
    """Compare two points tables.

    Args:
        champion: Most points by signal.
        challenger: The same of the other.
        weights: Weight by category, of champion and challenger.
        thresholds: Thresholds of both, compared as they are.
        compounds: Compounds of both, compared as they are.
    """
    differing = sorted(
        name
        for name in champion.keys() | challenger.keys()
        if champion.get(name, Decimal(0)) != challenger.get(name, Decimal(0))
    )
    return Change(
        thresholds=thresholds[0] != thresholds[1],
        signals=tuple(differing),
        weights=dict(weights[0]) != dict(weights[1]) or compounds[0] != compounds[1],
    )


def decide(
    advantage: Advantage,
    change: Change,
    share: tuple[float, float],
    standing: Standing,
    mode: Mode,
) -> Decision:
    """Say what becomes of a challenger.

    Never promotes by itself what the share, the pace or the policy leave to a person.

    Args:
        advantage: How much better it is on held-out time.
        change: What it changes.
        share: Qualified share of the population with champion and challenger, 0 to 1.
        standing: Since when champion and program are live.
        mode: The program's policy: `auto` promotes what is better and within the bands.
    """
    if change.is_none:
        return Decision("keep", ("The challenger judges as the champion does.",))
    if not advantage.is_more_than_noise:
        return Decision("keep", (_not_better(advantage),))
    better = (
        f"Better on held-out time: {_said(advantage.metric)} {advantage.difference:+.1%} "
        f"({advantage.low:+.1%} to {advantage.high:+.1%})."
    )
    doubts = (*_doubts_about_share(*share), *_doubts_about_pace(change, standing))
    if doubts:
        return Decision("ask", (doubts[0], better), doubts[1:])
    if mode == "ask":
        return Decision("ask", (better, "The policy is to ask."))
    return Decision("promote", (better, "Within every band, and the policy is auto."))


def _not_better(advantage: Advantage) -> str:
    return (
        f"Not better than noise: {_said(advantage.metric)} {advantage.difference:+.1%}, and "
        f"anything from {advantage.low:+.1%} to {advantage.high:+.1%} is possible."
    )


def _said(metric: str) -> str:
    return _WORDS.get(metric, metric)


def _doubts_about_share(champion: float, challenger: float) -> tuple[str, ...]:
    low, high = HEALTHY_SHARE
    if challenger > HIGHEST_SHARE:
        return (f"{challenger:.1%} would qualify; over {HIGHEST_SHARE:.0%} the bar is too low.",)
    doubts = []
    if not low <= challenger <= high:
        doubts.append(f"{challenger:.1%} would qualify; {low:.0%} to {high:.0%} is healthy.")
    if champion > 0 and challenger > LARGEST_GROWTH * champion:
        doubts.append(
            f"{challenger / champion:.1f} times as many would qualify as now ({champion:.1%})."
        )
    return tuple(doubts)


def _doubts_about_pace(change: Change, standing: Standing) -> tuple[str, ...]:
    if standing.evidence_days < EVIDENCE_DAYS:
        return (
            f"The champion is live for {standing.evidence_days} days; {EVIDENCE_DAYS} days of "
            "evidence come before a change.",
        )
    if change.is_small:
        return ("A threshold or a single signal changes by approval.",)
    if standing.is_first_quarter:
        return ("The program has not run a full quarter: a larger change needs an approver.",)
    return ()
