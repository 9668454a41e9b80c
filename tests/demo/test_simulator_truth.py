"""The planted truth: what causes payment, what only keeps company with it, and the volumes."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from pql_platform.demo.behaviour import BEHAVIOURS, CAUSES, NEVER, draw_fate, log_odds
from pql_platform.demo.description import describe, odds_ratios
from pql_platform.demo.population import KINDS, draw_accounts
from pql_platform.demo.truth import VANITY, AccountTruth, mature, read_truth
from pql_platform.demo.world import build_world, build_worlds, open_run

END = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def truth() -> list[AccountTruth]:
    run = open_run(seed=12, accounts=10_000, days=120, end=END)
    return [
        one
        for world in build_worlds(run)
        for one in read_truth(world, np.arange(len(world.events)))
    ]


@pytest.fixture(scope="module")
def judged(truth: list[AccountTruth]) -> list[AccountTruth]:
    return mature(truth, END)


def test_every_planted_cause_raises_conversion_among_otherwise_similar_accounts(
    judged: list[AccountTruth],
) -> None:
    found = odds_ratios(judged)
    for cause in CAUSES:
        middle, low, _ = found[cause.name]
        assert low > 1.2, cause.name
        assert np.log(middle) == pytest.approx(cause.effect, rel=0.35), cause.name


def test_vanity_correlates_with_conversion(judged: list[AccountTruth]) -> None:
    converts = np.array([one.converts for one in judged])
    for name in VANITY:
        counts = np.array([one.vanity[name] for one in judged])
        busy = counts > np.median(counts)
        assert converts[busy].mean() > 1.5 * converts[~busy].mean(), name


def test_vanity_and_proxies_say_nothing_once_enthusiasm_and_causes_are_held_fast(
    judged: list[AccountTruth],
) -> None:
    found = odds_ratios(judged)
    for name in (*VANITY, "boards_created"):
        middle, low, high = found[name]
        assert low < 1 < high, name
        assert 0.75 < middle < 1.33, name


def test_logins_do_not_raise_conversion_among_accounts_of_like_enthusiasm(
    judged: list[AccountTruth],
) -> None:
    # One kind only: kinds differ in logins and in their inclination to pay.
    teams = [one for one in judged if one.kind == "trial_team"]
    enthusiasm = np.array([one.enthusiasm for one in teams])
    logins = np.log2(1 + np.array([one.vanity["logins"] for one in teams]))
    converts = np.array([one.converts for one in teams], dtype=float)
    others = np.column_stack([np.ones(len(teams)), enthusiasm, enthusiasm**2])

    def rest(values: np.ndarray) -> np.ndarray:
        return values - others @ np.linalg.lstsq(others, values, rcond=None)[0]

    partial = np.corrcoef(rest(logins), rest(converts))[0, 1]
    assert np.corrcoef(logins, converts)[0, 1] > 0.05
    assert abs(partial) < 3 / np.sqrt(len(teams))


def test_kinds_that_cannot_pay_never_do(truth: list[AccountTruth]) -> None:
    payers = {one.kind for one in truth if one.converts}
    assert payers == {kind.name for kind in KINDS if kind.buys is not None}


def test_a_payment_follows_every_cause(truth: list[AccountTruth]) -> None:
    run = open_run(seed=12, accounts=600, days=120, end=END)
    for world in build_worlds(run):
        fate, accounts = world.fate, world.accounts
        pays = fate.pays_ms != NEVER
        assert (fate.pays_ms[pays] > (accounts.signup_ms + fate.span_ms)[pays]).all()
    assert all(one.converted_at > one.signed_up_at for one in truth if one.converted_at)


def test_each_further_cause_up_to_the_cap_raises_the_odds_and_none_after_it() -> None:
    nothing = np.zeros((1, len(BEHAVIOURS)), dtype=np.int64)
    willing = np.zeros(1)
    for column, behaviour in enumerate(BEHAVIOURS):
        ladder = []
        for times in range(behaviour.cap + 2):
            counts = nothing.copy()
            counts[0, column] = times
            ladder.append(log_odds(counts, willing)[0])
        steps = np.diff(ladder)
        assert steps[:-1] == pytest.approx([behaviour.effect] * behaviour.cap)
        assert steps[-1] == 0


def test_hidden_traits_raise_the_causes_and_only_enthusiasm_raises_logins(
    judged: list[AccountTruth],
) -> None:
    teams = [one for one in judged if one.kind == "trial_team"]
    enthusiasm = [one.enthusiasm for one in teams]
    need = [one.need for one in teams]
    logins = [one.vanity["logins"] for one in teams]
    for cause in CAUSES:
        done = [one.causes[cause.name] for one in teams]
        assert np.corrcoef(enthusiasm, done)[0, 1] > 0.1
        assert np.corrcoef(need, done)[0, 1] > 0.1
    assert np.corrcoef(enthusiasm, logins)[0, 1] > 0.2
    assert abs(np.corrcoef(need, logins)[0, 1]) < 3 / np.sqrt(len(teams))


def test_the_default_size_has_the_planned_volume_and_conversion() -> None:
    run = open_run(seed=12, accounts=2_000, days=180, end=END)
    events = converted = 0
    for world in build_worlds(run):
        events += len(world.events)
        converted += int((world.fate.pays_ms < run.window.end_ms).sum())
    assert 600_000 < events < 900_000
    assert 0.05 < converted / 2_000 < 0.08


def test_most_accounts_fall_silent_without_any_farewell() -> None:
    run = open_run(seed=12, accounts=200, days=120, end=END)
    world = build_world(run, 0)
    silent = world.fate.active_until_ms < run.window.end_ms
    assert 0.3 < silent.mean() < 0.8
    canceled = world.fate.cancels_ms != NEVER
    assert canceled.sum() < 0.1 * silent.sum()


def test_small_runs_keep_the_shares_of_the_kinds() -> None:
    run = open_run(seed=1, accounts=200, days=30, end=END)
    accounts = draw_accounts(np.random.default_rng(1), 0, 200, run.window)
    counts = np.bincount(accounts.kind, minlength=len(KINDS))
    for kind, count in zip(KINDS, counts, strict=True):
        assert abs(count - 200 * kind.share) <= 1


def test_fates_of_a_kind_that_never_pays_hold_no_payment() -> None:
    run = open_run(seed=1, accounts=200, days=30, end=END)
    rng = np.random.default_rng(1)
    accounts = draw_accounts(rng, 0, 200, run.window)
    fate = draw_fate(rng, accounts, run.window)
    never = np.isneginf(accounts.trait("buys"))
    assert (fate.pays_ms[never] == NEVER).all()


def test_the_description_names_every_behaviour_with_its_role(truth: list[AccountTruth]) -> None:
    text = describe(truth, END)
    for cause in CAUSES:
        assert f"{cause.name:<20}cause" in text
    assert f"{'logins':<20}vanity" in text
    assert f"{'boards_created':<20}proxy" in text


def test_the_description_of_too_few_conversions_says_so(truth: list[AccountTruth]) -> None:
    assert "too few" in describe(truth[:20], END)
