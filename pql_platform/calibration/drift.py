"""Whether the world still looks as it did when a version was calibrated: between recalibrations.

Compares what a version keeps of its calibration (`Reference`) with examples of today: how each
signal and the score are spread, whether a score still means the chance to buy that it meant, and
what share is over the threshold. Proposes a recalibration and never acts; whom to tell is the
caller's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit

from pql_platform.calibration.examples import Examples
from pql_platform.calibration.policy import HEALTHY_SHARE

Floats = npt.NDArray[np.float64]

BINS = 10
NOTABLE_PSI, LARGE_PSI = 0.10, 0.25
"""Rules of thumb of credit scoring (Siddiqi, Credit Risk Scorecards, 2006, chapter 6): below 0.1 no
change, above 0.25 a change that calls for a new model."""

SLOPE_BAND = (0.5, 1.5)
"""Calibration slope, 1 when a score means what it meant (Cox 1958); outside, ranks have lost or
gained their meaning by half."""

MOST_LOST_SHARE = 0.03
"""Points by which the qualified share may leave the one that was asked for."""

FEWEST_EXAMPLES = 50
FEWEST_CONVERSIONS = 10
_FEWEST_PER_BIN = 0.5


@dataclass(frozen=True)
class Spread:
    """How a value is spread: the edges between bins, and the share of examples in each bin.

    Attributes:
        edges: Inner edges, ascending; a bin holds what is above one edge and up to the next.
        shares: One more than edges, adding up to 1.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Reference:
    """What a version keeps of the examples that it was calibrated on.

    Attributes:
        spreads: By name of the signal; `score` for the score.
        intercept: Of the chance to convert: `expit(intercept + slope * score)`.
        slope: Log odds per point.
        examples: How many examples.
        share: The share of them that was over the threshold.
    """

    spreads: Mapping[str, Spread]
    intercept: float
    slope: float
    examples: int
    share: float

    def as_json(self) -> dict[str, Any]:
        """The same for the evidence of a version."""
        return {
            "spreads": {
                name: {"edges": list(spread.edges), "shares": list(spread.shares)}
                for name, spread in self.spreads.items()
            },
            "intercept": self.intercept,
            "slope": self.slope,
            "examples": self.examples,
            "share": self.share,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Reference:
        """Read back what `as_json` wrote."""
        spreads = {
            name: Spread(tuple(spread["edges"]), tuple(spread["shares"]))
            for name, spread in kept["spreads"].items()
        }
        return cls(spreads, kept["intercept"], kept["slope"], kept["examples"], kept["share"])


@dataclass(frozen=True)
class Drift:
    """How far today is from the reference.

    Attributes:
        stability: Population stability index by signal, and of `score`; 0 when nothing changed.
        slope: Calibration slope; None with fewer than 10 conversions.
        share: Share of the examples over the threshold now.
        examples: How many examples it was measured on.
        concerns: What speaks for a recalibration, in sentences; empty when nothing does.
    """

    stability: Mapping[str, float]
    slope: float | None
    share: float
    examples: int
    concerns: tuple[str, ...]


def reference_of(examples: Examples, scores: Floats, threshold: float) -> Reference:
    """Summarise the examples that a version was calibrated on.

    Args:
        examples: Those examples.
        scores: Their scores by the version, one per row of `examples.frame`.
        threshold: The version's threshold at account level.
    """
    columns = _columns(examples.frame, scores)
    intercept, slope = _fit_logistic(scores, examples.frame["converted"].to_numpy(float))
    return Reference(
        spreads={name: _spread(values) for name, values in columns.items()},
        intercept=intercept,
        slope=slope,
        examples=len(scores),
        share=float((scores >= threshold).mean()) if len(scores) else 0.0,
    )


def drift(reference: Reference, examples: Examples, scores: Floats, threshold: float) -> Drift:
    """Hold examples of today against the reference.

    Args:
        reference: Of the version.
        examples: Examples of the latest index dates.
        scores: Their scores by the version.
        threshold: The version's threshold at account level.
    """
    columns = _columns(examples.frame, scores)
    stability = {
        name: stability_index(spread, columns[name])
        for name, spread in reference.spreads.items()
        if name in columns and len(scores)
    }
    converted = examples.frame["converted"].to_numpy(float)
    slope = None
    if min(converted.sum(), len(converted) - converted.sum()) >= FEWEST_CONVERSIONS:
        chance = reference.intercept + reference.slope * scores
        slope = _fit_logistic(chance, converted)[1] if reference.slope else None
    share = float((scores >= threshold).mean()) if len(scores) else 0.0
    return Drift(
        stability, slope, share, len(scores), _concerns(reference, stability, slope, share, scores)
    )


def stability_index(spread: Spread, values: Floats) -> float:
    """Population stability index of values against a spread.

    ``sum((now - then) * ln(now / then))`` over the bins; a bin without anybody counts half an
    example, so that the logarithm stays finite.

    Args:
        spread: How they were spread.
        values: How they are now, at least one.
    """
    counts = np.bincount(_bins(spread.edges, values), minlength=len(spread.shares))
    now = np.maximum(counts, _FEWEST_PER_BIN) / len(values)
    then = np.maximum(np.asarray(spread.shares), _FEWEST_PER_BIN / len(values))
    now, then = now / now.sum(), then / then.sum()
    return float(((now - then) * np.log(now / then)).sum())


def _columns(frame: pd.DataFrame, scores: Floats) -> dict[str, Floats]:
    prefix = "value_"
    named = [column for column in frame.columns if column.startswith(prefix)]
    values = {name.removeprefix(prefix): frame[name].to_numpy(float) for name in named}
    return {**values, "score": scores}


def _spread(values: Floats) -> Spread:
    if not len(values):
        return Spread((), (1.0,))
    inner = np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1], method="higher")
    # Most people do most things never: equal quantiles are one edge.
    edges = tuple(float(edge) for edge in np.unique(inner))
    counts = np.bincount(_bins(edges, values), minlength=len(edges) + 1)
    return Spread(edges, tuple(float(share) for share in counts / len(values)))


