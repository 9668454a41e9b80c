"""Who is compared with whom: accounts that converted, and the others at dates matched to them.

Anchored on conversions alone, the weeks before a purchase would be held against nothing like them;
so each account that did not convert is given the index date of one that did, alike in segment,
sign-up week and age. No behaviour is looked at here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pql_platform.domain.grammar import counted
from pql_platform.errors import PqlError
from pql_platform.program.schema import Program
from pql_platform.warehouse import statements

EARLY_DAYS = 14
"""The first two weeks after the sign-up (requirements item 66)."""

LOOKBACK_DAYS = 365
"""Twelve months (requirements, decided list 3)."""

FEWEST_CONVERTED = 10
"""Below ten conversions no share of them means anything: their 95 % limits span half of all."""

DONORS = 5
"""So many converted accounts at least share out their ages among the others of a group, so that a
single odd one does not set the dates of all; the weeks are widened until there are so many."""

OTHERS_PER_CONVERTED, FEWEST_OTHERS_DRAWN = 5, 20_000
"""Of many others a part is drawn: beyond four or five for each case, more controls add next to no
precision (Ury 1975, Biometrics 31). Up to 20,000 all are taken."""

WEEKS_AROUND = (0, 1, 2, 4, 8, 10_000)
PERIODS = 3
MOST_STRATA = 20
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Cohorts:
    """The accounts that are compared, and how many are not.

    Attributes:
        accounts: One row per account, `account` its number from 0: account_id, converted,
            half (0 chooses thresholds, 1 verifies them), signed_up_at and index_at (UTC naive),
            period (0 to 2, thirds of the sign-ups), stratum (number of segment and first plan).
        left_out: Reason -> number of accounts, only reasons that occur.
        strata: The names of the strata.
        data_from: The first sign-up of any account, aware UTC.
    """

    accounts: pd.DataFrame
    left_out: dict[str, int]
    strata: tuple[str, ...]
    data_from: datetime

    @property
    def converted(self) -> NDArray[np.bool_]:
        """Whether each account converted."""
        return self.accounts["converted"].to_numpy()


def collect_cohorts(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    as_of: datetime,
    lookback_days: int = LOOKBACK_DAYS,
) -> Cohorts:
    """Return the accounts to compare.

    Compared is who signed up within the look-back and long enough ago that both the first two weeks
    and the horizon of the program are over: of younger accounts nobody knows yet whether they will.

    Args:
        connection: The warehouse.
        program: The program; its profile, horizon and exclusion lists count.
        as_of: The clock, aware UTC.
        lookback_days: Sign-ups before that are left out.

    Raises:
        PqlError: No account, no conversion, too few of them, or nobody who did not convert.
    """
    found = statements.query(connection, "discovery_accounts", program=program.program)
    if found.empty:
        raise PqlError(
            f"There are no accounts of program {program.program} by {as_of.isoformat()}",
            hint="Load events with `pql ingest FILE`, then `pql run`",
        )
    clock = pd.Timestamp(as_of.astimezone(UTC).replace(tzinfo=None))
    reasons = _reasons_against(found, program, clock, lookback_days)
    _refuse_too_few(found[reasons.isna()], found, program)
    reasons = reasons.mask(reasons.isna() & ~_is_drawn(found, reasons.isna()), "not drawn")
    kept = found[reasons.isna()].reset_index(drop=True)
    dated = _with_index_dates(kept, clock)
    undated = dated["index_at"].isna()
    left_out = reasons.value_counts().sort_index().to_dict()
    if undated.any():
        left_out["no match"] = int(undated.sum())
    accounts = dated[~undated].reset_index(drop=True)
    accounts, strata = _with_strata(accounts)
    return Cohorts(
        accounts=accounts,
        left_out={str(reason): int(count) for reason, count in left_out.items()},
        strata=strata,
        data_from=found["first_seen_at"].min().to_pydatetime().replace(tzinfo=UTC),
    )


def _reasons_against(
    found: pd.DataFrame, program: Program, clock: pd.Timestamp, lookback_days: int
) -> pd.Series:
    """Why an account is not compared; the first reason that holds, else missing."""
    grown = timedelta(days=EARLY_DAYS + program.conversion.horizon_days)
    reasons = pd.Series(None, index=found.index, dtype=object)
    for holds, reason in (
        (found["excluded_as"].notna(), "excluded by the program"),
        (~_had_a_plan_of(found, program), "on another plan"),
        (found["first_seen_at"] > clock - grown, "too young"),
        (found["first_seen_at"] <= clock - timedelta(days=lookback_days), "before the look-back"),
        (found["converted_at"] <= found["first_seen_at"], "converted on arrival"),
    ):
        reasons = reasons.mask(holds & reasons.isna(), reason)
    return reasons


def _had_a_plan_of(found: pd.DataFrame, program: Program) -> pd.Series:
    if program.profile == "any":
        return pd.Series(True, index=found.index)
    wanted = set(getattr(program.plans, program.profile))
    return found["plans"].map(
        lambda plans: isinstance(plans, list | np.ndarray) and not wanted.isdisjoint(plans)
    )


def _refuse_too_few(kept: pd.DataFrame, found: pd.DataFrame, program: Program) -> None:
    converted = int(kept["converted_at"].notna().sum())
    event = program.conversion.event
    if not found["converted_at"].notna().any():
        raise PqlError(
            f"No account has done `{event}` yet, so there is nothing to compare with",
            hint="Load the history of conversions, or name another conversion event",
        )
    if converted < FEWEST_CONVERTED:
        raise PqlError(
            f"Only {counted(converted, 'account')} old enough to judge did `{event}`; "
            f"it takes {FEWEST_CONVERTED} to find what sets them apart",
            hint="Load more history, or come back when more have converted",
        )
    if len(kept) - converted < FEWEST_CONVERTED:
        raise PqlError(
            f"Only {counted(len(kept) - converted, 'account')} old enough to judge did not do "
            f"`{event}`, so there is nobody to compare with",
            hint="Load the events of all accounts, not only of customers",
        )


def _is_drawn(found: pd.DataFrame, kept: pd.Series) -> pd.Series:
    """Whether an account takes part in the comparison; of very many others only a part does."""
    converted = found["converted_at"].notna()
    wanted = max(OTHERS_PER_CONVERTED * int((kept & converted).sum()), FEWEST_OTHERS_DRAWN)
    others = found[kept & ~converted]
    if len(others) <= wanted:
        return pd.Series(True, index=found.index)
    # Other bits of the lot than those for halves and dates.
    lots = others["lot"].to_numpy(dtype=np.uint64)
    order = np.argsort((lots >> np.uint64(32)) | (lots << np.uint64(32)), kind="stable")
    return converted | found.index.isin(others.index[order[:wanted]])


def _with_index_dates(kept: pd.DataFrame, clock: pd.Timestamp) -> pd.DataFrame:
    """Give everybody an index date: the own conversion, or the age of a matched donor."""
    frame = kept.assign(
        converted=kept["converted_at"].notna(),
        segment=kept["segment"].fillna(UNKNOWN),
        week=(kept["first_seen_at"] - pd.Timestamp(0)).dt.days // 7,
        index_at=kept["converted_at"],
    )
    donors = frame[frame["converted"]].assign(age=frame["converted_at"] - frame["first_seen_at"])
    others = frame[~frame["converted"]]
    for rows, pool in _groups(others, donors):
        frame.loc[rows.index, "index_at"] = _lots(rows, pool, clock)
    missing = frame.index[frame["index_at"].isna()]
    if len(missing):
        # Too young for every donor of its own group: any donor that was no older.
        rows = frame.loc[missing]
        frame.loc[missing, "index_at"] = _lots(rows, donors, clock)
    return frame


def _groups(
    others: pd.DataFrame, donors: pd.DataFrame
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Others of one segment and sign-up week, with the donors nearest to them."""
    of_segment = dict(iter(donors.groupby("segment")))
    for (segment, week), rows in others.groupby(["segment", "week"], sort=True):
        pool = of_segment.get(segment, donors)
        for weeks in WEEKS_AROUND:
            near = pool[(pool["week"] - week).abs() <= weeks]
            if len(near) >= DONORS:
                break
        yield rows, near


