"""A planted world holds what its truth says: effects or none, and everything that misleads."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from scipy.stats import fisher_exact

from benchmarks.worlds import World, make_world
from benchmarks.worlds_behaviour import draw_behaviour, draw_people
from benchmarks.worlds_messages import EMPLOYEES
from benchmarks.worlds_purchases import draw_purchases
from benchmarks.worlds_truth import CYCLE, END, Kind, draw_truth
from benchmarks.worlds_vocabulary import CATEGORY_OF, CONVERSION, ORDINARY, SIGNAL_OF, VANITY
from benchmarks.worlds_warehouse import PROGRAM_FILE, planted_program
from pql_platform.intake.schema import INBOX_SCHEMA
from pql_platform.settings import load_settings
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.loading import load_inbox

SEED = 5
OF_EACH_KIND = 4


@pytest.fixture(scope="module")
def worlds() -> dict[Kind, list[World]]:
    """Some worlds of each kind."""
    found: dict[Kind, list[World]] = {kind: [] for kind in CYCLE}
    for number in range(OF_EACH_KIND * len(CYCLE)):
        truth = draw_truth(number, SEED)
        if len(found[truth.kind]) < OF_EACH_KIND:
            found[truth.kind].append(make_world(truth))
    return found


def events_of(world: World) -> pd.DataFrame:
    """The track calls, each with the account's row."""
    messages = world.messages.select(["type", "event", "group_id", "occurred_at"]).to_pandas()
    return messages[messages["type"] == "track"].merge(
        world.accounts, left_on="group_id", right_on="account_id"
    )


def odds_ratio(did: pd.Series, bought: pd.Series) -> float:
    """With half an account in each cell more, so that none is empty."""
    cells = [((did == a) & (bought == b)).sum() + 0.5 for a in (True, False) for b in (True, False)]
    return float(cells[0] * cells[3] / (cells[1] * cells[2]))


def odds_ratio_within(stratum: pd.Series, did: pd.Series, bought: pd.Series) -> float:
    """Mantel and Haenszel's, pooled over strata."""
    for_it = against_it = 0.0
    for _, part in stratum.groupby(stratum):
        did_here, bought_here = did[part.index], bought[part.index]
        for_it += (did_here & bought_here).sum() * (~did_here & ~bought_here).sum() / len(part)
        against_it += (did_here & ~bought_here).sum() * (~did_here & bought_here).sum() / len(part)
    return for_it / against_it


def test_messages_have_the_columns_of_the_inbox_in_the_order_of_receipt(worlds) -> None:
    for world in (one for of_kind in worlds.values() for one in of_kind):
        assert world.messages.schema.equals(INBOX_SCHEMA)
        times = world.messages.select(["occurred_at", "received_at", "message_id"]).to_pandas()
        assert times["received_at"].is_monotonic_increasing
        assert (times["received_at"] >= times["occurred_at"]).all()
        assert times["occurred_at"].min() >= pd.Timestamp(world.truth.start.replace(tzinfo=None))
        assert times["received_at"].max() < pd.Timestamp(END.replace(tzinfo=None))
        assert times["message_id"].is_unique


def test_the_same_number_and_seed_make_the_same_world_and_others_make_others() -> None:
    first, again = make_world(draw_truth(3, SEED)), make_world(draw_truth(3, SEED))
    assert first.truth == again.truth
    assert first.messages.equals(again.messages)
    pd.testing.assert_frame_equal(first.accounts, again.accounts)
    assert draw_truth(3, SEED + 1) != first.truth
    assert len({draw_truth(number, SEED).seed for number in range(200)}) == 200


def test_two_hundred_worlds_hold_every_kind_and_differ_in_all_that_matters() -> None:
    truths = [draw_truth(number, SEED) for number in range(200)]
    assert min(Counter(truth.kind for truth in truths).values()) >= 14
    assert {truth.cause for truth in truths} == {None, *ORDINARY}
    assert {truth.at_least for truth in truths} == {1, 2, 3}
    assert {truth.leak_when for truth in truths} == {None, "just_before", "after"}
    assert all(300 <= truth.accounts <= 1500 and 180 <= truth.days <= 360 for truth in truths)
    assert all(0.05 <= truth.buy_share <= 0.2 for truth in truths if truth.kind != "tiny")
    for truth in truths:
        roles = [truth.cause, truth.later_cause, truth.leak, truth.confounded]
        named = [role for role in roles if role] + [*truth.proxies, *truth.contributing]
        assert len(named) == len(set(named)), "one event plays two parts"


def test_worlds_have_the_sizes_that_their_truth_says(worlds) -> None:
    for world in (one for of_kind in worlds.values() for one in of_kind):
        people = world.messages.to_pandas().query("type == 'identify'")
        users = people.groupby("group_id")["user_id"].nunique()
        assert len(world.accounts) == len(users) == world.truth.accounts
        assert users.between(1, 5).all()
        assert world.accounts["would_buy"].mean() == pytest.approx(world.truth.buy_share, abs=0.04)
        assert 10_000 <= world.messages.num_rows <= 120_000


def test_the_cause_has_the_effect_that_was_planted(worlds) -> None:
    for kind in ("strong", "weak", "leaking", "drifting"):
        off = [
            np.log(odds_ratio(world.accounts["reached_at"].notna(), world.accounts["would_buy"]))
            - np.log(world.truth.odds_ratio)
            for world in worlds[kind]
        ]
        # Four worlds of some hundred purchases know a logarithm of odds within 0.15 or so.
        assert np.mean(off) == pytest.approx(0, abs=0.35), kind


