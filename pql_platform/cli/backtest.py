"""`pql backtest`: what a version would have done, point in time, beside what it must beat."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from pql_platform.calibration.backtest import Backtest
from pql_platform.calibration.versions_judged import judge_version
from pql_platform.cli.calibrate import ProgramName
from pql_platform.cli.output import AsJson, AsOf, people, print_json, print_table, remarks
from pql_platform.ledger.engine import open_ledger
from pql_platform.resources import parse_instant
from pql_platform.settings import load_settings


def backtest(
    version: Annotated[
        str | None,
        typer.Option("--version", metavar="ID", help="A recorded version; else the live one."),
    ] = None,
    program: ProgramName = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Judge a version on later time than it has seen, with features as they were known then."""
    settings = load_settings()
    settings.prepare_home()
    engine = open_ledger(settings.ledger_url)
    try:
        with remarks.status("Taking a copy of the warehouse") as status:
            judged = judge_version(
                settings,
                engine,
                version,
                program,
                parse_instant(as_of) if as_of else None,
                progress=lambda step: status.update(f"Backtest: {step}"),
            )
    finally:
        engine.dispose()
    if as_json:
        print_json({"version": judged.version, **asdict(judged.backtest)})
        return
    _print(judged.version, judged.backtest)


def _print(version: str, found: Backtest) -> None:
    people.print(
        f"[bold]{version}[/bold] from {found.split_at[:10]} to {found.test_until[:10]}: "
        f"{found.n_examples:,} examples, {found.n_converted:,} of them converted; "
        f"{found.censored:,} left out because their outcome is open, {found.purged:,} because "
        "theirs reaches into the later time."
    )
    print_table(
        "Who is ranked how well",
        ("", "ROC AUC", "PR AUC", "buyers in the best 15 %", "lift"),
        (
            (
                row.name,
                _number(row.roc_auc),
                _number(row.pr_auc),
                _share(row.capture_top15),
                _number(row.lift_top15),
            )
            for row in found.baselines
        ),
    )
    print_table(
        "By segment",
        ("segment", "examples", "converted", "ROC AUC", "buyers in the best 15 %"),
        (
            (
                row.segment,
                row.examples,
                row.converted,
                _number(row.roc_auc),
                _share(row.capture_top15),
            )
            for row in found.segments
        ),
    )
    people.print(
        f"At {found.threshold:g} and above: precision {_share(found.precision)}, recall "
        f"{_share(found.recall)}, {found.pql_share:.1%} of the population; converters qualified "
        f"{_days(found.median_lead_days)} before they bought (median)."
    )
    people.print(f"Gained {len(found.gained):,} accounts, lost {len(found.lost):,}.")
    for warning in found.warnings:
        people.print(warning)


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.0%}"


def _days(value: float | None) -> str:
    return "an unknown time" if value is None else f"{timedelta(days=value).days} days"
