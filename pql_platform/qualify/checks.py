"""What must be true of the tiers before anybody is told: light enough for the alert path.

Each is a promise in business words with the rows that break it. The thorough suites are in
`expectations/`; these four stand between the scores and the hand-offs on every pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import pandas as pd

MAX_QUALIFIED_SHARE = 0.25
"""Over this a batch waits for a person (requirements, decided list 6)."""

MIN_POPULATION = 20
"""Below this a share says nothing (reliability L11)."""


class TierCheck(Enum):
    """The checks by name, with the promise that each makes."""

    score_is_between_0_and_100 = "Every score is a number from 0 to 100."
    one_model_version_per_program = "Every row of a program was judged by the same model version."
    no_paying_account_in_new_business = "No account that pays already qualifies as new business."
    at_most_a_quarter_qualifies = (
        "At most 25 % of the unpaid accounts qualify; more means the definition is broken, "
        "not that everybody is about to buy."
    )

    @property
    def promise(self) -> str:
        """The check in one sentence."""
        return self.value


@dataclass(frozen=True)
class TierCheckResult:
    """Whether a promise holds, and what was found, in words."""

    passed: bool
    found: str


def tier_checks(tiers: pd.DataFrame) -> dict[TierCheck, TierCheckResult]:
    """Hold pql.tiers against every promise."""
    return {check: _CHECKS[check](tiers) for check in TierCheck}


def _scores(tiers: pd.DataFrame) -> TierCheckResult:
    broken = tiers[~tiers["score"].between(0, 100)]
    return TierCheckResult(broken.empty, f"{len(broken)} scores outside: {_first(broken)}")


def _versions(tiers: pd.DataFrame) -> TierCheckResult:
    versions = tiers.groupby("program")["version"].nunique(dropna=False)
    mixed = sorted(versions[versions != 1].index)
    return TierCheckResult(not mixed, f"programs with several versions: {mixed}")


def _paying(tiers: pd.DataFrame) -> TierCheckResult:
    broken = tiers[tiers["qualified"] & ~tiers["in_population"]]
    return TierCheckResult(
        broken.empty, f"{len(broken)} qualify outside the population: {_first(broken)}"
    )


def _share(tiers: pd.DataFrame) -> TierCheckResult:
    accounts = tiers[(tiers["level"] == "account") & tiers["in_population"]]
    shares = accounts.groupby("program")["qualified"].agg(["mean", "size"])
    broken = shares[(shares["mean"] > MAX_QUALIFIED_SHARE) & (shares["size"] >= MIN_POPULATION)]
    found = ", ".join(
        f"{name}: {row['mean']:.1%} of {row['size']:.0f}" for name, row in shares.iterrows()
    )
    return TierCheckResult(broken.empty, found or "no accounts yet")


def _first(rows: pd.DataFrame) -> str:
    return ", ".join(rows["subject_id"].head(5)) or "none"


_CHECKS: dict[TierCheck, Callable[[pd.DataFrame], TierCheckResult]] = {
    TierCheck.score_is_between_0_and_100: _scores,
    TierCheck.one_model_version_per_program: _versions,
    TierCheck.no_paying_account_in_new_business: _paying,
    TierCheck.at_most_a_quarter_qualifies: _share,
}
