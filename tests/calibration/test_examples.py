"""Examples are what was known at their date, and their outcomes are whole or left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from pql_platform.calibration.examples import Examples, collect_examples
from pql_platform.calibration.scoring import score_examples
from pql_platform.errors import PqlError
from pql_platform.program.load import load_program
from pql_platform.warehouse.check import UNIT_PROGRAM
from pql_platform.warehouse.connection import open_warehouse

UNIT = load_program(UNIT_PROGRAM).program
HORIZON = timedelta(days=30)
HISTORY = timedelta(days=88)
EVENTS = ("Board Created", "Board Copied", "Board Shared", "Board Exported", "Add-on Ordered")

Row = dict[str, Any]


def history(kit: Any, accounts: int = 60) -> list[Row]:
    """Accounts of one to four people who work now and then; every fourth one buys."""
    rng = np.random.default_rng(5)
    rows = []
    for number in range(accounts):
        account = f"acc{number:02d}"
        signed_up = HISTORY - timedelta(days=float(rng.uniform(0, 50)))
        people = [f"{account}_{person}" for person in range(int(rng.integers(1, 5)))]
        rows.append(
            kit.message(
                f"{account}-group",
                signed_up,
                type="group",
                user_id=people[0],
                group_id=account,
                traits={"employees": int(rng.choice([5, 60, 700])), "plan": "trial"},
            )
        )
        rows.append(
            kit.message(
                f"{account}-identify",
                signed_up,
                type="identify",
                user_id=people[0],
                traits={"email": f"x@{rng.choice(['cs.mit.edu', 'firm.example.com'])}"},
            )
        )
        for event in range(int(rng.integers(5, 40))):
            rows.append(
                kit.message(
                    f"{account}-{event}",
                    signed_up * float(rng.uniform(0, 1)),
                    event=str(rng.choice(EVENTS)),
                    user_id=str(rng.choice(people)),
                    group_id=account,
                    properties={
                        "plan": {"name": "pro"},
                        "draft": False,
                        "order": {"amount": float(rng.integers(1, 60))},
                    },
                )
            )
        if number % 4 == 0:
            rows.append(
                kit.message(
                    f"{account}-bought",
                    signed_up * 0.5,
                    event="Plan Bought",
                    user_id=people[0],
                    group_id=account,
                )
            )
    return rows


def work(kit: Any, account: str, before: timedelta, **given: Any) -> Row:
    """One board of an account's only person."""
    given = {"user_id": f"{account}_person", "group_id": account, **given}
    return kit.message(f"{account}-{before}-{given.get('event', 'work')}", before, **given)


@pytest.fixture
def loaded(copied, kit) -> Iterator[Callable[[list[Row]], duckdb.DuckDBPyConnection]]:
    """Opens a warehouse with the models of the unit program, and loads rows into it."""
    settings = copied()
    with open_warehouse(settings) as connection:

        def load(rows: list[Row], name: str = "rows.parquet") -> duckdb.DuckDBPyConnection:
            kit.put(settings, rows, name)
            kit.load(connection, settings)
            return connection

        yield load


def outcome_of(examples: Examples, account: str) -> dict[datetime, bool]:
    rows = examples.frame[examples.frame["account_id"] == account]
    dates = [moment.to_pydatetime().replace(tzinfo=UTC) for moment in rows["index_at"]]
    return dict(zip(dates, rows["converted"].tolist(), strict=True))


def test_the_scores_of_sql_follow_from_the_columns_of_the_examples(loaded, kit) -> None:
    examples = collect_examples(loaded(history(kit)), UNIT, kit.NOW)
    frame = examples.frame
    again = score_examples(frame, UNIT)
    assert np.array_equal(again.scores, frame["score"])
    assert np.array_equal(again.eligible, frame["eligible"])
    assert frame["score"].nunique() > 30
    assert frame["eligible"].nunique() == 2
    assert (frame["negative"] < 0).any()
    assert (frame["engaged_users"] > 1).any()
    for signal in UNIT.signals:
        assert frame[f"value_{signal.name}"].nunique() > 1, signal.name
        assert frame[f"age_{signal.name}"].isna().any() or signal.name == "recency"


