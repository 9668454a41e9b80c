"""What a behaviour is worth, and why, in one sentence: the judgement and nothing else.

Pure: the comparison comes in as numbers, a verdict goes out. How the numbers come about is in
`contrasts`; how many times and within how many days an aha moment takes is in `aha`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan, log
from typing import Literal, NamedTuple

from pql_platform.calibration.leaks import FEWEST, Timing, leak_of
from pql_platform.calibration.verdict_wording import (
    said_confounded,
    said_ordinary,
    said_signal,
    said_survivorship,
    said_unsupported,
    said_unsure,
    said_use,
)

Verdict = Literal["signal", "weak", "vanity", "leak", "confounded", "survivorship", "unsupported"]
VERDICTS: tuple[Verdict, ...] = (
    "signal",
    "weak",
    "vanity",
    "confounded",
    "survivorship",
    "leak",
    "unsupported",
)
"""Best first."""

ENOUGH_LIFT = 2.0
"""Present at twice the rate or more (requirements item 74)."""

SURE = 0.05
"""Of what is called sure, at most so much may be chance: the false discovery rate."""

ORDINARY_SHARE = 0.5
"""What half of those who do not convert do as well tells nobody apart."""

STABLE_SHARE = 2 / 3
"""Of the thirds of sign-ups in which it can be judged."""

LIFETIME_FACTOR = 1.5
"""So much larger must the lift over the whole life be to be laid to life."""

GONE, HALF_GONE = 0.25, 0.5
"""What is left of the logarithm of a lift within strata: below a quarter the strata were it all,
below a half it must be surer than usual."""

SMALLEST = 1e-6
"""In place of a lift of 0, which has no logarithm."""

TURNED = 1.25
"""A lift within strata is on the other side of one only when it is so far from it."""

SURER = 2.575829 / 1.959964
"""From 95 % to 99 % limits."""


class Interval(NamedTuple):
    """A lift with its 95 % limits; NaN where it cannot be judged."""

    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """One comparison: a window, and how many times.

    Attributes:
        window: The window.
        at_least: How many times.
        did, size, other_did, other_size: Accounts of the converted and of the others.
        lift: Of the shares.
        chance: Its p-value.
        strata, periods, use: The lift within segment and plan, within thirds of the sign-ups, at
            equal use otherwise.
        by_period: The lift of each third, NaN where it cannot be judged.
        ever: The lift of doing it as often over the whole life.
    """

    window: str
    at_least: int
    did: int
    size: int
    other_did: int
    other_size: int
    lift: Interval
    chance: float
    strata: Interval
    periods: Interval
    use: Interval
    by_period: tuple[float, ...]
    ever: Interval

    @property
    def share(self) -> float:
        """The share of the converted that did it."""
        return self.did / max(self.size, 1)

    @property
    def other_share(self) -> float:
        """The share of the others that did it."""
        return self.other_did / max(self.other_size, 1)

    @property
    def is_supported(self) -> bool:
        """Whether enough did it to say anything."""
        everyone = max(self.size + self.other_size, 1)
        expected = self.size * (self.did + self.other_did) / everyone
        return not isnan(self.chance) and max(self.did, expected) >= FEWEST

    @property
    def stability(self) -> float | None:
        """The share of the thirds of sign-ups in which the converted do it more often."""
        return stability_of(self.by_period)


@dataclass(frozen=True)
class Judgement:
    """A verdict, why, and the comparison that shows it."""

    verdict: Verdict
    reason: str
    row: Row


def judge(rows: Sequence[Row], q_value: float, timing: Timing) -> Judgement:
    """Return the verdict on a behaviour.

    Args:
        rows: Its comparisons, the first of them once in the first window; NaN chance where one was
            not made.
        q_value: The false discovery rate at which the behaviour as a whole is found.
        timing: When the converted did it.
    """
    leak = leak_of(timing)
    if leak:
        return Judgement("leak", leak, rows[0])
    supported = [row for row in rows if row.is_supported]
    if not supported:
        return Judgement("unsupported", said_unsupported(rows[0], FEWEST), rows[0])
    strong = [row for row in supported if is_sure(row, q_value) and row.lift.ratio >= ENOUGH_LIFT]
    if strong:
        return _judge_strong(sorted(strong, key=lambda row: -row.lift.low))
    return _judge_the_rest(supported, q_value)


def stability_of(lifts: Iterable[float]) -> float | None:
    """Return in which share of the periods that can be judged a lift is above one."""
    judged = [lift for lift in lifts if not isnan(lift)]
    return float(sum(lift > 1 for lift in judged)) / len(judged) if judged else None


def is_sure(row: Row, q_value: float) -> bool:
    """Whether the converted surely do it more often in this comparison."""
    return q_value <= SURE and row.chance <= SURE and row.lift.low > 1


def fails(row: Row) -> Verdict | None:
    """Return what a strong comparison turns out to be on a closer look; None for a signal."""
    if _is_gone(row.lift, row.strata) or _is_gone(row.lift, row.periods):
        return "confounded"
    if not _holds_at_equal_use(row):
        life = row.ever.low > 1 and row.ever.ratio >= LIFETIME_FACTOR * row.lift.ratio
        return "survivorship" if life else "vanity"
    if row.stability is not None and row.stability < STABLE_SHARE:
        return "weak"
    return None


def _judge_strong(strong: Sequence[Row]) -> Judgement:
    """Twice as often and sure, at first sight; the surest comparison comes first."""
    first = fails(strong[0])
    if first == "confounded":
        return Judgement("confounded", said_confounded(strong[0], _stratum(strong[0])), strong[0])
    for row in strong:
        if fails(row) is None:
            return Judgement("signal", said_signal(row), row)
    if first == "survivorship":
        return Judgement("survivorship", said_survivorship(strong[0]), strong[0])
    if first == "vanity":
        return Judgement("vanity", said_use(strong[0]), strong[0])
    return Judgement("weak", said_unsure(strong[0], "unstable"), strong[0])


def _judge_the_rest(supported: Sequence[Row], q_value: float) -> Judgement:
    single = [row for row in supported if row.at_least == 1] or list(supported)
    shown = min(single, key=lambda row: row.chance)
    less = shown.lift.high < 1 and q_value <= SURE
    turned = [row for row in single if _turns_round(row.lift, row.strata)]
    if not turned and less and _is_gone(shown.lift, shown.strata):
        turned = [shown]
    if turned:
        return Judgement("confounded", said_confounded(turned[0], "segments and plans"), turned[0])
    surely = [row for row in supported if is_sure(row, q_value)]
    best = max(surely, key=lambda row: row.lift.low, default=shown)
    ordinary = [row for row in ([best] if surely else single) if row.other_share >= ORDINARY_SHARE]
    if ordinary:
        return Judgement("vanity", said_ordinary(ordinary[0]), ordinary[0])
    if surely and _holds_at_equal_use(best):
        return Judgement("weak", said_unsure(best, "small"), best)
    if best.ever.low > 1 and best.ever.ratio >= max(ENOUGH_LIFT, LIFETIME_FACTOR * best.lift.ratio):
        return Judgement("survivorship", said_survivorship(best), best)
    if surely:
        return Judgement("vanity", said_use(best), best)
    return Judgement("weak", said_unsure(shown, "less" if less else "chance", q_value), shown)


def _stratum(row: Row) -> str:
    return "segments and plans" if _is_gone(row.lift, row.strata) else "sign-up periods"


def _is_gone(crude: Interval, within: Interval) -> bool:
    """Whether most of a lift disappears within strata."""
    if isnan(within.ratio) or crude.ratio == 0:
        return False
    left = _left(crude, within)
    return left < GONE or (left < HALF_GONE and within.low <= 1)


def _turns_round(crude: Interval, within: Interval) -> bool:
    """Whether the converted surely do it more within strata and less overall, or the reverse."""
    if isnan(within.ratio):
        return False
    more = crude.ratio < 1 and within.low > 1 and within.ratio >= TURNED
    less = crude.ratio > 1 and within.high < 1 and within.ratio <= 1 / TURNED
    return more or less


def _holds_at_equal_use(row: Row) -> bool:
    """Whether those who convert still surely do it more than others who use it as much."""
    use = row.use
    if isnan(use.ratio) or use.low <= 1:
        return False
    left = _left(row.lift, use)
    surer = use.ratio * (use.low / use.ratio) ** SURER > 1
    return left >= HALF_GONE or (left >= GONE and surer)


def _left(crude: Interval, within: Interval) -> float:
    """How much of the logarithm of a lift is left within strata."""
    return log(max(within.ratio, SMALLEST)) / log(crude.ratio)
