"""`pql diff`: what a changed program file would have done to the last quarter, and who approves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path, PurePath
from typing import Annotated, Any

import typer
from rich.markup import escape

from pql_platform.calibration.codeowners import codeowners
from pql_platform.calibration.data_span import data_span
from pql_platform.calibration.program_diff import ProgramDiff, compare, load_side
from pql_platform.calibration.program_effect import Effect, measure_effects
from pql_platform.cli import diff_words as words
from pql_platform.cli.output import AsJson, AsOf, people, print_json, print_table, remarks
from pql_platform.errors import PqlError
from pql_platform.ledger.calibrated import live_calibrations
from pql_platform.ledger.engine import looking
from pql_platform.resources import parse_instant
from pql_platform.settings import Settings, load_settings
from pql_platform.warehouse.copies import open_copy


def diff(
    base: Annotated[
        Path | None, typer.Argument(metavar="BASE", help="Program file or folder as it is.")
    ] = None,
    head: Annotated[
        Path | None, typer.Argument(metavar="HEAD", help="The same as it would be.")
    ] = None,
    as_of: AsOf = None,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the comment of a pull request.")
    ] = False,
    as_codeowners: Annotated[
        bool,
        typer.Option("--codeowners", help="Print who owns the files of BASE, and compare nothing."),
    ] = False,
    handle: Annotated[
        list[str] | None,
        typer.Option(metavar="OWNER=@TEAM", help="What your host calls an owner; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare two states of the programs: in words, and by what they would have done."""
    settings = load_settings()
    if as_codeowners:
        _print_codeowners(base or settings.programs, handle or [])
        return
    if base is None or head is None:
        raise PqlError("Two states are compared", hint="Give BASE and HEAD, files or folders")
    diffs = compare(load_side(base), load_side(head))
    effects = _measure(settings, diffs, parse_instant(as_of) if as_of else None)
    if as_json:
        print_json(_answer(diffs, effects))
    elif as_markdown:
        typer.echo(words.markdown(diffs, effects), nl=False)
    else:
        _print(diffs, effects)


def _measure(
    settings: Settings, diffs: Sequence[ProgramDiff], as_of: datetime | None
) -> tuple[Effect, ...] | None:
    """The effects of what can change a lead; None where there is no data to ask."""
    span = data_span(settings)
    if span is None:
        return None
    with looking(settings.ledger_url) as conn:
        calibrations = {} if conn is None else live_calibrations(conn)
    moved = [one for one in diffs if one.moves_leads]
    if not moved:
        return ()
    with remarks.status("Looking at the last quarter") as status, open_copy(settings) as connection:
        return measure_effects(
            connection,
            settings,
            moved,
            as_of or span.clock or span.last_at,
            span.first_at,
            calibrations=calibrations,
            progress=lambda date: status.update(f"As known on {date:%F}"),
        )


def _answer(diffs: Sequence[ProgramDiff], effects: Sequence[Effect] | None) -> dict[str, Any]:
    by_program = {effect.program: asdict(effect) for effect in effects or ()}
    return {
        "measured": effects is not None,
        "programs": [
            {
                "program": one.program,
                "state": one.state,
                "moves_scores": one.moves_scores,
                "changes": [asdict(change) for change in one.changes],
                "approvals": [asdict(approval) for approval in one.approvals],
                "warnings": one.warnings,
                "effect": by_program.get(one.program),
            }
            for one in diffs
        ],
    }


def _print(diffs: Sequence[ProgramDiff], effects: Sequence[Effect] | None) -> None:
    if not diffs:
        people.print(words.SAME)
    by_program = {effect.program: effect for effect in effects or ()}
    for one in diffs:
        people.print(words.headline(one), style="bold", highlight=False)
        for change in one.changes:
            people.print(f"  {words.line(change)}", highlight=False, markup=False)
        asked = ", ".join(f"{it.owner} {words.approval(it)}" for it in one.approvals)
        people.print(f"Must approve: {asked}.", highlight=False, markup=False)
        for warning in one.warnings:
            people.print(f"Warning: {warning}", highlight=False, markup=False)
        if one.program in by_program:
            _print_effect(by_program[one.program])
        elif effects is not None and not one.moves_leads:
            people.print(words.NOBODY_MOVES)
    if diffs and effects is None:
        people.print(words.NO_DATA)


def _print_effect(effect: Effect) -> None:
    if effect.loses_calibration is not None:
        people.print(words.lost_calibration(effect.loses_calibration), highlight=False)
    people.print(words.period(effect), highlight=False)
    print_table("", words.SIDES, words.side_rows(effect))
    for name, moved in words.moved_rows(effect):
        first = f": {', '.join(moved.first_ids)}" if moved.first_ids else ""
        more = " ..." if moved.accounts > len(moved.first_ids) else ""
        said = f"{name}: {words.bought(moved, effect.horizon_days)}{first}{more}"
        people.print(said, highlight=False, markup=False)
    if effect.owners:
        rows = ((escape(load.owner), load.base, load.head) for load in effect.owners)
        print_table("", words.OWNERS, rows)


def _print_codeowners(programs: Path, handles: Sequence[str]) -> None:
    named = dict(handle.partition("=")[::2] for handle in handles)
    if not all(named.values()):
        raise PqlError("An owner and an account are needed", field="handle", hint="OWNER=@TEAM")
    folder = programs if programs.is_dir() else programs.parent
    here = Path.cwd()
    # CODEOWNERS counts from the root of the repository, which is where one calls this.
    inside = folder.absolute().relative_to(here) if folder.absolute().is_relative_to(here) else None
    typer.echo(codeowners(load_side(programs), inside or PurePath(folder.name), named), nl=False)
