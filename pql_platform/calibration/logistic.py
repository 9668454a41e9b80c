"""A logistic regression whose coefficients are not negative: more of a signal never costs points.

Solved by L-BFGS-B with bounds (scipy), so it is deterministic. What goes in and what becomes of the
coefficients is `points_table`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit
from threadpoolctl import threadpool_limits

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """A fitted model.

    Attributes:
        intercept: Log odds where every feature is 0.
        coefficients: Log odds per unit of each feature.
        penalty: The regularisation that it was fitted with.
    """

    intercept: float
    coefficients: Floats
    penalty: float

    def log_odds(self, features: Floats) -> Floats:
        """Of each example to convert."""
        result: Floats = self.intercept + features @ self.coefficients
        return result

    def chances(self, features: Floats) -> Floats:
        """Of each example to convert, 0 to 1."""
        chance: Floats = expit(self.log_odds(features))
        return chance


def fit_logistic(
    features: Floats, converted: Floats, penalty: float, *, bounded: bool = True
) -> Fitted:
    """Minimise ``sum(log(1 + exp(z)) - y z) + penalty / 2 * sum(coefficients ** 2)``.

    Args:
        features: A row per example.
        converted: 1 or 0 per example.
        penalty: Strength of the regularisation; the intercept is free of it.
        bounded: Whether coefficients must not be negative.
    """
    rows, outcomes, weights = _gathered(features, converted)
    total = weights.sum()
    positive = weights * outcomes

    def loss(parameters: Floats) -> tuple[float, Floats]:
        odds = parameters[0] + rows @ parameters[1:]
        value = weights @ np.logaddexp(0, odds) - positive @ odds
        value += penalty / 2 * parameters[1:] @ parameters[1:]
        miss = weights * expit(odds) - positive
        slope = rows.T @ miss + penalty * parameters[1:]
        return value / total, np.concatenate([[miss.sum()], slope]) / total

    share = np.clip(positive.sum() / total, 1e-9, 1 - 1e-9)
    start = np.concatenate([[np.log(share / (1 - share))], np.zeros(features.shape[1])])
    least = 0.0 if bounded else None
    # One thread: several give sums that differ in the last bit from run to run, and on a handful of
    # coefficients they only wait for one another (ten times as slow on a busy machine, measured).
    with threadpool_limits(limits=1, user_api="blas"):
        found = minimize(
            loss,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=[(None, None), *((least, None) for _ in range(features.shape[1]))],
            options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-9},
        ).x
    return Fitted(float(found[0]), found[1:], penalty)


def z_scores(fitted: Fitted, features: Floats, converted: Floats, accounts: Floats) -> Floats:
    """Coefficients in units of their standard errors, robust to many examples of one account.

    The sandwich ``H^-1 (sum over accounts of g g') H^-1`` with g the gradient of all examples of an
    account together (Liang and Zeger 1986, with independence as the working correlation).

    Args:
        fitted: The model.
        features: What it was fitted on.
        converted: The outcomes.
        accounts: A number for the account of each example, from 0 up.
    """
    design = np.column_stack([np.ones(len(features)), features])
    chance = fitted.chances(features)
    ridge = np.diag([0.0, *np.full(features.shape[1], max(fitted.penalty, 1e-9))])
    hessian = (design * (chance * (1 - chance))[:, None]).T @ design + ridge
    miss = converted - chance
    gradients = np.column_stack([np.bincount(accounts, column * miss) for column in design.T])
    inverse = np.linalg.pinv(hessian)
    covariance = inverse @ (gradients.T @ gradients) @ inverse
    errors = np.sqrt(np.maximum(np.diag(covariance)[1:], 1e-300))
    scores: Floats = fitted.coefficients / errors
    return scores


def _gathered(features: Floats, converted: Floats) -> tuple[Floats, Floats, Floats]:
    """The same examples with those in which nothing happened told as two rows with weights."""
    quiet = ~features.any(axis=1)
    bought = converted[quiet].sum()
    rows = np.concatenate([features[~quiet], np.zeros((2, features.shape[1]))])
    outcomes = np.concatenate([converted[~quiet], [1.0, 0.0]])
    weights = np.ones(len(rows))
    weights[-2:] = bought, quiet.sum() - bought
    return rows, outcomes, weights
