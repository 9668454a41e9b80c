"""Trial and freemium as programs of their own, and how the users of an account count together."""

import shutil
from decimal import Decimal

import pytest

from pql_platform.program.load import check_events_occur, load_program, load_programs

PAIR = ("boards-trial.yaml", "boards-freemium.yaml")


@pytest.fixture(params=PAIR)
def example(request, repository):
    return load_program(repository / "programs" / "examples" / request.param)


def test_the_examples_of_both_profiles_load_without_a_warning(example, demo_events):
    assert example.warnings == ()
    assert f"boards_{example.program.profile}" == example.name
    assert all(example.program.signals_by_category.values())
    assert len(example.program.signals) <= 5
    assert example.program.rollout.stage == "shadow"
    check_events_occur([example], demo_events)


def test_both_examples_stand_beside_each_other_in_one_folder(repository, tmp_path):
    for file in PAIR:
        shutil.copy(repository / "programs" / "examples" / file, tmp_path)
    freemium, trial = (loaded.program for loaded in load_programs(tmp_path))
    assert (trial.profile, freemium.profile) == ("trial", "freemium")
    assert trial.plans == freemium.plans


def test_examples_are_not_loaded_with_the_programs(repository):
    loaded = load_programs(repository / "programs")
    assert [program.path.name for program in loaded] == ["boards.yaml"]


def test_plans_have_names_that_most_products_use_and_case_does_not_matter(edited):
    assert edited().program.plans.trial == ("trial",)
    assert edited().program.plans.freemium == ("free", "freemium")
    plans = edited(("motion:", "plans: {trial: [Pro Trial], freemium: [FREE]}\nmotion:")).program
    assert plans.plans.trial == ("pro trial",)
    assert plans.plans.freemium == ("free",)


def test_a_program_of_any_profile_may_name_no_plans(edited):
    plans = "plans: {trial: [], freemium: []}\nmotion:"
    assert edited(("motion:", plans)).program.plans.trial == ()


def test_the_account_rule_has_its_documented_defaults(edited):
    rule = edited().program.account_rule
    assert (rule.users_over_threshold, rule.spread_users) == (3, 5)
    assert (rule.spread_points, rule.single_user_cap) == (Decimal(10), Decimal(75))


@pytest.mark.parametrize(
    ("rule", "attribute", "kept"),
    [
        ("spread_points: 0", "spread_points", Decimal(0)),
        ("spread_points: 7.75", "spread_points", Decimal("7.75")),
        ("single_user_cap: 0", "single_user_cap", Decimal(0)),
        ("single_user_cap: 100", "single_user_cap", Decimal(100)),
        ("spread_users: 2", "spread_users", 2),
        ("spread_users: 1000", "spread_users", 1000),
    ],
)
def test_the_account_rule_takes_its_limits(edited, rule, attribute, kept):
    loaded = edited(("users_over_threshold: 3", rule))
    assert getattr(loaded.program.account_rule, attribute) == kept


@pytest.mark.parametrize(
    ("measure", "counts_team"),
    [
        ("count", False),
        ("ever", False),
        ("sum:size", False),
        ("days_since_last", False),
        ("distinct_users", True),
        ("growth", True),
        ("count\n    account_value: team", True),
        ("count\n    account_value: best_user", False),
        ("growth\n    account_value: team", True),
    ],
)
def test_an_account_has_the_value_of_its_best_user_or_of_its_team(edited, measure, counts_team):
    signal = edited(
        ("measure: count", f"measure: {measure}"),
        ("threshold: 3", "threshold: 1"),
        ("boards_created: 3,", "boards_created: 1,"),
    ).program.signals[0]
    assert signal.counts_team is counts_team


def test_writing_a_default_out_changes_no_digest(edited):
    digest = edited().digest
    rule = "users_over_threshold: 3, spread_users: 5, spread_points: 10.0, single_user_cap: 75"
    assert edited(("users_over_threshold: 3", rule)).digest == digest
    value = ("measure: count", "measure: count\n    account_value: best_user")
    assert edited(value).digest == digest
    plans = ("motion:", "plans: {trial: [Trial], freemium: [free, freemium]}\nmotion:")
    assert edited(plans).digest == digest
    assert edited(("users_over_threshold: 3", "spread_points: 9")).digest != digest
    assert edited(("measure: count", "measure: count\n    account_value: team")).digest != digest


def test_a_condition_may_ask_for_the_funding_of_an_account(edited):
    loaded = edited(("fit: {", "fit: {require: {funding: [Seed, 'Series A']}, "))
    condition = loaded.program.fit.require["funding"]
    assert str(condition) == "funding in [seed, series a]"
    assert condition.holds({"funding": "SEED"})
    assert not condition.holds({"funding": None})