def test_purchases_that_the_cause_led_to_come_after_it(worlds) -> None:
    for world in worlds["strong"]:
        both = world.accounts.dropna(subset=["reached_at", "converted_at"])
        assert len(both) > 15
        assert (both["converted_at"] > both["reached_at"]).all()
        did = events_of(world).query("event == @world.truth.cause and occurred_at < converted_at")
        often = did.groupby("group_id").size()
        assert (often[both["account_id"]] >= world.truth.at_least).all()


def test_in_a_null_world_nothing_that_anybody_does_tells_who_buys() -> None:
    found = []
    for number in (number for number in range(84) if CYCLE[number % len(CYCLE)] == "null"):
        truth = draw_truth(number, SEED)
        rng = np.random.default_rng(truth.seed)
        people = draw_people(truth, rng)
        free = draw_behaviour(truth, people, rng)
        buys = np.isfinite(draw_purchases(truth, people, free, rng).bought)
        for event in (*ORDINARY, *VANITY):
            often = np.isfinite(free.nth(event, 2, truth.accounts))
            cells = [[(often & buys).sum(), (often & ~buys).sum()]]
            cells += [[(~often & buys).sum(), (~often & ~buys).sum()]]
            found.append(fisher_exact(cells).pvalue)
    assert len(found) == 216
    # Of 216 true null hypotheses 11 are expected below 0.05; 22 or more come once in 500 times.
    assert np.sum(np.array(found) < 0.05) < 22


def test_leaks_happen_around_the_purchase_and_hardly_ever_otherwise(worlds) -> None:
    seen = set()
    for world in worlds["leaking"]:
        truth, events = world.truth, events_of(world)
        leaks = events[events["event"] == truth.leak]
        buyers = world.accounts["converted_at"].notna()
        first = leaks.groupby("group_id")["occurred_at"].min()
        ahead = world.accounts["converted_at"] - world.accounts["account_id"].map(first)
        if truth.leak_when == "just_before":
            around = ahead.between(timedelta(minutes=1), timedelta(hours=2))
        else:
            around = ahead.between(timedelta(days=-2), timedelta(0))
            assert not (ahead > timedelta(0)).any()
        assert around[buyers].mean() > 0.8
        # Who would buy after the history and has done it already is the other part of the 6 %.
        assert world.accounts.loc[~buyers, "account_id"].isin(first.index).mean() < 0.06
        seen.add(truth.leak_when)
    assert seen == {"just_before", "after"}


def test_the_confounded_event_goes_with_purchases_overall_and_against_them_within(worlds) -> None:
    for world in worlds["confounded"]:
        accounts = world.accounts
        did, bought = accounts["did_confounded"], accounts["would_buy"]
        assert bought[did].mean() > 1.6 * bought[~did].mean()
        large = accounts["segment"] == "enterprise"
        assert bought[did & large].mean() < bought[~did & large].mean()
        # The smaller segments have too few purchases to say it alone.
        assert odds_ratio_within(accounts["segment"], did, bought) < 0.8


def test_after_the_drift_only_the_later_cause_leads_to_purchases(worlds) -> None:
    with_first, with_later, without = [], [], []
    for world in worlds["drifting"]:
        truth, events = world.truth, events_of(world)
        assert truth.drift_at is not None
        assert CATEGORY_OF[str(truth.cause)] == CATEGORY_OF[str(truth.later_cause)]
        drift = pd.Timestamp(truth.drift_at.replace(tzinfo=None))
        before = events["occurred_at"] < events["converted_at"].fillna(pd.Timestamp.max)
        late = events[before & (events["signed_up_at"] >= drift)]
        accounts = world.accounts[world.accounts["signed_up_at"] >= drift]
        done = late.groupby(["event", "group_id"]).size()
        did = [
            accounts["account_id"].isin(done[event][done[event] >= truth.at_least].index)
            for event in (truth.cause, truth.later_cause)
        ]
        with_first.append(accounts["would_buy"][did[0] & ~did[1]])
        with_later.append(accounts["would_buy"][did[1]])
        without.append(accounts["would_buy"][~did[0] & ~did[1]])
    first, later, neither = (pd.concat(s).mean() for s in (with_first, with_later, without))
    assert later > 2.5 * neither
    assert first < 1.4 * neither


def test_a_tiny_world_has_fewer_purchases_than_calibration_needs(worlds) -> None:
    for world in worlds["tiny"]:
        assert 3 <= world.accounts["converted_at"].notna().sum() < 30


def test_who_pays_goes_on_to_use_everything(worlds) -> None:
    for world in worlds["null"] + worlds["strong"]:
        after = events_of(world).query("occurred_at > converted_at")
        assert {*ORDINARY, *VANITY} <= set(after["event"])


def test_every_ordinary_event_is_a_signal_of_its_category() -> None:
    program = planted_program()
    counted = [s for s in program.signals if s.event in ORDINARY]
    assert {s.event: s.category for s in counted} == CATEGORY_OF
    assert {s.event: s.name for s in counted} == SIGNAL_OF
    assert program.conversion.event == CONVERSION
    rules = [(name, condition) for name, condition in program.segment_rules if condition]
    for name, condition in rules:
        assert str(condition).split()[-1] == str(EMPLOYEES[name][0])


def test_the_platform_takes_every_message_in(worlds, tmp_path: Path) -> None:
    settings = load_settings().model_copy(update={"home": tmp_path, "programs": PROGRAM_FILE})
    settings.prepare_home()
    world = worlds["strong"][0]
    pq.write_table(world.messages, settings.inbox / "world.parquet")
    with open_warehouse(settings) as connection:
        counts = load_inbox(connection, settings, END)
    assert counts.stored == counts.accepted == world.messages.num_rows
