"""The sentence that goes with each verdict, in words for somebody who sells, not for statisticians.

Nothing is decided here: `verdicts` says which sentence it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pql_platform.domain.grammar import counted

if TYPE_CHECKING:
    from pql_platform.calibration.leaks import Timing
    from pql_platform.calibration.verdicts import Row

WINDOWS_IN_WORDS = {
    "first_14_days": "in the first 14 days",
    "before_7_days": "in the 7 days before",
    "before_14_days": "in the 14 days before",
    "before_30_days": "in the 30 days before",
}


def said_signal(row: Row) -> str:
    """Twice as often, surely, and also among equals."""
    return (
        f"{_shares(row)}, {_times(row.lift.ratio)} as often, and still {_times(row.use.ratio)} "
        "among accounts of equal use."
    )


def said_leak(kind: Literal["after", "hours", "days"], timing: Timing) -> str:
    """It follows from the purchase."""
    if kind == "after":
        after = timing.ever - timing.before
        return (
            f"{after} of the {counted(timing.ever, 'converted account')} that ever did it did so "
            "only after converting: it follows from the purchase."
        )
    if kind == "hours":
        return (
            f"{timing.first_in_hours} of the {counted(timing.before_hours, 'converted account')} "
            "that did it before converting did so for the first time in the last 6 hours: it is "
            "part of the purchase."
        )
    return (
        f"{timing.first_in_days} of the {counted(timing.before_days, 'converted account')} that "
        "did it before converting did so for the first time in the last 2 days, and hardly anybody "
        "else ever does it: it is part of the purchase."
    )


def said_unsupported(row: Row, fewest: int) -> str:
    """Too few did it."""
    return (
        f"Only {row.did} of {row.size} converted accounts and {row.other_did} of {row.other_size} "
        f"others did it {WINDOWS_IN_WORDS[row.window]}: too few to tell (it takes {fewest} "
        "converted ones)."
    )


def said_confounded(row: Row, stratum: str) -> str:
    """It is a third thing that goes with both."""
    within = row.periods if stratum == "sign-up periods" else row.strata
    turns = (row.lift.ratio - 1) * (within.ratio - 1) < 0 and not 0.8 < within.ratio < 1.25
    how = "turns round" if turns else "all but disappears"
    return (
        f"The difference {how} within {stratum}: {_times(row.lift.ratio)} as often over all, "
        f"{_times(within.ratio)} among alike."
    )


def said_use(row: Row) -> str:
    """Whoever is active does more of everything."""
    rest = (
        f"among accounts of equal use it is {_times(row.use.ratio)}"
        if row.use.ratio == row.use.ratio
        else "no accounts of equal use are there to compare"
    )
    return f"It goes with being active: {_times(row.lift.ratio)} as often over all, but {rest}."


def said_ordinary(row: Row) -> str:
    """Most do it anyway."""
    return (
        f"Most of those who do not convert do it too: {_percent(row.other_share)}, and "
        f"{_percent(row.share)} of the converted {WINDOWS_IN_WORDS[row.window]}."
    )


def said_survivorship(row: Row) -> str:
    """It comes with time, and who converts has been there longer."""
    return (
        f"It comes with time: {_times(row.ever.ratio)} as often over the whole life, but "
        f"{_times(row.lift.ratio)} {WINDOWS_IN_WORDS[row.window]} at equal age."
    )


def said_unsure(
    row: Row, kind: Literal["unstable", "small", "less", "chance"], q_value: float = 0.0
) -> str:
    """Something, but not enough to build on."""
    if kind == "unstable":
        held = sum(lift > 1 for lift in row.by_period)
        judged = sum(lift == lift for lift in row.by_period)
        return (
            f"{_times(row.lift.ratio)} as often over all, but it holds in {held} of {judged} "
            "sign-up periods only."
        )
    if kind == "small":
        return f"{_shares(row)}: surely more often, but less than twice ({row.lift.ratio:.1f})."
    if kind == "less":
        return f"{_shares(row)}: who converts does it less often, so it speaks for nothing."
    return f"{_shares(row)}: that may be chance (q = {q_value:.2f})."


def _shares(row: Row) -> str:
    often = "did it" if row.at_least == 1 else f"did it {row.at_least} times or more"
    return (
        f"{_percent(row.share)} of the converted {often} {WINDOWS_IN_WORDS[row.window]}, "
        f"{_percent(row.other_share)} of the others"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times"