def test_what_arrives_later_changes_no_example(loaded, kit) -> None:
    rows = history(kit)
    early = [row for row in rows if row["received_at"] <= (kit.NOW - HORIZON).replace(tzinfo=None)]
    late = [row for row in rows if row not in early]
    connection = loaded(early)
    before = collect_examples(connection, UNIT, kit.NOW - HORIZON)
    loaded(late, "late.parquet")
    same = collect_examples(connection, UNIT, kit.NOW - HORIZON)
    pd.testing.assert_frame_equal(before.frame, same.frame)
    assert before.censored == same.censored
    # As of a later moment more is known of what happened, and nothing else of what had been known.
    after = collect_examples(connection, UNIT, kit.NOW - timedelta(days=2), every_days=14)
    keys = ["account_id", "index_at"]
    both = before.frame.merge(after.frame, on=keys, suffixes=("", "_later"))
    features = [name for name in before.frame if name not in (*keys, "converted", "lead_days")]
    assert len(both) > 10
    for name in features:
        pd.testing.assert_series_equal(both[name], both[f"{name}_later"], check_names=False)


def test_a_message_received_after_the_date_is_unknown_at_it(loaded, kit) -> None:
    rows = [
        work(kit, "acme", timedelta(days=76)),
        work(kit, "acme", timedelta(days=41), received_at=kit.NOW - timedelta(days=1)),
        work(kit, "bolt", timedelta(days=76)),
        work(kit, "bolt", timedelta(days=41)),
    ]
    frame = collect_examples(loaded(rows), UNIT, kit.NOW).frame
    last = frame[frame["index_at"] == (kit.NOW - HORIZON).replace(tzinfo=None)]
    assert last.set_index("account_id")["value_made"].to_dict() == {"acme": 0.0, "bolt": 1.0}


def test_a_purchase_counts_within_the_horizon_and_ends_the_risk(loaded, kit) -> None:
    last = kit.NOW - HORIZON
    bought = {"in_time": HORIZON - timedelta(days=29), "soon": timedelta(hours=6)}
    rows = [work(kit, account, timedelta(days=76)) for account in (*bought, "never")]
    rows += [work(kit, account, before, event="Plan Bought") for account, before in bought.items()]
    examples = collect_examples(loaded(rows), UNIT, kit.NOW)
    assert outcome_of(examples, "in_time")[last]
    assert outcome_of(examples, "soon")[last]
    earlier = last - timedelta(days=14)
    assert examples.index_dates[-2:] == (earlier, last)
    assert not outcome_of(examples, "soon")[earlier]
    assert set(outcome_of(examples, "never").values()) == {False}
    lead = examples.frame.loc[examples.frame["converted"], ["account_id", "lead_days"]]
    assert lead.groupby("account_id")["lead_days"].min().to_dict() == {
        "in_time": 29.0,
        "soon": 29.75,
    }
    assert examples.converters == 2


def test_who_had_bought_is_no_example_even_where_that_became_known_later(loaded, kit) -> None:
    rows = [work(kit, account, timedelta(days=76)) for account in ("told", "told_late")]
    for account, received in (("told", 60), ("told_late", 5)):
        known = kit.NOW - timedelta(days=received)
        rows.append(work(kit, account, timedelta(days=60), event="Plan Bought", received_at=known))
    examples = collect_examples(loaded(rows), UNIT, kit.NOW)
    before = kit.NOW - timedelta(days=60)
    for account in ("told", "told_late"):
        assert max(outcome_of(examples, account)) < before
        assert outcome_of(examples, account)[kit.NOW - timedelta(days=72)]


