"""`pql discover`: what accounts that convert do, with a verdict on each behaviour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import duckdb
import typer
from rich.markup import escape

from pql_platform.answers.moments import is_present, last_pass, programs_in_force
from pql_platform.calibration.discovery import Discovery, Finding
from pql_platform.calibration.discovery import discover as discover_in
from pql_platform.cli.output import AsJson, AsOf, people, print_json, print_table, remarks
from pql_platform.domain.grammar import counted
from pql_platform.errors import PqlError
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.program.load import load_programs
from pql_platform.program.schema import Program
from pql_platform.resources import parse_instant
from pql_platform.settings import Settings, load_settings
from pql_platform.warehouse.copies import open_copy
from pql_platform.warehouse.rescoring import as_known_at, live_schemas

COLOURS = {
    "signal": "bold green",
    "weak": "yellow",
    "vanity": "dim",
    "confounded": "magenta",
    "survivorship": "cyan",
    "leak": "red",
    "unsupported": "dim",
}


def discover(
    program: Annotated[
        str | None,
        typer.Option("--program", help="Which program; needed with several.", metavar="NAME"),
    ] = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Find what sets apart the accounts that convert, and what only seems to."""
    settings = load_settings()
    with remarks.status("Discovering") as status:
        found, asked = discovery_of(
            settings,
            program,
            parse_instant(as_of) if as_of else None,
            lambda step: status.update(step),
        )
    for warning in found.warnings:
        remarks.print(f"[yellow]{escape(warning)}[/]", highlight=False)
    if as_json:
        print_json(as_answer(found))
        return
    shown = [finding for finding in found.findings if _is_shown(finding, found.findings)]
    print_table(
        f"{found.program}: what {counted(found.n_converted, 'account')} that converted did, and "
        f"{found.n_other:,} others did not",
        ("event", "verdict", "converted", "others", "times as often", "why"),
        (_row(finding) for finding in shown),
    )
    for sentence in _sentences(found, asked):
        people.print(escape(sentence), highlight=False)


def discovery_of(
    settings: Settings,
    name: str | None,
    as_of: datetime | None,
    progress: Any = None,
) -> tuple[Discovery, Program]:
    """Return what is found for a program, as known at an instant or at the last pass.

    Raises:
        PqlError: There are no scores yet, no such program, or too few conversions.
    """
    clock = last_pass(settings)
    with open_copy(settings) as connection:
        if as_of is None or is_present(settings, as_of):
            chosen = _named([each.program for each in load_programs(settings.programs)], name)
            return discover_in(connection, chosen, clock, progress=progress), chosen
        chosen = _named(_programs_then(connection, settings, as_of), name)
        with as_known_at(connection, as_of), live_schemas(connection):
            return discover_in(connection, chosen, as_of, progress=progress), chosen


def as_answer(found: Discovery) -> dict[str, Any]:
    """The answer for machines: one entry per event, with its property splits inside."""
    whole = [finding for finding in found.findings if finding.property is None]
    splits: dict[str, list[dict[str, Any]]] = {finding.event: [] for finding in whole}
    for finding in found.findings:
        if finding.property is not None:
            splits[finding.event].append(asdict(finding))
    return {
        "aha": None if found.aha is None else asdict(found.aha),
        "events": [{**asdict(finding), "splits": splits[finding.event]} for finding in whole],
    }


def _programs_then(
    connection: duckdb.DuckDBPyConnection, settings: Settings, as_of: datetime
) -> list[Program]:
    engine = open_ledger(settings.ledger_url)
    try:
        with reading(engine) as ledger:
            judges = programs_in_force(connection, ledger, settings, as_of)
    finally:
        engine.dispose()
    return [judge.program for judge in judges]


def _named(programs: Sequence[Program], name: str | None) -> Program:
    names = sorted(program.program for program in programs)
    if name is None and len(programs) == 1:
        return programs[0]
    if name is None:
        raise PqlError(
            "There are several programs",
            field="--program",
            hint=f"Name one of {', '.join(names)}",
        )
    for program in programs:
        if program.program == name:
            return program
    raise PqlError(
        f"There is no program {name!r}", field="--program", hint=f"Name one of {', '.join(names)}"
    )


def _is_shown(finding: Finding, findings: Sequence[Finding]) -> bool:
    """Whether a person should see a finding: a split only where it says more than its event."""
    if finding.property is None:
        return True
    whole = next(each for each in findings if each.event == finding.event and each.property is None)
    return finding.verdict == "signal" and (
        whole.verdict != "signal" or finding.lift_low > whole.lift
    )


def _row(finding: Finding) -> tuple[str | None, ...]:
    what = finding.event
    if finding.property is not None:
        what = f"{what} ({finding.property} = {finding.value})"
    return (
        escape(what),
        f"[{COLOURS[finding.verdict]}]{finding.verdict}[/]",
        *_figures(finding),
        escape(finding.reason),
    )


def _figures(finding: Finding) -> tuple[str | None, ...]:
    if finding.verdict == "leak":
        return None, None, None  # it is refused without a comparison
    return (
        f"{100 * finding.converted_share:.0f} %",
        f"{100 * finding.other_share:.0f} %",
        f"{finding.lift:.1f} ({finding.lift_low:.1f} to {finding.lift_high:.1f})",
    )


def _sentences(found: Discovery, program: Program) -> list[str]:
    sentences = [_said_aha(found)]
    if found.aha is not None and found.aha.validated_by is None:
        sentences.append(
            "Nobody has confirmed it yet: ask customers when they first understood the value, and "
            "write down who and when in `aha.validated_by`."
        )
    left_out = ", ".join(f"{number:,} {reason}" for reason, number in found.left_out.items())
    sentences.append(
        f"Compared: {counted(found.n_converted, 'account')} that did "
        f"`{program.conversion.event}` with {found.n_other:,} that did not, at dates matched on "
        f"sign-up week, segment and age. Left out: {left_out or 'nobody'}."
    )
    return sentences


def _said_aha(found: Discovery) -> str:
    aha = found.aha
    if aha is None:
        return "Aha moment: none, for no signal falls into the first 14 days."
    often = "once" if aha.at_least == 1 else f"at least {aha.at_least} times"
    return (
        f"Aha moment: `{aha.event}` {often} in the first {aha.within_days} days: "
        f"{100 * aha.converted_share:.0f} % of the converted and {100 * aha.other_share:.0f} % of "
        f"the others, {aha.lift:.1f} times as often ({aha.lift_low:.1f} to {aha.lift_high:.1f})."
    )
