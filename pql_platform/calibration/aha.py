"""The aha moment: the behaviour of the first days that sets apart those who convert.

Chosen among the signals that `verdicts` has let through; how many times and within how many days is
chosen on one half of the accounts and measured on the other. That people confirm it in interviews
is written into the program file (`aha.validated_by`), not found here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pql_platform.calibration.behaviours import EARLY_WINDOWS, Counts
from pql_platform.calibration.contrasts import (
    AT_LEAST,
    CHOOSING,
    VERIFYING,
    Ints,
    Tally,
    lifts_by_period,
    tally,
    told_by,
)
from pql_platform.calibration.matched_cohorts import EARLY_DAYS, PERIODS, Cohorts
from pql_platform.calibration.proportions import chance_of, lift_of
from pql_platform.calibration.verdicts import ENOUGH_LIFT, SURE, Row, fails, is_sure, stability_of
from pql_platform.program.schema import Program


@dataclass(frozen=True)
class Aha:
    """A proposed aha moment.

    Attributes:
        event: The event.
        at_least: How many times.
        within_days: In the first so many days after the sign-up.
        converted_share, other_share: Who reached it, of the converted and of the others.
        lift, lift_low, lift_high: Ratio of the shares with 95 % limits.
        n_converted, n_other: The accounts it is measured on: those on which it was not chosen.
        q_value: False discovery rate of the behaviour.
        stability: Share of the thirds of sign-ups in which it holds, all accounts; None if unknown.
        validated_by: Who confirmed it in interviews, when the program's aha moment is this event.
    """

    event: str
    at_least: int
    within_days: int
    converted_share: float
    other_share: float
    lift: float
    lift_low: float
    lift_high: float
    n_converted: int
    n_other: int
    q_value: float
    stability: float | None
    validated_by: str | None


@dataclass(frozen=True)
class Candidate:
    """A whole event that is a signal: its number, its name and its comparisons."""

    behaviour: int
    event: str
    rows: tuple[Row, ...]
    q_value: float


def early_strength(candidate: Candidate) -> Row | None:
    """Return the surest comparison of the first two weeks that is a signal by itself, if any."""
    early = [
        row
        for row in candidate.rows
        if row.window == "first_14_days"
        and row.is_supported
        and is_sure(row, candidate.q_value)
        and row.lift.ratio >= ENOUGH_LIFT
        and fails(row) is None
    ]
    return max(early, key=lambda row: row.lift.low, default=None)


def find_aha(
    candidates: list[Candidate], counts: Counts, cohorts: Cohorts, program: Program
) -> Aha | None:
    """Return the aha moment that the data proposes; None when no signal falls into the first days.

    The highest lift is taken at its lower limit, so that a rare behaviour does not win by chance.
    """
    strengths = [(candidate, early_strength(candidate)) for candidate in candidates]
    early = [(candidate, row) for candidate, row in strengths if row is not None]
    if not early:
        return None
    best, shown = max(early, key=lambda pair: (pair[1].lift.low, pair[0].event))
    period = cohorts.accounts["period"].to_numpy(np.int64)
    tallies = {
        days: tally(counts, cohorts, window, period, PERIODS)
        for window, days in EARLY_WINDOWS.items()
    }
    measured = _chosen_and_verified(tallies, best.behaviour)
    if measured is None:
        place = AT_LEAST.index(shown.at_least)
        groups = (shown.did, shown.size, shown.other_did, shown.other_size)
        measured = _Measured(place, EARLY_DAYS, *groups)
    lift = lift_of(*measured[2:])
    return Aha(
        event=best.event,
        at_least=AT_LEAST[measured.place],
        within_days=measured.days,
        converted_share=measured.did / measured.size,
        other_share=measured.other_did / measured.other_size,
        lift=float(lift.ratio),
        lift_low=float(lift.low),
        lift_high=float(lift.high),
        n_converted=measured.size,
        n_other=measured.other_size,
        q_value=best.q_value,
        stability=_stability(tallies[measured.days], best.behaviour, measured.place),
        validated_by=_signed_off(program, best.event),
    )


class _Measured(NamedTuple):
    """A threshold, by its place in `AT_LEAST`, and who reached it of how many."""

    place: int
    days: int
    did: int
    size: int
    other_did: int
    other_size: int


def _chosen_and_verified(tallies: dict[int, Tally], behaviour: int) -> _Measured | None:
    """The threshold that tells most on the choosing half, if the other half confirms it."""
    told = {days: told_by(*_on(each, behaviour, CHOOSING)) for days, each in tallies.items()}
    # In a tie the longest time, and the fewest times.
    days = max(told, key=lambda days: (float(told[days].max()), days))
    place = int(np.argmax(told[days]))
    did, size = _on(tallies[days], behaviour, VERIFYING)
    groups = (int(did[place, 1]), int(size[1]), int(did[place, 0]), int(size[0]))
    if not told[days][place] or min(size) == 0:
        return None
    lift = lift_of(*groups)
    holds = lift.ratio >= ENOUGH_LIFT and lift.low > 1 and chance_of(*groups) <= SURE
    return _Measured(place, days, *groups) if holds else None


def _on(tallied: Tally, behaviour: int, half: int) -> tuple[Ints, Ints]:
    """Who did one behaviour, shape (len(AT_LEAST), 2), and all, shape (2,), of one half."""
    did = tallied.did[:, behaviour, half].sum(axis=-1)
    return did, tallied.size[0, half].sum(axis=-1)


def _stability(tallied: Tally, behaviour: int, place: int) -> float | None:
    did = tallied.did[place, behaviour].sum(axis=0)
    lifts = lifts_by_period(did[None], tallied.size[0].sum(axis=0)[None])[0]
    return stability_of(lifts)


def _signed_off(program: Program, event: str) -> str | None:
    if program.aha is None or event not in program.aha.events:
        return None
    return program.aha.validated_by
