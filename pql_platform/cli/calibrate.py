"""`pql calibrate`: points, compounds and thresholds drawn from history, as a challenger."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape

from pql_platform.calibration.challenge import Proposal
from pql_platform.calibration.points_table import points_rows
from pql_platform.calibration.quarterly import Outcome
from pql_platform.calibration.quarterly import calibrate as calibrate_programs
from pql_platform.cli.output import AsJson, AsOf, people, print_json, print_table, remarks
from pql_platform.ledger.engine import open_ledger
from pql_platform.resources import parse_instant
from pql_platform.settings import load_settings

ProgramName = Annotated[
    str | None, typer.Option("--program", metavar="NAME", help="One program; all by default.")
]


def calibrate(
    program: ProgramName = None,
    as_of: AsOf = None,
    by: Annotated[str, typer.Option(metavar="WHO", help="Who asks, for the record.")] = "pql",
    why: Annotated[
        str, typer.Option(metavar="TEXT", help="Why, for the record.")
    ] = "calibrated by command",
    as_json: AsJson = False,
) -> None:
    """Fit points and thresholds to history and record them as a challenger; nothing goes live."""
    settings = load_settings()
    settings.prepare_home()
    engine = open_ledger(settings.ledger_url)
    try:
        with remarks.status("Taking a copy of the warehouse") as status:
            outcomes = calibrate_programs(
                settings,
                engine,
                parse_instant(as_of) if as_of else None,
                by=by,
                reason=why,
                act=False,
                only=program,
                progress=lambda name, step: status.update(f"Calibrating {name}: {step}"),
            )
    finally:
        engine.dispose()
    answers = [_answer(one, proposal) for one in outcomes if (proposal := one.proposal) is not None]
    if as_json and answers:
        print_json(answers[0] if len(outcomes) == 1 else answers)
    if not as_json:
        for one in outcomes:
            if one.proposal is not None:
                _print(one, one.proposal)
    refused = [one.refused for one in outcomes if one.refused is not None]
    for error in refused[:-1]:
        remarks.print(f"[red]{escape(str(error))}[/red]")
    if refused:
        raise refused[-1]


def _answer(one: Outcome, proposal: Proposal) -> dict[str, Any]:
    return {
        "program": one.program,
        "version": one.announcement["version"],
        "champion": one.champion,
        "weights": dict(proposal.table.weights),
        "points": dict(proposal.table.points),
        "dropped": dict(proposal.table.dropped),
        "threshold": proposal.threshold.enter,
        "threshold_user": proposal.enter_user,
        "decision": {key: one.announcement[key] for key in ("action", "reasons", "warnings")},
        "backtest": asdict(proposal.backtest),
    }


def _print(one: Outcome, proposal: Proposal) -> None:
    said = one.announcement
    people.print(f"[bold]{said['version']}[/bold] challenges {one.champion} ({one.program}).")
    for reason in said["reasons"]:
        people.print(f"  {reason}")
    print_table(
        "Points",
        ("category", "weight", "signal", "full at", "points", "now", "why not"),
        (
            (
                row.category,
                row.weight,
                row.signal,
                row.full_at,
                row.points,
                row.points_now,
                row.reason,
            )
            for row in points_rows(proposal.table, proposal.champion)
        ),
    )
    print_table("On later time", ("", "now", "proposed"), said["figures"])
    for part in ("threshold", "risks", "moved", "owners", "warnings", "what_to_do"):
        for line in said[part]:
            people.print(line)
