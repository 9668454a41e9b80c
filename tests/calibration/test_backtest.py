"""A backtest judges by later time only, beside its baselines, and claims nothing beyond noise."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from pql_platform.calibration.advantage import better_by
from pql_platform.calibration.backtest import backtest
from pql_platform.calibration.backtest_figures import Backtest
from pql_platform.calibration.points_table import fit_points, table_of
from pql_platform.calibration.splits import split_by_time

TRUTH = {"invites": 3.0, "limits": 2.0}


@pytest.fixture(scope="module")
def examples(planted):
    return planted(TRUTH, accounts=1500, base=-4.5)


@pytest.fixture(scope="module")
def tested(examples, boards) -> Backtest:
    return backtest(examples, boards, fit_points(examples, boards))


def rows_of(tested: Backtest) -> dict[str, float]:
    return {row.name: row.capture_top15 or 0.0 for row in tested.baselines}


def test_planted_points_beat_what_is_simpler_and_come_near_the_ceiling(tested) -> None:
    captured = rows_of(tested)
    assert list(captured) == [
        "points table",
        "points in force",
        "default weights",
        "active days",
        "gradient boosting",
    ]
    assert captured["points table"] > captured["default weights"] > captured["active days"]
    assert captured["points table"] > 0.95 * captured["gradient boosting"]
    assert captured["points table"] == tested.capture_top15
    assert [advantage.is_more_than_noise for advantage in tested.advantages] == [True, True]


def test_the_figures_hang_together(tested) -> None:
    assert tested.lift_top15 == pytest.approx(tested.capture_top15 / 0.15)
    assert 0.5 < tested.roc_auc < 1
    assert tested.pr_auc > tested.n_converted / tested.n_examples
    assert tested.precision > tested.n_converted / tested.n_examples
    assert 0 < tested.recall < 1
    assert 0.5 < tested.median_lead_days < 29.5
    assert tested.pql_share <= tested.share_over <= float(Decimal("0.12"))
    assert tested.share_over > 0.11
    assert sum(each.examples for each in tested.calibration) == tested.n_examples
    assert sum(each.examples for each in tested.segments) == tested.n_examples
    assert {each.segment for each in tested.segments} == {"smb", "mid_market"}


def test_it_can_be_written_as_json_with_its_dates_and_counts(tested, examples, boards) -> None:
    written = json.loads(json.dumps(asdict(tested), allow_nan=False))
    split = split_by_time(examples, boards)
    assert written["split_at"] == split.split_at.isoformat()
    assert datetime.fromisoformat(written["train_until"]) < split.split_at
    assert written["censored"] == 7
    assert written["purged"] == split.purged
    assert written["n_converted"] + written["train_converted"] <= examples.converters


def test_points_that_have_seen_the_later_part_are_drawn_anew(examples, boards, tested) -> None:
    split = split_by_time(examples, boards)
    earlier = fit_points(split.train, boards)
    assert earlier.known_until < split.split_at
    assert tested.refitted
    assert tested.points == {name: float(most) for name, most in earlier.points.items()}
    honest = backtest(examples, boards, earlier)
    assert not honest.refitted
    assert honest.capture_top15 == tested.capture_top15
    assert backtest(examples, boards).points == tested.points


def test_what_happens_after_the_split_does_not_touch_the_points_judged(
    examples, boards, tested
) -> None:
    split = split_by_time(examples, boards)
    frame = examples.frame.copy()
    later = frame["index_at"] >= split.split_at.replace(tzinfo=None)
    turned = frame["converted"].where(~later, np.roll(frame["converted"], 1))
    other = backtest(replace(examples, frame=frame.assign(converted=turned)), boards)
    assert other.points == tested.points
    assert other.threshold == tested.threshold
    assert other.roc_auc != tested.roc_auc


def test_the_purge_is_honoured_where_horizons_overlap(planted, boards) -> None:
    close = planted(TRUTH, dates=16, step_days=7, base=-4.5, accounts=1000)
    found = backtest(close, boards)
    assert found.purged > 0
    assert datetime.fromisoformat(found.train_until) < datetime.fromisoformat(found.split_at)
    assert datetime.fromisoformat(found.test_until) == close.index_dates[-1] + timedelta(days=30)


def test_who_is_gained_and_lost_is_told_by_account_at_the_latest_date(examples, boards) -> None:
    same = backtest(examples, boards, table_of(boards, boards.max_points, {}))
    assert (same.gained, same.lost) == ((), ())
    assert [advantage.difference for advantage in same.advantages] == [0, 0]
    points = {"invites": Decimal(60), "limits": Decimal(40)}
    other = backtest(examples, boards, table_of(boards, points, {}))
    assert other.gained
    assert other.lost
    last = examples.frame[examples.frame["index_at"] == examples.frame["index_at"].max()]
    assert {*other.gained, *other.lost} <= set(last["account_id"])
    assert not {*other.gained} & {*other.lost}
    everybody = backtest(
        examples, boards, table_of(boards, points, {}), enters=(Decimal("0.25"), Decimal(100))
    )
    assert len(everybody.gained) > len(other.gained)


def test_in_null_worlds_nothing_is_claimed(planted, boards) -> None:
    claims = []
    for seed in range(12):
        null = planted({}, base=-2.6, seed=seed)
        found = backtest(null, boards)
        assert 0.35 < found.roc_auc < 0.65
        claims.append(any(advantage.is_more_than_noise for advantage in found.advantages))
    assert sum(claims) <= 2


def test_a_resample_takes_accounts_whole_and_is_the_same_every_time(examples) -> None:
    frame = examples.frame
    rng = np.random.default_rng(2)
    good = frame["converted"] + rng.normal(0, 1.5, len(frame))
    noise = rng.normal(0, 1, len(frame))
    first = better_by(frame, good.to_numpy(), noise, rounds=100)
    assert first == better_by(frame, good.to_numpy(), noise, rounds=100)
    assert all(each.low < each.difference < each.high for each in first)
    assert all(each.is_more_than_noise for each in first)
    # The same rows four times tell nothing new: accounts stay as many.
    again = frame.loc[np.repeat(frame.index, 4)]
    fourfold = better_by(again, np.repeat(good.to_numpy(), 4), np.repeat(noise, 4), rounds=100)
    for one, four in zip(first, fourfold, strict=True):
        assert four.high - four.low == pytest.approx(one.high - one.low, rel=1e-6)
