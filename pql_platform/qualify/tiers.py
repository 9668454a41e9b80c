"""From scores to tiers: who may qualify at all, who does, and how urgent each lead is.

Works on whole tables (pandas), since every account is judged on every pass. The rules themselves
are in `domain`; what happens at a crossing is in `handoff`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd

from pql_platform.domain.routing import RouteRule, region_of, route
from pql_platform.domain.tiering import TierRule, assign_tier
from pql_platform.program.schema import Program
from pql_platform.warehouse import statements

MIN_CATEGORIES = 2
"""No single category is enough (requirements item 40)."""

TIER_COLUMNS = {
    "program": "TEXT",
    "level": "TEXT",
    "subject_id": "TEXT",
    "account_id": "TEXT",
    "score": "DECIMAL(9, 2)",
    "threshold": "DECIMAL(9, 2)",
    "users_over": "BIGINT",
    "in_population": "BOOLEAN",
    "eligible": "BOOLEAN",
    "qualified": "BOOLEAN",
    "reason": "TEXT",
    "tier": "BIGINT",
    "tier_reason": "TEXT",
    "segment": "TEXT",
    "region": "TEXT",
    "owner": "TEXT",
    "is_paying": "BOOLEAN",
    "last_signal_at": "TIMESTAMP",
    "version": "TEXT",
    "as_of": "TIMESTAMP",
}
"""pql.tiers: one row per program, level and subject."""


@dataclass(frozen=True)
class Thresholds:
    """The scores at which the two levels qualify, and the model version that set them."""

    version: str
    account: Decimal
    user: Decimal

    def of(self, level: str) -> Decimal:
        """The threshold of one level."""
        return self.account if level == "account" else self.user


def read_subjects(connection: duckdb.DuckDBPyConnection, program: Program) -> pd.DataFrame:
    """Read every scored user and account of a program, one row each."""
    frame = statements.query(connection, "scored_subjects", program=program.program)
    return with_eligibility(frame, program)


def with_eligibility(frame: pd.DataFrame, program: Program) -> pd.DataFrame:
    """Add `in_population`, `eligible` and the `reason` against it.

    The population is what the threshold's share is taken of: everybody whom the motion is about
    (unpaid for new business, paying for expansion), on a plan of the program's profile, and on no
    exclusion list. Who has no known plan is neither on a trial nor on a freemium plan.
    """
    wants_paying = program.motion == "expansion"
    wrong_motion = frame["is_paying"] != wants_paying
    wrong_plan = _is_on_another_plan(frame, program)
    excluded = frame["excluded_as"].notna()
    gates = [
        (wrong_motion, "does not pay yet" if wants_paying else "already pays"),
        (wrong_plan, f"is not on a {program.profile} plan"),
        (excluded, "is on the list " + frame["excluded_as"].fillna("")),
        (
            frame["unfit_because"].notna(),
            "does not meet the fit requirement on " + frame["unfit_because"].fillna(""),
        ),
        (
            frame["aha_reached_at"].isna() & (program.aha is not None),
            "has not reached the aha moment",
        ),
        (frame["categories_active"] < MIN_CATEGORIES, "is active in one category only"),
    ]
    reason = pd.Series(None, index=frame.index, dtype=object)
    for closed, why in reversed(gates):
        reason = reason.mask(closed, why)
    return frame.assign(
        in_population=~wrong_motion & ~wrong_plan & ~excluded,
        eligible=reason.isna(),
        reason=reason,
    )


def _is_on_another_plan(frame: pd.DataFrame, program: Program) -> pd.Series:
    if program.profile == "any":
        return pd.Series(False, index=frame.index)
    return ~frame["profile"].isin([program.profile])


def compute_tiers(
    subjects: pd.DataFrame, program: Program, thresholds: Thresholds, as_of: datetime
) -> pd.DataFrame:
    """Return pql.tiers for one program: `TIER_COLUMNS`, one row per user and account."""
    frame = subjects.copy()
    is_account = frame["level"] == "account"
    enter = np.where(is_account, float(thresholds.account), float(thresholds.user))
    over = frame["eligible"] & (frame["score"] >= enter)
    users_over = over[~is_account].groupby(frame.loc[~is_account, "account_id"]).sum()
    frame["users_over"] = frame["account_id"].map(users_over).fillna(0).astype("int64")
    carried = is_account & (frame["users_over"] >= program.account_rule.users_over_threshold)
    frame["qualified"] = frame["eligible"] & (over | carried)
    frame["reason"] = frame["reason"].mask(
        frame["eligible"] & ~frame["qualified"], "scores below the threshold"
    )
    frame["threshold"] = enter
    frame["region"] = frame["country"].map(region_of, na_action="ignore")
    frame["program"] = program.program
    frame["version"] = thresholds.version
    frame["as_of"] = as_of.astimezone(UTC).replace(tzinfo=None)
    return _with_tier_and_owner(frame, program)[list(TIER_COLUMNS)]


def _with_tier_and_owner(frame: pd.DataFrame, program: Program) -> pd.DataFrame:
    tiers, routes = tier_rules(program), route_rules(program)
    judged = frame[frame["qualified"]]
    found = [
        (
            # Quarter points are exact in binary, so this loses nothing.
            assign_tier(Decimal(row.score), row.segment, tiers),
            route(
                row.segment, row.region if isinstance(row.region, str) else None, row.level, routes
            ),
        )
        for row in judged.itertuples()
    ]
    columns = {
        "tier": pd.Series([tier.tier for tier, _ in found], judged.index, dtype="Int64"),
        "tier_reason": pd.Series([tier.reason for tier, _ in found], judged.index, dtype=object),
        "owner": pd.Series([owner for _, owner in found], judged.index, dtype=object),
    }
    return frame.assign(**{name: column.reindex(frame.index) for name, column in columns.items()})


def read_tiers(connection: duckdb.DuckDBPyConnection, program: str) -> pd.DataFrame:
    """Read pql.tiers of one program."""
    return connection.execute("SELECT * FROM pql.tiers WHERE program = ?", [program]).df()


def tier_rules(program: Program) -> list[TierRule]:
    """The tiers of a program, as the domain knows them."""
    return [
        TierRule(
            tier=tier.tier,
            score_at_least=tier.when.score_at_least if tier.when else None,
            segment=tier.when.segment if tier.when else None,
            contact_within=tier.contact_within,
            escalate_to=tier.escalate_to,
            nurture=tier.nurture,
        )
        for tier in program.tiers
    ]


def route_rules(program: Program) -> list[RouteRule]:
    """The routes of a program, as the domain knows them."""
    return [RouteRule(one.owner, one.segment, one.region, one.level) for one in program.routing]


def write_tiers(connection: duckdb.DuckDBPyConnection, tiers: pd.DataFrame) -> None:
    """Replace pql.tiers, all programs in one transaction."""
    columns = ", ".join(f"{name} {kind}" for name, kind in TIER_COLUMNS.items())
    connection.register("tiers_now", tiers)
    connection.execute("BEGIN")
    connection.execute(f"CREATE OR REPLACE TABLE pql.tiers ({columns})")
    connection.execute("INSERT INTO pql.tiers BY NAME FROM tiers_now")
    connection.execute("COMMIT")
    connection.unregister("tiers_now")
