"""Who qualifies: the gates, the threshold, and an account that its users carry."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pql_platform.program.load import load_program
from pql_platform.program.schema import Program
from pql_platform.qualify.tiers import Thresholds, compute_tiers, with_eligibility

PROGRAM = load_program(Path(__file__).parents[2] / "programs" / "boards.yaml").program
NOW = datetime(2026, 3, 1, tzinfo=UTC)
THRESHOLDS = Thresholds("boards-v1", account=Decimal(60), user=Decimal(50))


def subject(name: str, score: float, **facts: Any) -> dict[str, Any]:
    return {
        "level": "account",
        "subject_id": name,
        "account_id": name,
        "score": score,
        "categories_active": 3,
        "last_signal_at": pd.Timestamp("2026-02-28"),
        "segment": "smb",
        "country": "DE",
        "is_paying": False,
        "excluded_as": None,
        "unfit_because": None,
        "aha_reached_at": pd.Timestamp("2026-02-20"),
        "profile": None,
    } | facts


def user(name: str, account: str, score: float, **facts: Any) -> dict[str, Any]:
    return subject(name, score, level="user", account_id=account, **facts)


def judged(*subjects: dict[str, Any], program: Program = PROGRAM) -> pd.DataFrame:
    frame = with_eligibility(pd.DataFrame(list(subjects)), program)
    return compute_tiers(frame, program, THRESHOLDS, NOW).set_index("subject_id")


def test_three_users_over_the_threshold_carry_their_account() -> None:
    tiers = judged(
        subject("acme", 20),
        *(user(f"a{number}", "acme", 50) for number in range(3)),
        subject("beta", 20),
        *(user(f"b{number}", "beta", 50) for number in range(2)),
        user("b2", "beta", 49.75),
        subject("gamma", 20),
        *(user(f"c{number}", "gamma", 50) for number in range(2)),
        user("c2", "gamma", 90, excluded_as="staff"),
    )
    assert tiers.loc[["acme", "beta", "gamma"], "users_over"].tolist() == [3, 2, 2]
    assert tiers.loc[["acme", "beta", "gamma"], "qualified"].tolist() == [True, False, False]
    assert tiers.loc["acme", "tier"] == 3
    assert tiers.loc["acme", "owner"]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"is_paying": True}, "already pays"),
        ({"excluded_as": "competitors"}, "is on the list competitors"),
        ({"unfit_because": "employees"}, "does not meet the fit requirement on employees"),
        ({"aha_reached_at": pd.NaT}, "has not reached the aha moment"),
        ({"categories_active": 1}, "is active in one category only"),
    ],
)
def test_a_closed_gate_keeps_the_best_score_out_and_says_why(
    facts: dict[str, Any], reason: str
) -> None:
    tiers = judged(subject("acme", 100, **facts), subject("beta", 100))
    assert not tiers.loc["acme", "qualified"]
    assert tiers.loc["acme", "reason"] == reason
    assert tiers.loc["beta", "qualified"]


def test_the_threshold_itself_qualifies_and_a_quarter_point_below_does_not() -> None:
    tiers = judged(subject("acme", 60), subject("beta", 59.75))
    assert tiers["qualified"].tolist() == [True, False]
    assert tiers.loc["beta", "reason"] == "scores below the threshold"


PLANS = (
    subject("on_trial", 100, profile="trial"),
    subject("on_free", 100, profile="freemium"),
    subject("on_another", 100, profile=None),
    subject("on_none", 100, profile=float("nan")),
    subject("on_blank", 100, profile=""),
    user("u1", "on_trial", 100, profile="trial"),
    user("u2", "on_free", 100, profile="freemium"),
)


@pytest.mark.parametrize(
    ("profile", "inside"),
    [
        ("trial", {"on_trial", "u1"}),
        ("freemium", {"on_free", "u2"}),
        ("any", {"on_trial", "on_free", "on_another", "on_none", "on_blank", "u1", "u2"}),
    ],
)
def test_a_profile_draws_its_population_from_its_plans_alone(
    profile: str, inside: set[str]
) -> None:
    program = PROGRAM.model_copy(update={"profile": profile})
    frame = with_eligibility(pd.DataFrame(list(PLANS)), program).set_index("subject_id")
    assert set(frame.index[frame["in_population"]]) == inside
    assert set(frame.index[frame["eligible"]]) == inside
    others = frame[~frame["in_population"]]
    assert set(others["reason"]) <= {f"is not on a {profile} plan"}


def test_who_is_on_another_plan_never_qualifies_and_is_told_so() -> None:
    program = PROGRAM.model_copy(update={"profile": "trial"})
    tiers = judged(*PLANS, program=program)
    assert tiers.index[tiers["qualified"]].tolist() == ["on_trial", "u1"]
    assert tiers.loc["on_none", "reason"] == "is not on a trial plan"


def test_users_of_an_account_on_another_plan_carry_nobody() -> None:
    program = PROGRAM.model_copy(update={"profile": "freemium"})
    tiers = judged(
        subject("acme", 20, profile="trial"),
        *(user(f"a{number}", "acme", 100, profile="trial") for number in range(3)),
        program=program,
    )
    assert tiers.loc["acme", "users_over"] == 0
    assert not tiers["qualified"].any()


def test_that_an_account_pays_is_said_before_its_plan_and_its_plan_before_a_list() -> None:
    program = PROGRAM.model_copy(update={"profile": "trial"})
    tiers = judged(
        subject("pays", 100, is_paying=True, profile=None),
        subject("listed", 100, excluded_as="staff", profile="freemium"),
        subject("listed_trial", 100, excluded_as="staff", profile="trial"),
        program=program,
    )
    assert tiers["reason"].tolist() == [
        "already pays",
        "is not on a trial plan",
        "is on the list staff",
    ]
    assert not tiers["in_population"].any()


def test_a_profile_needs_the_column_that_says_who_is_on_which_plan() -> None:
    program = PROGRAM.model_copy(update={"profile": "trial"})
    without = pd.DataFrame([subject("acme", 100)]).drop(columns="profile")
    assert with_eligibility(without, PROGRAM)["eligible"].all()
    with pytest.raises(KeyError, match="profile"):
        with_eligibility(without, program)


def test_an_empty_frame_has_no_population() -> None:
    program = PROGRAM.model_copy(update={"profile": "trial"})
    empty = pd.DataFrame([subject("acme", 100)]).iloc[:0]
    assert with_eligibility(empty, program)["in_population"].sum() == 0