def _lots(rows: pd.DataFrame, pool: pd.DataFrame, clock: pd.Timestamp) -> pd.Series:
    """The index date of each row: the age of a donor drawn among those no older than it is."""
    ordered = pool.sort_values(["age", "lot"])
    ages = ordered["age"].to_numpy()
    able = np.searchsorted(ages, (clock - rows["first_seen_at"]).to_numpy(), side="right")
    # The lowest bit decides the half, so the draw uses the others.
    draw = (rows["lot"].to_numpy(dtype=np.uint64) >> np.uint64(1)) % np.maximum(able, 1).astype(
        np.uint64
    )
    drawn = rows["first_seen_at"] + pd.Series(ages[draw.astype(np.int64)], index=rows.index)
    return drawn.where(able > 0)


def _with_strata(dated: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    known = dated["plan_known_at"] < dated["index_at"]
    plan = dated["plan"].where(known).fillna(UNKNOWN)
    names = dated["segment"] + ", plan " + plan
    common = names.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    names = names.where(names.isin(common.index[:MOST_STRATA]), "all others")
    strata = tuple(sorted(names.unique()))
    rank = dated["first_seen_at"].rank(method="first")
    return (
        pd.DataFrame(
            {
                "account": np.arange(len(dated), dtype=np.int32),
                "account_id": dated["account_id"],
                "converted": dated["converted"],
                "half": (dated["lot"].to_numpy(dtype=np.uint64) & np.uint64(1)).astype(np.int8),
                "signed_up_at": dated["first_seen_at"],
                "index_at": dated["index_at"],
                "period": ((rank - 1) * PERIODS // max(len(dated), 1)).astype(np.int8),
                "stratum": pd.Categorical(names, categories=strata).codes.astype(np.int16),
            }
        ),
        strata,
    )
