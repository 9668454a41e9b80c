"""Which account score finds those who buy: the alternatives side by side, on two data sets.

    python -m benchmarks.account_scores --accounts 2000 --days 180

Scores are those that were known at several past instants; later data only says who bought. Prints
one table for the demo product and one for Hedgebox. docs/decisions/0014-account-score.md draws the
conclusion; the scores are made in `account_alternatives` and measured in `ranking`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.account_alternatives import (
    ALTERNATIVES,
    OURS,
    changes,
    joinings,
    naive,
    outcomes,
    prepare,
    scores_at,
    to_be_won,
)
from benchmarks.ranking import (
    Interval,
    area_under_curve,
    bootstrap,
    interval,
    positives_in_top,
    rank_correlation,
)
from pql_platform.demo.main_job import PROGRAM
from pql_platform.demo.simulator import write_history
from pql_platform.errors import PqlError
from pql_platform.program.load import load_program
from pql_platform.warehouse.connection import open_warehouse

DEMO_END = datetime(2026, 3, 2, tzinfo=UTC)
HEDGEBOX_END = datetime(2024, 7, 1, tzinfo=UTC)
_REPOSITORY = Path(__file__).parents[1]
HEDGEBOX_PROGRAM = _REPOSITORY / "programs" / "examples" / "hedgebox.yaml"
HEDGEBOX_EVENTS = _REPOSITORY.parent / "shared" / "data" / "hedgebox_500" / "events.ndjson.gz"

APART = timedelta(days=30)
TOP_SHARE = 0.15
NARROWEST = 150
"""Columns of text that the table needs; a narrower terminal folds its lines."""

TITLES = {
    OURS: "best user per signal,\nspread, cap (ours)",
    "best_user": "best user per signal",
    "best_score": "best user's whole score",
    "mean_of_three": "mean of best three users",
    "sum_of_three": "sum of best three users",
    "sum_of_users": "sum of all users",
    "team": "everybody together",
    "team_spread": "everybody together,\nspread",
    "users": "number of users,\nnothing else",
}


@dataclass(frozen=True)
class DataSet:
    """A product's history up to `end`."""

    name: str
    program: Path
    events: Path
    end: datetime


@dataclass(frozen=True)
class Comparison:
    """What came of one data set.

    Attributes:
        judged: One row per account and instant: what `to_be_won` returns.
        changes: By joining, the changes of the scores of the accounts that were joined.
        last: The last instant.
        horizon: How long after an instant a purchase counts.
        too_late: Accounts first seen after the last instant.
        renamed: Rows without an outcome.
    """

    judged: pd.DataFrame
    changes: Mapping[str, pd.DataFrame]
    last: datetime
    horizon: timedelta
    too_late: int
    renamed: int


