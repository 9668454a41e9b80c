"""Signals that say more together than apart: a small, bounded search for compounds.

Pairs and triples, each signal at half, all or twice its threshold. Found on earlier time; kept only
if better on later time than their parts, by more than noise. The compounds that people wrote stay
as they are: a caller adds what is found here to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations, product

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm

from pql_platform.calibration.examples import Examples
from pql_platform.calibration.logistic import Fitted, fit_logistic
from pql_platform.calibration.scoring import Flags, Floats, meets, score_examples
from pql_platform.calibration.splits import FEWEST_HELD_BACK, split_by_time
from pql_platform.domain.points import HIGHEST_SCORE, QUARTERS
from pql_platform.program.schema import Program
from pql_platform.program.signals import Compound, Signal

MOST_COMPOUNDS = 2
MOST_SIGNALS = 8
"""Signals that are searched, those with the most points: 8 give 252 pairs and 1,512 triples."""

MOST_TESTED = 5
"""Candidates that are tried on later time; each of them makes an accident likelier."""

SURE = 0.05
"""Chance of one accident among all that are tried (Bonferroni)."""

MOST_POINTS = Decimal(20)
"""Of a compound, beside the 100 of the signals: it may not decide alone."""

PENALTY = 1.0


@dataclass(frozen=True)
class _Part:
    """Scores and outcomes of one part of time."""

    frame: pd.DataFrame
    scores: Floats
    converted: Floats
    account: npt.NDArray[np.intp]


def find_compounds(
    examples: Examples,
    program: Program,
    points: Mapping[str, Decimal],
    *,
    most: int = MOST_COMPOUNDS,
) -> tuple[Compound, ...]:
    """Find compounds that are worth points beside these.

    Args:
        examples: All of them; they are split by time here.
        program: Its signals and the compounds that it has already.
        points: Most points per signal, as they will be.
        most: How many are returned at most.

    Returns:
        New compounds, the surest first; none is the usual answer.

    Raises:
        PqlError: There are too few conversions in either part of the time.
    """
    split = split_by_time(examples, program)
    found: list[Compound] = []
    while len(found) < most:
        train, test = (_part(part, program, points, found) for part in (split.train, split.test))
        best = _best(train, test, program, points, found)
        if best is None:
            break
        found.append(best)
    return tuple(found)


def _part(
    examples: Examples, program: Program, points: Mapping[str, Decimal], found: Sequence[Compound]
) -> _Part:
    compounds = (*program.reachable_compounds, *found)
    return _Part(
        frame=examples.frame,
        scores=score_examples(examples.frame, program, points, compounds).scores / 100,
        converted=examples.frame["converted"].to_numpy(np.float64),
        account=pd.factorize(examples.frame["account_id"])[0],
    )


def _best(
    train: _Part,
    test: _Part,
    program: Program,
    points: Mapping[str, Decimal],
    found: Sequence[Compound],
) -> Compound | None:
    """The surest candidate of those that hold on later time."""
    taken = {frozenset(item.all) for item in (*program.compounds, *found)}
    candidates = _screened(train, program, points, taken)
    critical = float(norm.isf(SURE / max(len(candidates), 1)))
    surest: tuple[float, Compound] | None = None
    for needed in candidates:
        compound = _with_points(train, program, needed)
        if compound is None:
            continue
        sure = _sureness(train, test, program, needed)
        if sure > critical and (surest is None or sure > surest[0]):
            surest = sure, compound
    return surest[1] if surest else None


def _screened(
    train: _Part,
    program: Program,
    points: Mapping[str, Decimal],
    taken: set[frozenset[str]],
) -> list[dict[str, Decimal]]:
    """The most promising candidates of the earlier part, each set of signals once.

    By the score test: how far the outcomes of those who meet it exceed what their scores say, in
    standard errors of the binomial.
    """
    expected = _fit(train, []).chances(train.scores[:, None])
    miss, spread = train.converted - expected, expected * (1 - expected)
    best: dict[frozenset[str], tuple[float, dict[str, Decimal]]] = {}
    reached = _reached(train.frame, program, points)
    for names, levels in _combinations(reached):
        if frozenset(names) in taken:
            continue
        needed = dict(zip(names, levels, strict=True))
        met = np.logical_and.reduce([reached[name][level] for name, level in needed.items()])
        if train.converted[met].sum() < FEWEST_HELD_BACK:
            continue
        promise = float(miss[met].sum() / np.sqrt(spread[met].sum()))
        if promise > best.get(frozenset(names), (0.0, {}))[0]:
            best[frozenset(names)] = promise, needed
    ordered = sorted(best.values(), key=lambda item: -item[0])
    return [needed for _, needed in ordered[:MOST_TESTED]]


def _reached(
    frame: pd.DataFrame, program: Program, points: Mapping[str, Decimal]
) -> dict[str, dict[Decimal, Flags]]:
    """Per signal and level, which examples reach it."""
    heaviest = sorted(program.signals, key=lambda signal: -points.get(signal.name, Decimal(0)))[
        :MOST_SIGNALS
    ]
    return {
        signal.name: {
            level: meets(frame, program, {signal.name: level}) for level in _levels(signal)
        }
        for signal in heaviest
    }


def _levels(signal: Signal) -> tuple[Decimal, ...]:
    """Half, all and twice the threshold; no half counts, and nothing out of reach."""
    threshold = signal.threshold
    if signal.measure == "ever":
        return (threshold,)
    half = threshold / 2
    if not signal.lower_is_better and signal.measure not in ("growth", "minutes_per_session"):
        half = max(half.to_integral_value(rounding="ROUND_CEILING"), Decimal(1))
    levels = dict.fromkeys((half, threshold, 2 * threshold))
    most = signal.window_days
    if signal.lower_is_better:
        return tuple(level for level in levels if level < most)
    if signal.measure in ("distinct_days", "streak_days"):
        return tuple(level for level in levels if level <= most)
    return tuple(levels)


def _combinations(
    reached: Mapping[str, Mapping[Decimal, Flags]],
) -> Iterator[tuple[tuple[str, ...], tuple[Decimal, ...]]]:
    for size in (2, 3):
        for names in combinations(reached, size):
            for levels in product(*(reached[name] for name in names)):
                yield names, levels


def _with_points(train: _Part, program: Program, needed: Mapping[str, Decimal]) -> Compound | None:
    """The compound with what it is worth in points of the score; None below a quarter."""
    met = meets(train.frame, program, needed).astype(np.float64)
    fitted = _fit(train, [met])
    per_point = fitted.coefficients[0] / 100
    if per_point <= 0:
        return None
    quarters = int(QUARTERS * fitted.coefficients[1] / per_point)
    worth = min(Decimal(quarters) / QUARTERS, MOST_POINTS, HIGHEST_SCORE)
    if worth <= 0:
        return None
    return Compound(name=_name(needed), all=dict(needed), points=worth)


def _sureness(train: _Part, test: _Part, program: Program, needed: Mapping[str, Decimal]) -> float:
    """By how many standard errors the compound beats both its parts and none at all, later on."""
    together = _columns(train, test, program, [dict(needed)])
    apart = _columns(train, test, program, [{name: level} for name, level in needed.items()])
    with_compound = _losses(train, test, together)
    return min(
        _standard_errors(_losses(train, test, rival) - with_compound, test.account)
        for rival in (apart, ([], []))
    )


def _columns(
    train: _Part, test: _Part, program: Program, conditions: Sequence[Mapping[str, Decimal]]
) -> tuple[list[Floats], list[Floats]]:
    return (
        [meets(train.frame, program, needed).astype(np.float64) for needed in conditions],
        [meets(test.frame, program, needed).astype(np.float64) for needed in conditions],
    )


def _fit(part: _Part, further: Sequence[Floats]) -> Fitted:
    return fit_logistic(np.column_stack([part.scores, *further]), part.converted, PENALTY)


def _losses(
    train: _Part, test: _Part, further: tuple[Sequence[Floats], Sequence[Floats]]
) -> Floats:
    """Negative log likelihood of each later example, by what was fitted to the earlier ones."""
    fitted = _fit(train, further[0])
    odds = fitted.log_odds(np.column_stack([test.scores, *further[1]]))
    losses: Floats = np.logaddexp(0, odds) - test.converted * odds
    return losses


def _standard_errors(gains: Floats, account: npt.NDArray[np.intp]) -> float:
    """A mean gain in units of its standard error, one sum per account."""
    sums = np.bincount(account, gains)
    error = sums.std(ddof=1) * np.sqrt(len(sums)) if len(sums) > 1 else 0.0
    return float(sums.sum() / error) if error > 0 else 0.0


def _name(needed: Mapping[str, Decimal]) -> str:
    """A name of at most 63 characters, as the program file asks for."""
    pieces = [f"{name[: 50 // len(needed)]}{int(level)}" for name, level in needed.items()]
    return "_".join(pieces)[:63]
