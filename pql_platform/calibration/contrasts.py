"""Each behaviour held against the two cohorts: in every window, once or at least so many times.

"At least N times" is chosen on one half of the accounts and measured on the other, so that choosing
cannot make a difference look larger. All in arrays of shape (rows, behaviours); a row is a window,
once with N = 1 on all accounts and once with the chosen N on the verifying half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pql_platform.calibration.behaviours import EARLY_WINDOWS, WINDOWS, Counts
from pql_platform.calibration.leaks import FEWEST
from pql_platform.calibration.matched_cohorts import PERIODS, Cohorts
from pql_platform.calibration.proportions import (
    Floats,
    Lift,
    chance_of,
    information,
    lift_of,
    pooled_lift,
)
from pql_platform.calibration.verdicts import ENOUGH_LIFT

AT_LEAST = (1, 2, 3, 5, 10)
CHOOSING, VERIFYING = 0, 1
"""Halves of the accounts."""

FEWEST_DOERS = 10
"""Of both groups together; fewer are not tested. It does not look at who of them converted, so the
tests that are left keep their level (Bourgon, Gentleman and Huber 2010)."""

USE_CLASSES = 40
"""Classes of use, each a factor of 1.4 wide: 0, 1, 2, 3, 4-5, 6-7 ... up to a million events."""

Ints = NDArray[np.int64]


class Tally(NamedTuple):
    """How many accounts did it, and how many there are, by half, group and class.

    Attributes:
        did: Shape (len(AT_LEAST), behaviours, halves, 2, classes); group 1 converted.
        size: Shape (behaviours or 1, halves, 2, classes).
    """

    did: Ints
    size: Ints


@dataclass(frozen=True)
class Contrasts:
    """What was compared, shape (rows, behaviours) throughout.

    Attributes:
        windows: The window of each row, shape (rows,).
        at_least: How many times; 0 where the row offers nothing beyond N = 1.
        did, size: Converted accounts that did it, and all of them.
        other_did, other_size: The same of the others.
        lift: How many times as large the converted's share is, with 95 % limits.
        chance: The p-value; NaN where the row is not tested.
        within_strata: The lift within segment and plan.
        within_periods: The lift within thirds of the sign-ups.
        within_use: The lift at an equal number of other events in the window.
        by_period: The lift of each third, shape (rows, behaviours, PERIODS); NaN without support.
        ever: The lift over the whole life, shape (len(AT_LEAST), behaviours).
        ever_shares: Shares of converted and others that ever did it, shape (2, behaviours).
    """

    windows: tuple[str, ...]
    at_least: Ints
    did: Ints
    size: Ints
    other_did: Ints
    other_size: Ints
    lift: Lift
    chance: Floats
    within_strata: Lift
    within_periods: Lift
    within_use: Lift
    by_period: Floats
    ever: Lift
    ever_shares: Floats


def contrast(counts: Counts, cohorts: Cohorts) -> Contrasts:
    """Compare every behaviour in every window."""
    tallies = {name: _tallies(counts, cohorts, name) for name in WINDOWS}
    rows = [
        _compared(tallies[name], verified=verified)
        for name in WINDOWS
        for verified in (False, True)
    ]
    everyone = np.zeros(len(cohorts.accounts), dtype=np.int64)
    ever = tally(counts, cohorts, "ever", everyone, 1)
    did, size = ever.did.sum(axis=(2, 4)), ever.size.sum(axis=(0, 1, 3))
    return Contrasts(
        windows=tuple(name for name in WINDOWS for _ in range(2)),
        at_least=np.stack([row.at_least for row in rows]),
        did=np.stack([row.did[:, 1] for row in rows]),
        size=np.stack([row.size[:, 1] for row in rows]),
        other_did=np.stack([row.did[:, 0] for row in rows]),
        other_size=np.stack([row.size[:, 0] for row in rows]),
        lift=_stacked([row.lift for row in rows]),
        chance=np.stack([row.chance for row in rows]),
        within_strata=_stacked([row.within_strata for row in rows]),
        within_periods=_stacked([row.within_periods for row in rows]),
        within_use=_stacked([row.within_use for row in rows]),
        by_period=np.stack([row.by_period for row in rows]),
        ever=lift_of(did[..., 1], size[1], did[..., 0], size[0]),
        ever_shares=np.stack([did[0, :, 1] / size[1], did[0, :, 0] / size[0]]),
    )


def tally(
    counts: Counts,
    cohorts: Cohorts,
    window: str,
    classes: Ints,
    n_classes: int,
    among: NDArray[np.bool_] | None = None,
) -> Tally:
    """Count the accounts that did each behaviour at least so many times, by class.

    Args:
        counts: What was done.
        cohorts: By whom.
        window: One of those counted.
        classes: The class of each account.
        n_classes: How many classes there are.
        among: Which accounts are compared; None means all.
    """
    kept = np.ones(len(cohorts.accounts), dtype=bool) if among is None else among
    code = _group(cohorts) * n_classes + classes
    size = np.bincount(code[kept], minlength=4 * n_classes)
    doers = _doers(counts, window, kept)
    did = _did(counts, window, doers, code[counts.account[doers]], n_classes)
    return Tally(did, size.reshape(1, 2, 2, n_classes))


def tally_by_use(
    counts: Counts, cohorts: Cohorts, window: str, among: NDArray[np.bool_] | None = None
) -> Tally:
    """The same by how much else an account did in the window: its use without the behaviour."""
    kept = np.ones(len(cohorts.accounts), dtype=bool) if among is None else among
    group, use = _group(cohorts) * USE_CLASSES, counts.use[window]
    doers = _doers(counts, window, kept)
    who, what = counts.account[doers], counts.behaviour[doers].astype(np.int64)
    own = group[who] + _class_of_use(use[who] - counts.times[window][doers])
    n_codes, n_behaviours = 4 * USE_CLASSES, len(counts.behaviours)
    everyone = group + _class_of_use(use)
    size = np.tile(np.bincount(everyone[kept], minlength=n_codes), n_behaviours)
    size += np.bincount(what * n_codes + own, minlength=len(size))
    size -= np.bincount(what * n_codes + everyone[who], minlength=len(size))
    did = _did(counts, window, doers, own, USE_CLASSES)
    return Tally(did, size.reshape(n_behaviours, 2, 2, USE_CLASSES))


def _group(cohorts: Cohorts) -> Ints:
    accounts = cohorts.accounts
    group: Ints = accounts["half"].to_numpy(np.int64) * 2 + accounts["converted"].to_numpy(np.int64)
    return group


def _doers(counts: Counts, window: str, kept: NDArray[np.bool_]) -> Ints:
    return np.flatnonzero(kept[counts.account] & (counts.times[window] > 0))


def _did(counts: Counts, window: str, doers: Ints, code: Ints, n_classes: int) -> Ints:
    n_codes, n_behaviours = 4 * n_classes, len(counts.behaviours)
    times = counts.times[window][doers]
    cell = counts.behaviour[doers].astype(np.int64) * n_codes + code
    did = np.stack(
        [
            np.bincount(cell[times >= at_least], minlength=n_behaviours * n_codes)
            for at_least in AT_LEAST
        ]
    )
    return did.reshape(len(AT_LEAST), n_behaviours, 2, 2, n_classes)


def _class_of_use(events: Ints) -> Ints:
    classes: Ints = np.floor(2 * np.log2(1 + np.maximum(events, 0))).astype(np.int64)
    return np.minimum(classes, USE_CLASSES - 1)


def choose_at_least(tallied: Tally) -> Ints:
    """Return for each behaviour the place in `AT_LEAST` that tells most, on the choosing half.

    Among those that reach `ENOUGH_LIFT` there, if any does; in a tie the smallest.
    """
    did = tallied.did[:, :, CHOOSING].sum(axis=-1)
    size = tallied.size[0, CHOOSING].sum(axis=-1)
    return np.argmax(told_by(did, size), axis=0)


def told_by(did: Ints, size: Ints) -> Floats:
    """Return how much each threshold tells of who converts; nothing where it is too rare.

    Args:
        did: Shape (..., 2), others and converted.
        size: Shape (2,).
    """
    other, own = did[..., 0], did[..., 1]
    told = information(own, size[1], other, size[0])
    lift = lift_of(own, max(size[1], 1), other, max(size[0], 1)).ratio
    told = np.where((other + own >= FEWEST) & (lift > 1), told, 0.0)
    # One nat is more than any two groups can tell of each other, so these come first.
    return np.where((lift >= ENOUGH_LIFT) & (told > 0), told + 1.0, told)


def _tallies(counts: Counts, cohorts: Cohorts, window: str) -> dict[str, Tally]:
    # Before a purchase the converted are there, while most others have long been silent: in these
    # windows only those are compared who did anything at all.
    among = counts.use[window] > 0 if window not in EARLY_WINDOWS else None
    period = cohorts.accounts["period"].to_numpy(np.int64)
    stratum = cohorts.accounts["stratum"].to_numpy(np.int64)
    classes: Sequence[tuple[str, Ints, int]] = (
        ("periods", period, PERIODS),
        ("strata", stratum, len(cohorts.strata)),
    )
    tallies = {n: tally(counts, cohorts, window, of, size, among) for n, of, size in classes}
    return {**tallies, "use": tally_by_use(counts, cohorts, window, among)}


class _Compared(NamedTuple):
    """One row: who did it and all, shape (behaviours, 2), and what follows from that."""

    at_least: Ints
    did: Ints
    size: Ints
    lift: Lift
    chance: Floats
    within_strata: Lift
    within_periods: Lift
    within_use: Lift
    by_period: Floats


def _compared(tallies: dict[str, Tally], *, verified: bool) -> _Compared:
    """One window on all accounts with N = 1, or on the verifying half with the chosen N."""
    place = np.zeros(tallies["periods"].did.shape[1], dtype=np.int64)
    if verified:
        place = choose_at_least(tallies["periods"])
    halves = [VERIFYING] if verified else [CHOOSING, VERIFYING]
    taken = {name: _taken(each, place, halves) for name, each in tallies.items()}
    did, size = (counted.sum(axis=-1) for counted in taken["periods"])
    tested = did.sum(axis=-1) >= FEWEST_DOERS
    if verified:
        tested &= place > 0
    chance = chance_of(did[:, 1], size[:, 1], did[:, 0], size[:, 0])
    return _Compared(
        at_least=np.where(tested, np.array(AT_LEAST)[place], 0),
        did=did,
        size=size,
        lift=lift_of(did[:, 1], np.maximum(size[:, 1], 1), did[:, 0], np.maximum(size[:, 0], 1)),
        chance=np.where(tested, chance, np.nan),
        within_strata=_pooled(*taken["strata"]),
        within_periods=_pooled(*taken["periods"]),
        within_use=_pooled(*taken["use"]),
        by_period=lifts_by_period(*taken["periods"]),
    )


def _stacked(lifts: Sequence[Lift]) -> Lift:
    return Lift(*(np.stack(parts) for parts in zip(*lifts, strict=True)))


def _taken(tallied: Tally, place: Ints, halves: list[int]) -> tuple[Ints, Ints]:
    """Doers at the given thresholds and all, of these halves: shape (behaviours, 2, classes)."""
    did = tallied.did[place, np.arange(len(place))][:, halves].sum(axis=1)
    return did, np.broadcast_to(tallied.size[:, halves].sum(axis=1), did.shape)


def _pooled(did: Ints, size: Ints) -> Lift:
    amounts = did.astype(np.float64), size.astype(np.float64)
    return pooled_lift(amounts[0][:, 1], amounts[1][:, 1], amounts[0][:, 0], amounts[1][:, 0])


def lifts_by_period(did: Ints, size: Ints) -> Floats:
    """Return the lift of each third; NaN where too few of the converted do it, or would.

    Args:
        did: Shape (behaviours, 2, PERIODS), others and converted.
        size: The same shape.
    """
    (other, own), (others, owns) = np.moveaxis(did, 1, 0), np.moveaxis(size, 1, 0)
    expected = owns * (own + other) / np.maximum(owns + others, 1)
    ratio = lift_of(own, np.maximum(owns, 1), other, np.maximum(others, 1)).ratio
    return np.where(np.maximum(expected, own) >= FEWEST, ratio, np.nan)