def _bins(edges: tuple[float, ...], values: Floats) -> npt.NDArray[np.intp]:
    return np.searchsorted(np.asarray(edges), values, side="left")


def _fit_logistic(x: Floats, outcome: Floats) -> tuple[float, float]:
    """Intercept and slope of the log odds; a slope of 0 where nothing can be fitted."""
    if not len(x) or outcome.min() == outcome.max() or x.min() == x.max():
        return 0.0, 0.0
    centre, scale = float(x.mean()), float(x.std())
    z = (x - centre) / scale

    def loss(parameters: Floats) -> tuple[float, Floats]:
        logit = parameters[0] + parameters[1] * z
        # A whisper of regularisation: a score that separates perfectly has no finite slope.
        value = np.logaddexp(0, logit).sum() - (outcome * logit).sum() + 1e-3 * parameters[1] ** 2
        miss = expit(logit) - outcome
        return float(value), np.array([miss.sum(), (miss * z).sum() + 2e-3 * parameters[1]])

    fitted = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B").x
    slope = fitted[1] / scale
    return float(fitted[0] - slope * centre), float(slope)


def _concerns(
    reference: Reference,
    stability: Mapping[str, float],
    slope: float | None,
    share: float,
    scores: Floats,
) -> tuple[str, ...]:
    if len(scores) < FEWEST_EXAMPLES:
        return ()
    moved = sorted(
        ((index, name) for name, index in stability.items() if index > LARGE_PSI), reverse=True
    )
    said = [
        f"`{name}` is spread otherwise than when it was calibrated (stability index {index:.2f})."
        for index, name in moved
    ]
    if slope is not None and not SLOPE_BAND[0] <= slope <= SLOPE_BAND[1]:
        said.append(f"A score no longer means the chance it meant (calibration slope {slope:.2f}).")
    low, high = HEALTHY_SHARE
    if abs(share - reference.share) > MOST_LOST_SHARE and not low <= share <= high:
        said.append(f"{share:.1%} are over the threshold; it was {reference.share:.1%}.")
    return tuple(said)
