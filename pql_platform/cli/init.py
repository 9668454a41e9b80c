"""`pql init`: a starter program from one's own data, in five steps with a proposal for each."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

import pql_platform
from pql_platform.calibration.data_span import DataSpan, require_data
from pql_platform.calibration.draft import Draft
from pql_platform.calibration.draft_evidence import DraftEvidence
from pql_platform.calibration.draft_text import SCHEMA, draft_text
from pql_platform.cli.guide import Guide
from pql_platform.cli.init_points import Choices, Outcome, draft_program
from pql_platform.cli.output import AsJson, AsOf, print_json, remarks
from pql_platform.domain.grammar import counted, day
from pql_platform.errors import PqlError
from pql_platform.program.fields import NAME, PATTERN_MEANING
from pql_platform.program.load import LoadedProgram, load_program, load_programs
from pql_platform.resources import parse_instant
from pql_platform.settings import Settings, load_settings
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.copies import open_copy
from pql_platform.warehouse.loading import load_inbox


def init(
    yes: Annotated[bool, typer.Option("--yes", help="Accept every proposal.")] = False,
    conversion: Annotated[
        str | None, typer.Option(metavar="EVENT", help="The purchase to predict.")
    ] = None,
    signal: Annotated[
        list[str] | None,
        typer.Option(metavar="EVENT", help="A signal instead of the proposed; may be repeated."),
    ] = None,
    capacity: Annotated[
        int | None, typer.Option(min=1, help="Leads that sales can answer in a day.")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Who gets the leads.")] = None,
    name: Annotated[str, typer.Option(help="What to call the program.")] = "starter",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Default: PQL_PROGRAMS/NAME.yaml.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Take a signal that is refused; needs --why.")
    ] = False,
    why: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why, for whoever reads the file.")
    ] = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Write a starter program from the data that was loaded: five steps, Enter accepts each."""
    if force and not (why or "").strip():
        raise PqlError("A forced signal needs a reason", field="why", hint="Give --why TEXT")
    settings = load_settings()
    settings.prepare_home()
    file = _target(settings, out, name)
    now = datetime.now(UTC)
    with open_warehouse(settings) as connection:
        load_inbox(connection, settings, now)
    span = require_data(settings)
    choices = Choices(
        name=name,
        accounts_from=_accounts_from(file, name),
        conversion=conversion,
        signals=tuple(signal or ()),
        capacity=capacity,
        owner=owner,
        forced=why.strip() if force and why else None,
    )
    guide = Guide(accepts=yes, silent=as_json)
    moment = parse_instant(as_of) if as_of else min(span.last_at, now)
    with open_copy(settings) as copy:
        evidence = DraftEvidence(copy, settings, choices.accounts_from, moment)
        outcome = draft_program(evidence, guide, choices, _source(span))
    loaded = _write(file, draft_text(outcome.draft, now, _schema_seen_from(file)))
    if as_json:
        print_json(_answer(outcome, loaded))
        return
    _tell(guide, outcome, loaded, settings)


def _target(settings: Settings, out: Path | None, name: str) -> Path:
    """Where the program goes: never over a file that is there."""
    if not re.fullmatch(NAME, name):
        meaning, example = PATTERN_MEANING[NAME]
        raise PqlError(
            f"{name!r} is no name for a program, which should {meaning}", hint=f"Write {example}"
        )
    if out is not None:
        file = out
    elif settings.programs.suffix == ".yaml":
        # A single file is in use, or is to be.
        file = settings.programs
        file = file.with_name(f"{name}.yaml") if file.exists() else file
    else:
        file = settings.programs / f"{name}.yaml"
    if file.exists():
        raise PqlError(
            "is there already, and is not overwritten",
            file=file,
            hint="Give --out FILE or --name NAME, or move it away",
        )
    if file.suffix != ".yaml":
        raise PqlError("is no *.yaml file", file=file, hint="Program files end in .yaml")
    return file


def _accounts_from(file: Path, name: str) -> tuple[str, ...]:
    """How the programs beside it make accounts of users, which all of a folder share."""
    folder = file.parent
    if not folder.is_dir() or not any(folder.glob("*.yaml")):
        return ("group", "email_domain")
    beside = load_programs(folder)
    for loaded in beside:
        if loaded.name == name:
            raise PqlError(
                f"There is a program called {name} already",
                file=loaded.path,
                hint="Give --name NAME",
            )
    return beside[0].program.accounts.from_


def _source(span: DataSpan) -> str:
    return f"{counted(span.events, 'message')} of {day(span.first_at)} to {day(span.last_at)}"


def _schema_seen_from(file: Path) -> str:
    schema = Path(pql_platform.__file__).parents[1] / "docs" / "program.schema.json"
    folder = file.absolute().parent
    if schema.exists() and folder.is_relative_to(schema.parents[1]):
        return Path(os.path.relpath(schema, folder)).as_posix()
    return SCHEMA


def _write(file: Path, text: str) -> LoadedProgram:
    """Write the file in one step, once it has been read back."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        load_program(part)
        # A link fails where the file has come into being meanwhile, and a rename would not.
        os.link(part, file)
    except FileExistsError as error:
        raise PqlError("is there already", file=file, hint="Give --out FILE") from error
    except OSError as error:
        raise PqlError(f"cannot be written ({error.strerror})", file=file) from error
    finally:
        part.unlink(missing_ok=True)
    return load_program(file)


def _answer(outcome: Outcome, loaded: LoadedProgram) -> dict[str, Any]:
    draft = outcome.draft
    return {
        "file": str(loaded.path),
        "program": draft.name,
        "as_of": draft.as_of,
        "conversion": draft.conversion.value,
        "aha": draft.aha.value,
        "signals": [
            {
                "name": one.name,
                "event": one.event,
                "category": one.category,
                "threshold": one.keys["threshold"],
                "window_days": one.keys["window_days"],
                "evidence": one.evidence,
                "forced": one.forced,
            }
            for one in draft.signals
        ],
        "weights": draft.weights.value,
        "points": loaded.program.max_points,
        "threshold": outcome.choice.enter,
        "capacity_per_day": draft.threshold.value[1],
        "population": outcome.population,
        "qualified": outcome.qualified,
        "queue": [vars(risk) for risk in outcome.choice.risks],
        "warnings": [*draft.remarks, *loaded.warnings],
    }


def _tell(guide: Guide, outcome: Outcome, loaded: LoadedProgram, settings: Settings) -> None:
    draft: Draft = outcome.draft
    guide.say(f"\nWritten: {loaded.path}")
    guide.say(
        f"With it {outcome.qualified:,} of {counted(outcome.population, 'account')} would be leads "
        f"on {day(draft.as_of)}. It is in shadow: everything is computed, nobody is told."
    )
    for warning in (*draft.remarks, *loaded.warnings):
        remarks.print(f"Warning: {warning}", style="yellow", highlight=False, markup=False)
    used = settings.programs in (loaded.path.absolute(), loaded.path.absolute().parent)
    first = "" if used else f"set PQL_PROGRAMS={loaded.path.absolute().parent}, "
    guide.say(f"Next: read it, {first}`pql run`, then `pql scores`.")
