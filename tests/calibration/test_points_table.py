"""Points are in proportion to what signals foretell, add up to 100, and can be read."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pql_platform.calibration.points_table import (
    PointsTable,
    _in_quarters,
    fit_points,
    points_rows,
    table_of,
)
from pql_platform.domain.points import is_quarter
from pql_platform.program.signals import CATEGORIES

NAMES = ("boards_created", "integrations", "sessions", "limits", "invites")


def assert_sound(table: PointsTable, program) -> None:
    assert set(table.weights) == set(CATEGORIES)
    assert sum(table.weights.values()) == 100
    assert set(table.points) == set(NAMES)
    assert all(is_quarter(most) and most >= 0 for most in table.points.values())
    for category, signals in program.signals_by_category.items():
        assert sum(table.points[signal.name] for signal in signals) == table.weights[category]
    assert sum(weight > 0 for weight in table.weights.values()) >= 2
    assert all(table.points[name] == 0 for name in table.dropped)


@settings(max_examples=200, deadline=None)
@given(
    shares=st.dictionaries(
        st.sampled_from(NAMES), st.floats(1e-6, 1e6, allow_subnormal=False), min_size=1
    ),
    quarters=st.integers(1, 400),
)
def test_any_shares_become_quarters_that_add_up_and_stray_by_less_than_one(
    shares, quarters
) -> None:
    total = Decimal(quarters) / 4
    points = _in_quarters(shares, total)
    assert sum(points.values()) == total
    for name, most in points.items():
        assert is_quarter(most)
        exact = float(total) * shares[name] / sum(shares.values())
        assert abs(float(most) - exact) < 0.25 + 1e-6


@settings(max_examples=12, deadline=None)
@given(
    effects=st.dictionaries(st.sampled_from(NAMES), st.floats(0, 4)), seed=st.integers(0, 10_000)
)
def test_every_fitted_table_adds_up_whatever_the_truth(effects, seed, planted, boards) -> None:
    examples = planted(effects, accounts=200, base=-3.0, seed=seed)
    if examples.converters >= 30:
        assert_sound(fit_points(examples, boards), boards)


def test_a_planted_truth_is_recovered(planted, boards) -> None:
    truth = {"invites": 3.0, "limits": 2.0, "integrations": 1.0}
    table = fit_points(planted(truth, accounts=3000), boards)
    assert_sound(table, boards)
    for name in NAMES:
        wanted = 100 * truth.get(name, 0) / sum(truth.values())
        assert float(table.points[name]) == pytest.approx(wanted, abs=6), name
    # What has no effect earns nothing, or the little that chance and the others lend it.
    assert "sessions" in table.dropped
    assert table.points["boards_created"] <= 5


def test_a_signal_that_speaks_against_a_purchase_is_dropped_with_that_reason(
    planted, boards
) -> None:
    table = fit_points(planted({"invites": 2.5, "limits": 2.0, "sessions": -2.0}), boards)
    assert table.points["sessions"] == 0
    assert "does not speak for a purchase" in table.dropped["sessions"]


def test_a_signal_that_nobody_showed_before_buying_is_dropped_with_that_reason(
    planted, boards
) -> None:
    examples = planted({"invites": 2.5, "limits": 2.0})
    frame = examples.frame.assign(value_integrations=0.0, age_integrations=np.nan)
    table = fit_points(replace(examples, frame=frame), boards)
    assert table.dropped["integrations"] == "no account showed it before a purchase"


def test_two_categories_keep_points_where_one_alone_tells_buyers_apart(planted, boards) -> None:
    # A world in which chance lends no other signal anything.
    table = fit_points(planted({"invites": 3.0}, accounts=1500, seed=4), boards)
    assert_sound(table, boards)
    assert table.weights["viral"] == 90
    assert sum(table.weights.values()) - table.weights["viral"] == 10
    (note,) = table.notes
    assert note.startswith("Only viral tells buyers apart")


def test_in_a_null_world_the_points_stay_and_it_is_said(planted, boards) -> None:
    kept = [
        fit_points(planted({}, base=-2.6, seed=seed), boards).points == boards.max_points
        for seed in range(20)
    ]
    # One signal in twenty passes by accident, and there are five of them.
    assert sum(kept) >= 11
    table = fit_points(planted({}, base=-2.6, seed=kept.index(True)), boards)
    assert table.notes == (
        "No signal tells buyers from others better than chance: the points stay as they are.",
    )


def test_the_order_of_rows_changes_nothing(planted, boards) -> None:
    examples = planted({"invites": 2.0, "limits": 1.0})
    shuffled = examples.frame.sample(frac=1, random_state=3).reset_index(drop=True)
    assert fit_points(replace(examples, frame=shuffled), boards) == fit_points(examples, boards)


def test_a_table_is_read_heaviest_first_with_the_points_of_today(boards) -> None:
    points = {"invites": Decimal(60), "limits": Decimal("39.75"), "sessions": Decimal("0.25")}
    table = table_of(boards, points, {"integrations": "it is noise", "boards_created": "so is it"})
    rows = points_rows(table, boards)
    assert [row.signal for row in rows][:2] == ["invites", "limits"]
    assert {row.signal for row in rows} == set(NAMES)
    first, last = rows[0], {row.signal: row for row in rows}["integrations"]
    assert (first.weight, first.points, first.points_now) == (60, 60, 15)
    assert first.full_at == "at least 1"
    assert (last.points, last.points_now, last.reason) == (0, Decimal("17.5"), "it is noise")
