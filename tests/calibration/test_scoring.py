"""Scores recomputed for whole frames are those of the reference, to the last quarter point."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pql_platform.calibration.scoring import score_examples, strengths
from pql_platform.domain.points import (
    Contribution,
    account_limit,
    compose,
    signal_points,
    spread_points,
)
from pql_platform.program.load import load_program
from pql_platform.program.signals import Compound
from pql_platform.warehouse.check import UNIT_PROGRAM

UNIT = load_program(UNIT_PROGRAM).program
NAMES = [signal.name for signal in UNIT.signals]
QUARTERS = st.integers(0, 200).map(lambda quarters: Decimal(quarters) / 4)
VALUES = st.one_of(st.integers(0, 120).map(float), st.floats(0, 200, allow_subnormal=False))
EXAMPLES = st.fixed_dictionaries(
    {
        "values": st.dictionaries(
            st.sampled_from(NAMES), st.tuples(VALUES, st.integers(0, 60)), max_size=len(NAMES)
        ),
        "engaged_users": st.integers(0, 8),
        "negative": st.sampled_from([0.0, -20.0, -50.25]),
    }
)
POINTS = st.fixed_dictionaries(dict.fromkeys(NAMES, QUARTERS))
COMPOUNDS = (
    *UNIT.compounds,
    Compound(name="often", all={"days": Decimal(2), "recency": Decimal(4)}, points=Decimal("7.5")),
)


def frame_of(examples: list[dict]) -> pd.DataFrame:
    rows = []
    for example in examples:
        row = {key: example[key] for key in ("engaged_users", "negative")}
        for name in NAMES:
            value, age = example["values"].get(name, (0.0, np.nan))
            row |= {f"value_{name}": value, f"age_{name}": float(age)}
        rows.append(row | {"passes_gates": True})
    return pd.DataFrame(rows)


def reference(example: dict, points: dict[str, Decimal]) -> tuple[Decimal, int]:
    """Score and active categories, straight from the formulas of the domain."""
    values = example["values"]
    parts = [
        Contribution(
            signal.name,
            signal.category,
            signal_points(
                values[signal.name][0],
                signal.threshold,
                points[signal.name],
                values[signal.name][1],
                UNIT.half_life_days,
                lower_is_better=signal.lower_is_better,
            ),
        )
        for signal in UNIT.signals
        if signal.name in values
    ]
    categories = len({part.category for part in parts if part.points > 0})
    for compound in COMPOUNDS:
        if all(
            name in values
            and (values[name][0] <= least if name == "recency" else values[name][0] >= least)
            for name, least in compound.all.items()
        ):
            parts.append(Contribution(compound.name, "compound", compound.points))
    rule = UNIT.account_rule
    engaged = example["engaged_users"]
    spread = spread_points(engaged, rule.spread_users, rule.spread_points)
    parts.append(Contribution("team_spread", "spread", spread))
    parts.append(Contribution("penalties", "negative", Decimal(str(example["negative"]))))
    highest, cap = account_limit(engaged, rule.single_user_cap)
    return compose(parts, highest, cap)[0], categories


@settings(max_examples=60, deadline=None)
@given(examples=st.lists(EXAMPLES, min_size=1, max_size=30), points=POINTS)
def test_a_frame_is_scored_as_the_domain_scores_each_of_its_rows(examples, points) -> None:
    scored = score_examples(frame_of(examples), UNIT, points, COMPOUNDS)
    expected = [reference(example, points) for example in examples]
    assert [Decimal(score) for score in scored.scores] == [score for score, _ in expected]
    assert scored.categories.tolist() == [categories for _, categories in expected]
    assert scored.eligible.tolist() == [categories >= 2 for _, categories in expected]


def test_a_signal_never_measured_is_not_zero_days_ago() -> None:
    nothing = frame_of([{"values": {}, "engaged_users": 3, "negative": 0.0}])
    assert not strengths(nothing, UNIT).any()
    only = Compound(name="seen", all={"recency": Decimal(3), "days": Decimal(1)}, points=Decimal(9))
    seen = frame_of([{"values": {"days": (2.0, 1)}, "engaged_users": 1, "negative": 0.0}])
    assert score_examples(seen, UNIT, {}, [only]).scores.tolist() == [0.0]


def test_a_closed_gate_stays_closed_whatever_the_points() -> None:
    full = {name: (100.0 if name != "recency" else 0.0, 0) for name in NAMES}
    frame = frame_of([{"values": full, "engaged_users": 4, "negative": 0.0}] * 2)
    frame["passes_gates"] = [True, False]
    scored = score_examples(frame, UNIT)
    assert scored.scores.tolist() == [100.0, 100.0]
    assert scored.eligible.tolist() == [True, False]


def test_strengths_run_from_nothing_to_full_and_fade_by_half_in_a_half_life() -> None:
    example = {"values": {"made": (2.0, 7), "recency": (4.0, 4)}, "engaged_users": 1}
    row = dict(zip(NAMES, strengths(frame_of([example | {"negative": 0.0}]), UNIT)[0], strict=True))
    assert row["made"] == pytest.approx(0.5 * 0.5)
    assert row["recency"] == pytest.approx(0.5)
    assert set(row.values()) == {0.0, 0.25, 0.5}