def test_where_the_motion_is_expansion_a_further_purchase_of_a_customer_counts(loaded, kit) -> None:
    expansion = UNIT.model_copy(update={"motion": "expansion"})
    rows = [work(kit, account, timedelta(days=76)) for account in ("grows", "stays", "prospect")]
    bought = [("grows", 65), ("grows", 10), ("stays", 65)]
    rows += [
        work(kit, account, timedelta(days=before), event="Plan Bought")
        for account, before in bought
    ]
    examples = collect_examples(loaded(rows), expansion, kit.NOW)
    last, earlier = kit.NOW - HORIZON, kit.NOW - timedelta(days=58)
    assert outcome_of(examples, "grows")[last]
    assert not outcome_of(examples, "grows")[earlier]
    assert set(outcome_of(examples, "stays").values()) == {False}
    assert outcome_of(examples, "prospect") == {}
    # At the two dates that would follow: grows has bought after the first, and not the second.
    assert examples.censored == 3


def test_whose_horizon_is_not_over_is_left_out_and_counted(loaded, kit) -> None:
    rows = [work(kit, account, timedelta(days=76)) for account in ("old", "buys_now")]
    rows.append(work(kit, "new", timedelta(days=10)))
    rows.append(work(kit, "buys_now", timedelta(days=1), event="Plan Bought"))
    examples = collect_examples(loaded(rows), UNIT, kit.NOW)
    assert max(examples.index_dates) == kit.NOW - HORIZON
    assert outcome_of(examples, "new") == {}
    # The dates that would follow are 16 and 2 days ago: old at both, new at the second.
    assert examples.censored == 3


def test_a_person_who_joins_a_company_keeps_the_outcome(loaded, kit) -> None:
    rows = [
        kit.message("w1", timedelta(days=75), user_id="ann"),
        kit.message("w2", timedelta(days=50), user_id="ann", group_id="acme"),
        work(kit, "acme", timedelta(days=40), event="Plan Bought"),
        work(kit, "other", timedelta(days=76)),
    ]
    examples = collect_examples(loaded(rows), UNIT, kit.NOW)
    alone = outcome_of(examples, "user:ann")
    assert alone == {kit.NOW - timedelta(days=72): False, kit.NOW - timedelta(days=58): True}
    assert examples.warnings == (
        "Only 2 accounts converted; 100 are advised.",
        "The events cover 76 days; six months are advised.",
    )


def test_first_uses_are_told_by_whether_they_came_with_the_purchase(loaded, kit) -> None:
    rows = [work(kit, account, timedelta(days=76)) for account in ("a", "b", "c")]
    rows += [work(kit, a, timedelta(days=50), event="Plan Bought") for a in ("a", "b")]
    rows += [
        work(kit, "a", timedelta(days=50, hours=5), event="Board Shared"),
        work(kit, "b", timedelta(days=50, hours=7), event="Board Shared"),
        work(kit, "c", timedelta(days=50), event="Board Shared"),
    ]
    shared = collect_examples(loaded(rows), UNIT, kit.NOW).first_uses["crowd"]
    assert (shared.accounts, shared.converters, shared.with_the_purchase) == (3, 2, 1)


def test_too_little_to_look_back_on_is_refused(loaded, kit) -> None:
    connection = loaded([work(kit, "acme", timedelta(days=25))])
    with pytest.raises(PqlError, match="The events begin 25 days ago"):
        collect_examples(connection, UNIT, kit.NOW)
    with pytest.raises(PqlError, match="A look-back of 90 days is too short"):
        collect_examples(connection, UNIT, kit.NOW, lookback_days=90)
    with pytest.raises(PqlError, match="There are no events yet"):
        collect_examples(connection, UNIT, kit.NOW - timedelta(days=300))


def test_models_that_score_otherwise_than_the_program_are_refused(loaded, kit) -> None:
    changed = UNIT.model_copy(update={"half_life_days": UNIT.half_life_days * 2})
    with pytest.raises(PqlError, match="do not score as program unit says"):
        collect_examples(loaded(history(kit, 8)), changed, kit.NOW)
