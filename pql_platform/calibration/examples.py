"""Examples: what was known of an account at an index date, and whether it then bought in time.

Features are those of the past as it was known then, computed by the models of today; outcomes are
those known now. Accounts whose horizon is not over are left out and counted. What is learned from
examples belongs elsewhere, and nothing here judges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pandas as pd

from pql_platform.calibration.index_dates import (
    EVERY_DAYS,
    LOOKBACK_DAYS,
    SHORTEST_LOOKBACK,
    History,
    index_dates,
    open_dates,
)
from pql_platform.calibration.outcomes import FirstUses, read_outcomes, undecided, with_outcomes
from pql_platform.calibration.scoring import score_examples
from pql_platform.errors import PqlError
from pql_platform.program.schema import Program
from pql_platform.qualify.tiers import MIN_CATEGORIES, with_eligibility
from pql_platform.warehouse import statements
from pql_platform.warehouse.deployments import Deployed, deployed_models
from pql_platform.warehouse.rescoring import as_known_at

FEW_CONVERTERS = 100
"""Below so many there is a warning (requirements, decided list 3)."""


@dataclass(frozen=True)
class Examples:
    """Accounts at index dates with what became of them.

    Attributes:
        frame: One row per example: account_id; index_at, naive UTC; converted; lead_days from
            index date to purchase, NaN without one; segment; score, as of the index date by the
            points in force today; active_days, of 14 with any product event; eligible; per signal
            value_NAME, 0 when there is none, and age_NAME, whole days since the last, NaN when
            there is none; and for scoring anew engaged_users, persons, negative, points, and
            passes_gates, whether all gates but the one on categories are open.
        censored: Examples left out because their horizon is not over and nothing was bought yet.
        accounts: Accounts in the frame.
        converters: Accounts in the frame that converted.
        data_from: The first moment that counts.
        data_to: The last one: outcomes are those known then.
        index_dates: Ascending.
        first_uses: Per signal, when it was first shown; empty where that is not known.
        warnings: What speaks against relying on these examples, in sentences.
    """

    frame: pd.DataFrame
    censored: int
    accounts: int
    converters: int
    data_from: datetime
    data_to: datetime
    index_dates: tuple[datetime, ...]
    first_uses: Mapping[str, FirstUses] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def collect_examples(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    as_of: datetime,
    *,
    lookback_days: int = LOOKBACK_DAYS,
    every_days: int = EVERY_DAYS,
    progress: Callable[[datetime], None] | None = None,
    models: Sequence[Deployed] | None = None,
) -> Examples:
    """Collect examples at account level.

    At risk at a date is who was seen before it, is in the program's population and, unless the
    motion is expansion, has not converted. Dates whose horizon is not over give no examples: their
    converters alone would make it seem that everybody buys.

    Args:
        connection: The warehouse, held for writing; it is not changed.
        program: The program as it is in force, whose models are deployed.
        as_of: Aware instant as of which outcomes are known.
        lookback_days: How far back the first index date may lie.
        every_days: Days from one index date to the next, at least (see `index_dates`).
        progress: Called with each instant before it is computed.
        models: Models that compute the program; None for those deployed now.

    Raises:
        PqlError: The look-back is too short, there is too little history, or the models do not
            score as the program says.
    """
    computed = deployed_models(connection) if models is None else models
    history = _history(connection, as_of)
    dates = index_dates(
        history,
        as_of,
        horizon_days=program.conversion.horizon_days,
        lookback_days=lookback_days,
        every_days=every_days,
    )
    parts = []
    for date in dates:
        _tell(progress, date)
        with as_known_at(connection, date, models=computed):
            parts.append(_at_risk(connection, program, date))
    risk = pd.concat(parts, ignore_index=True)
    _tell(progress, as_of)
    with as_known_at(connection, as_of, models=_for_outcomes(computed)):
        outcomes = read_outcomes(connection, program, risk)
    frame = with_outcomes(risk.drop(columns="member"), outcomes, program)
    _refuse_other_points(frame, program)
    converters = int(frame.loc[frame["converted"], "account_id"].nunique())
    data_from = max(as_of - timedelta(days=lookback_days), history.first)
    return Examples(
        frame=frame,
        censored=undecided(outcomes, open_dates(dates, as_of, every_days)),
        accounts=int(frame["account_id"].nunique()),
        converters=converters,
        data_from=data_from,
        data_to=as_of,
        index_dates=dates,
        first_uses=outcomes.first_uses,
        warnings=_warnings(converters, (as_of - data_from).days),
    )


def _tell(progress: Callable[[datetime], None] | None, date: datetime) -> None:
    if progress is not None:
        progress(date)


def _history(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> History:
    found = statements.query(connection, "calibration_messages", as_of=_naive(as_of)).iloc[0]
    if not found["messages"]:
        raise PqlError("There are no events yet", hint="Load some with `pql ingest FILE`")
    return History(found["first_at"].to_pydatetime().replace(tzinfo=UTC), int(found["messages"]))


def _for_outcomes(models: Sequence[Deployed]) -> list[Deployed]:
    """All but the values and scores of today, which nobody asks for."""
    return [
        item
        for item in models
        if item.model != "features.signals" and not item.model.startswith("scores.")
    ]


def _at_risk(
    connection: duckdb.DuckDBPyConnection, program: Program, date: datetime
) -> pd.DataFrame:
    """The population at a date with its features, from the models computed as of it."""
    statements.run(connection, "calibration_accounts", program=program.program)
    frame = connection.execute("FROM live.scope.calibrated ORDER BY position").df()
    values, ages = _features(connection, program, len(frame))
    judged = with_eligibility(frame, program)
    gates = with_eligibility(frame.assign(categories_active=MIN_CATEGORIES), program)
    columns = {
        "account_id": frame["account_id"],
        "index_at": np.datetime64(_naive(date), "us"),
        "member": frame["member"],
        "segment": frame["segment"],
        "score": frame["score"],
        "active_days": frame["active_days"],
        "eligible": judged["eligible"],
        "passes_gates": gates["eligible"],
        "engaged_users": frame["engaged_users"].astype("float64"),
        "negative": frame["negative"],
    }
    for number, signal in enumerate(program.signals):
        columns[f"value_{signal.name}"] = values[:, number]
        columns[f"age_{signal.name}"] = ages[:, number]
    return pd.DataFrame(columns)[judged["in_population"].to_numpy()]


def _features(
    connection: duckdb.DuckDBPyConnection, program: Program, accounts: int
) -> tuple[np.ndarray, np.ndarray]:
    """Value and age of every signal: a row per account, a column per signal."""
    names = [signal.name for signal in program.signals]
    found = statements.query(
        connection, "calibration_values", program=program.program, signals=names
    )
    values = np.zeros((accounts, len(names)))
    ages = np.full((accounts, len(names)), np.nan)
    place = found["position"].to_numpy(), found["signal"].to_numpy()
    values[place], ages[place] = found["value"].to_numpy(), found["age"].to_numpy()
    return values, ages


def _refuse_other_points(frame: pd.DataFrame, program: Program) -> None:
    again = score_examples(frame, program).scores
    if not np.array_equal(again, frame["score"].to_numpy()):
        raise PqlError(
            f"The deployed models do not score as program {program.program} says",
            hint="Run `pql run` first, so that they follow the program",
        )


def _warnings(converters: int, days: int) -> tuple[str, ...]:
    said = []
    if converters < FEW_CONVERTERS:
        said.append(f"Only {converters} accounts converted; {FEW_CONVERTERS} are advised.")
    if days < SHORTEST_LOOKBACK:
        said.append(f"The events cover {days} days; six months are advised.")
    return tuple(said)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
