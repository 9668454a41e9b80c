"""What points must be held against: the defaults, plain activity, and the best that can be had.

Each gives a score per example, higher is better. Gradient boosting is the ceiling: nobody could
explain its score to a rep, so it is never deployed.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from pql_platform.calibration.scoring import column, score_examples
from pql_platform.domain.points import allocate
from pql_platform.program.schema import DEFAULT_WEIGHTS, Program
from pql_platform.program.signals import CATEGORIES

Floats = npt.NDArray[np.float64]

MOST_ROWS = 200_000
"""Rows that gradient boosting learns from; more change its order hardly, and take minutes."""

TREES: Mapping[str, Any] = {
    "max_iter": 200,
    "learning_rate": 0.03,
    "max_leaf_nodes": 4,
    "min_samples_leaf": 100,
    "l2_regularization": 10.0,
}
"""Small trees: with larger ones it learns a hundred purchases by heart, and is no ceiling but lies
below the points (the best of five settings on 49 planted worlds, all alike to a hundredth)."""


def default_scores(frame: pd.DataFrame, program: Program) -> Floats:
    """Scores by 35/25/25/15, in equal parts (requirements, item 41)."""
    weights: dict[str, Decimal] = {
        category: DEFAULT_WEIGHTS.get(category, Decimal(0)) for category in CATEGORIES
    }
    names: dict[str, list[str]] = {
        category: [signal.name for signal in signals]
        for category, signals in program.signals_by_category.items()
    }
    return score_examples(frame, program, allocate(weights, names)).scores


def active_days(frame: pd.DataFrame) -> Floats:
    """Days of the last 14 with any product event: what one would do without a model."""
    return column(frame, "active_days", 0.0)


def gradient_boosting(
    train: pd.DataFrame, test: pd.DataFrame, program: Program, *, seed: int = 0
) -> Floats:
    """Chances by gradient boosted trees on what a score is made of: values, ages, engaged users.

    Args:
        train: Examples to learn from, with `converted` of both outcomes.
        test: Examples to score.
        program: Its signals.
        seed: Of the rows that are taken where there are more than `MOST_ROWS`.
    """
    rows = len(train)
    chosen = (
        np.sort(np.random.default_rng(seed).choice(rows, MOST_ROWS, replace=False))
        if rows > MOST_ROWS
        else np.arange(rows)
    )
    model = HistGradientBoostingClassifier(
        **TREES,
        early_stopping=False,
        random_state=seed,
    )
    features = _features(train, program)[chosen]
    # Its threads wait for one another in a busy loop: where others compute too, one is fifty times
    # as fast as two (measured), and alone it is hardly slower on so few rows.
    with threadpool_limits(limits=1):
        model.fit(features, train["converted"].to_numpy(np.bool_)[chosen])
        chances: Floats = model.predict_proba(_features(test, program))[:, 1]
    return chances


def _features(frame: pd.DataFrame, program: Program) -> Floats:
    values = [frame[f"value_{signal.name}"].to_numpy(np.float64) for signal in program.signals]
    ages = [frame[f"age_{signal.name}"].to_numpy(np.float64) for signal in program.signals]
    return np.column_stack([*values, *ages, column(frame, "engaged_users", 0.0)])
