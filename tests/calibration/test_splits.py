"""Time is split by time, and no outcome of the earlier part reaches into the later one."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from pql_platform.calibration.splits import some_of, split_by_time
from pql_platform.errors import PqlError


@pytest.mark.parametrize("step_days", [7, 14, 30, 31])
def test_the_earlier_part_is_known_before_the_later_one_begins(planted, boards, step_days) -> None:
    examples = planted({"invites": 2.0}, dates=14, step_days=step_days)
    split = split_by_time(examples, boards)
    horizon = timedelta(days=boards.conversion.horizon_days)
    assert split.train.index_dates[-1] + horizon < split.split_at
    assert split.test.index_dates[0] == split.split_at
    parts = len(split.train.frame) + len(split.test.frame) + split.purged
    assert parts == len(examples.frame)
    purged_dates = set(examples.index_dates) - {*split.train.index_dates, *split.test.index_dates}
    assert bool(purged_dates) is (split.purged > 0) is (step_days <= 30)
    assert all(split.train.index_dates[-1] < date < split.split_at for date in purged_dates)


def test_a_third_of_the_dates_is_held_back_and_less_where_too_little_would_be_left(
    planted, boards
) -> None:
    plenty = planted({"invites": 2.0}, dates=9)
    assert len(split_by_time(plenty, boards).test.index_dates) == 3
    frame = plenty.frame
    early = frame["converted"] & (frame["index_at"] < frame["index_at"].unique()[6])
    few = some_of(plenty, (~early | (early.cumsum() <= 25)).to_numpy())
    split = split_by_time(few, boards)
    assert len(split.test.index_dates) == 2
    assert split.train.converters >= 30


def test_nothing_is_split_that_would_leave_a_part_without_conversions(planted, boards) -> None:
    one_date = planted({"invites": 2.0}, dates=1, accounts=2000)
    assert one_date.converters > 100
    with pytest.raises(PqlError, match="too few to learn from the earlier"):
        split_by_time(one_date, boards)


def test_a_part_counts_its_own_accounts_and_converters(planted) -> None:
    examples = planted({}, accounts=50, dates=3)
    some = some_of(examples, np.arange(len(examples.frame)) % 2 == 0)
    assert some.accounts == some.frame["account_id"].nunique()
    assert some.converters == some.frame.loc[some.frame["converted"], "account_id"].nunique()
