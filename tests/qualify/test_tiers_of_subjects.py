"""Who qualifies: the gates, the threshold, and an account that its users carry."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pql_platform.program.load import load_program
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
    } | facts


def user(name: str, account: str, score: float, **facts: Any) -> dict[str, Any]:
    return subject(name, score, level="user", account_id=account, **facts)


def judged(*subjects: dict[str, Any]) -> pd.DataFrame:
    frame = with_eligibility(pd.DataFrame(list(subjects)), PROGRAM)
    return compute_tiers(frame, PROGRAM, THRESHOLDS, NOW).set_index("subject_id")


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
