"""Leaks: behaviours that follow from the purchase, told by when the converted did them.

They would predict it perfectly and too late. Judged on times alone, before anything is compared;
the other verdicts are in `verdicts`.
"""

from __future__ import annotations

from dataclasses import dataclass

from pql_platform.calibration.verdict_wording import said_leak

FEWEST = 5
"""Converted accounts that did it, or would if they were like the others: with fewer, the usual
limit for comparing shares, one account more or less changes the picture."""

MOSTLY = 0.5
"""The share of those who converted that makes it a leak when they did it at the end only."""

HARDLY = 0.2
"""So few of them did it before, and it is called only after."""

RARE_OTHERS = 0.1
"""The others' share, of that of the converted, below which hardly anybody else does it."""


@dataclass(frozen=True)
class Timing:
    """When converted accounts did it, as counts; columns as in `discovery_timing.sql`.

    Attributes:
        ever_share, other_ever_share: Who did it at any time, of the converted and the others.
    """

    ever: int
    before: int
    only_soon_after: int
    before_hours: int
    first_in_hours: int
    before_days: int
    first_in_days: int
    converted: int
    ever_share: float
    other_ever_share: float


def leak_of(timing: Timing) -> str | None:
    """Return why a behaviour follows from the purchase and does not lead to it; None if not."""
    shares = timing.ever_share, timing.other_ever_share
    few_others = shares[1] <= RARE_OTHERS * shares[0]
    soon = timing.before + timing.only_soon_after
    only_after = (
        timing.only_soon_after >= FEWEST
        and timing.before <= HARDLY * soon
        and shares[1] <= shares[0] / 2
    )
    never_before = timing.ever >= FEWEST and timing.before <= HARDLY / 4 * timing.ever
    if only_after or (never_before and few_others):
        return said_leak("after", timing)
    if timing.before_hours >= FEWEST and timing.first_in_hours >= MOSTLY * timing.before_hours:
        return said_leak("hours", timing)
    before_share = timing.before / max(timing.converted, 1)
    if (
        timing.before_days >= FEWEST
        and timing.first_in_days >= MOSTLY * timing.before_days
        and shares[1] <= RARE_OTHERS * before_share
    ):
        return said_leak("days", timing)
    return None
