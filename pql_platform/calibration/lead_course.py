"""One definition followed over some dates: which accounts are leads, since when, and whose.

The rules of a pass on whole tables, without its memory: a threshold drawn on the population of each
date, the margin below it and the cooldown. What two definitions differ in is in `program_effect`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import duckdb
import pandas as pd

from pql_platform.domain.qualification import threshold_for_share
from pql_platform.program.schema import Program
from pql_platform.qualify.tiers import Thresholds, compute_tiers, read_subjects
from pql_platform.qualify.versions import NOBODY


@dataclass(frozen=True)
class Course:
    """What became of the accounts under one definition.

    Attributes:
        first_lead_at: Account -> the date at which it first was a lead.
        owners_of_new: Owner of each account that became a lead after the first date.
        shares: Qualified share of the population, by date, 0 to 1; dates without anybody left out.
        threshold: Account threshold of the last date, points; None when nobody could qualify.
    """

    first_lead_at: Mapping[str, datetime]
    owners_of_new: tuple[str, ...]
    shares: tuple[float, ...]
    threshold: Decimal | None


NO_COURSE = Course({}, (), (), None)


def judge(connection: duckdb.DuckDBPyConnection, program: Program, date: datetime) -> pd.DataFrame:
    """Judge the accounts of a program's population at one date.

    Args:
        connection: Where unqualified names mean the tables of that date (`live_schemas`).
        program: The definition.
        date: Aware instant.

    Returns:
        The rows of pql.tiers for accounts, with `stays`: a lead would remain one.
    """
    subjects = read_subjects(connection, program)
    population = subjects[subjects["in_population"]]
    thresholds = Thresholds(
        version="",
        account=_threshold(program, population.loc[population["level"] == "account", "score"]),
        user=_threshold(program, population.loc[population["level"] == "user", "score"]),
    )
    tiers = compute_tiers(subjects, program, thresholds, date)
    judged = tiers[(tiers["level"] == "account") & tiers["in_population"]]
    floor = float(thresholds.account - program.threshold.leave_margin)
    carried = judged["users_over"] >= program.account_rule.users_over_threshold
    return judged.assign(stays=judged["eligible"] & (carried | (judged["score"] >= floor)))


def _threshold(program: Program, scores: pd.Series) -> Decimal:
    if program.threshold.enter != "auto":
        return Decimal(program.threshold.enter)
    points = [Decimal(score) for score in scores]
    return threshold_for_share(points, program.threshold.top_share) if any(points) else NOBODY


def follow(program: Program, dates: Sequence[datetime], judged: Sequence[pd.DataFrame]) -> Course:
    """Follow the accounts from date to date.

    Args:
        program: The definition, for its cooldown.
        dates: Oldest first.
        judged: What `judge` returned for each of them.
    """
    cooldown = timedelta(days=program.threshold.cooldown_days)
    leads: set[str] = set()
    resting_until: dict[str, datetime] = {}
    first_lead_at: dict[str, datetime] = {}
    owners: list[str] = []
    for date, frame in zip(dates, judged, strict=True):
        qualified = frame[frame["qualified"]].set_index("subject_id")["owner"].to_dict()
        staying = leads & set(frame.loc[frame["stays"], "subject_id"])
        resting_until |= dict.fromkeys(leads - staying, date + cooldown)
        new = [
            account
            for account in qualified
            if account not in staying and resting_until.get(account, date) <= date
        ]
        if date != dates[0]:
            owners += [qualified[account] for account in new]
        leads = staying.union(new)
        first_lead_at = dict.fromkeys(sorted(leads), date) | first_lead_at
    populated = [frame for frame in judged if len(frame)]
    last = Decimal(populated[-1]["threshold"].iloc[0]) if populated else NOBODY
    return Course(
        first_lead_at=first_lead_at,
        owners_of_new=tuple(owners),
        shares=tuple(float(frame["qualified"].mean()) for frame in populated),
        threshold=last if last < NOBODY else None,
    )