def main() -> None:
    """Compare the alternatives on both data sets and print their tables."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.account_scores",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--accounts", type=int, default=2000, help="of the demo product")
    parser.add_argument("--days", type=int, default=180, help="of its history")
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--instants", type=int, default=5, help="30 days apart")
    parser.add_argument("--samples", type=int, default=2000, help="of the bootstrap")
    parser.add_argument("--joined", type=int, default=200, help="accounts that people join")
    parser.add_argument("--hedgebox", type=Path, default=HEDGEBOX_EVENTS, help="its events")
    try:
        _compare_all(parser.parse_args())
    except PqlError as error:
        parser.exit(1, f"{error}\n")


def _compare_all(arguments: argparse.Namespace) -> None:
    console = Console()
    console.width = max(console.width, NARROWEST)
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder) / "events.ndjson"
        size = {"accounts": arguments.accounts, "days": arguments.days, "seed": arguments.seed}
        write_history(events, **size, end=DEMO_END)
        data_sets = [
            DataSet("Demo product", PROGRAM, events, DEMO_END),
            DataSet("Hedgebox", HEDGEBOX_PROGRAM, arguments.hedgebox, HEDGEBOX_END),
        ]
        for data in data_sets:
            if not data.events.exists():
                console.print(f"{data.name} is left out: name its events with --hedgebox FILE.")
                continue
            compared = compare(
                data,
                Path(folder) / data.name,
                instants=arguments.instants,
                joined=arguments.joined,
                seed=arguments.seed,
            )
            console.print(tabulate(data, compared, arguments.samples, arguments.seed))


def compare(data: DataSet, folder: Path, *, instants: int, joined: int, seed: int) -> Comparison:
    """Score a data set in every way, as known at several instants, and look who bought.

    Args:
        data: The data set.
        folder: For its warehouse; created.
        instants: How many, 30 days apart; the last lies as far before the end.
        joined: How many accounts people join, at most; drawn from those with a score.
        seed: Makes the draw repeatable.

    Raises:
        PqlError: Nobody bought: nothing can be compared.
    """
    settings = prepare(data.program, data.events, data.end, folder)
    program = load_program(data.program).program
    horizon = timedelta(days=program.conversion.horizon_days)
    last = data.end - max(APART, horizon)
    dates = [last - APART * number for number in reversed(range(instants))]
    with open_warehouse(settings) as connection:
        outcome = outcomes(connection)
        scores = {date: scores_at(connection, date) for date in dates}
    judged = {date: to_be_won(found, outcome, date, horizon) for date, found in scores.items()}
    everything = pd.concat(judged.values())
    if not everything["bought"].any():
        raise PqlError(
            f"{data.name}: nobody bought within {horizon.days} days of the {instants} instants",
            hint="Take more --accounts or --instants",
        )
    active = judged[last].index[judged[last][OURS] > 0]
    rng = np.random.default_rng(seed)
    chosen = sorted(rng.choice(active, min(joined, len(active)), replace=False))
    return Comparison(
        judged=everything,
        changes={
            joining.title: changes(settings, folder / "joined", joining, chosen, last)
            for joining in joinings(program)
        },
        last=last,
        horizon=horizon,
        too_late=int((outcome["first_seen_at"] > naive(last)).sum()),
        renamed=sum(len(found.index.difference(outcome.index)) for found in scores.values()),
    )


def tabulate(data: DataSet, compared: Comparison, samples: int, seed: int) -> Table:
    """One row per alternative; 95 % intervals from a bootstrap over accounts."""
    judged = compared.judged
    bought = judged["bought"].to_numpy(bool)
    dates, users = judged["date"].to_numpy(), judged["users"].to_numpy(float)
    columns = {name: judged[name].to_numpy(float) for name in ALTERNATIVES}
    subjects = np.unique(judged.index.to_numpy(str), return_inverse=True)[1]
    drawn = bootstrap(columns, bought, subjects, samples, seed)
    table = Table(title=_title(data, compared), caption=_caption(compared), show_lines=True)
    for title in ("account score", "ROC-AUC\n(95 %)", "minus ours\n(95 %)"):
        table.add_column(title, no_wrap=True)
    for title in (
        f"buyers in the top {TOP_SHARE:.0%}",
        "correlation with head count, non-buyers",
        *compared.changes,
    ):
        table.add_column(title, justify="right")
    areas = {name: area_under_curve(column, bought) for name, column in columns.items()}
    for name, column in columns.items():
        gain = f"{areas[name] - areas[OURS]:+.3f}"
        table.add_row(
            TITLES[name],
            f"{areas[name]:.3f}\n{_range(interval(drawn[name]))}",
            "" if name == OURS else f"{gain}\n{_range(interval(drawn[name] - drawn[OURS]), '+')}",
            f"{positives_in_top(column, bought, dates, TOP_SHARE):.0%}",
            f"{rank_correlation(column[~bought], users[~bought]):.2f}",
            *(_change(change[name]) for change in compared.changes.values()),
        )
    return table


def _title(data: DataSet, compared: Comparison) -> str:
    judged, of = compared.judged, compared.judged["date"].nunique()
    return (
        f"{data.name}: {judged.index.nunique():,} accounts at {of} instants ({len(judged):,} rows);"
        f" {judged['bought'].sum()} bought within {compared.horizon.days} days"
    )


def _caption(compared: Comparison) -> str:
    joined = len(next(iter(compared.changes.values())))
    return (
        f"{compared.too_late} accounts came after {compared.last:%Y-%m-%d}: their "
        f"{compared.horizon.days} days were not over, they are left out. {compared.renamed} rows "
        "belong to accounts that later data showed to be others. People joined "
        f"{joined} accounts with a score: mean change, lowest and highest."
    )


def _change(change: pd.Series) -> str:
    return f"{change.mean():+.1f}\n{change.min():.1f} to {change.max():.1f}"


def _range(ends: Interval, sign: str = "") -> str:
    low, high = ends
    return f"{low:{sign}.3f} to {high:{sign}.3f}"


if __name__ == "__main__":
    main()
