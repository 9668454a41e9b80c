"""`pql challenger`: another definition beside production, and who would be called with it."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from pql_platform.cli.output import AsJson, people, print_json, print_table, remarks
from pql_platform.errors import PqlError
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.program.load import load_programs
from pql_platform.qualify.versions import live_thresholds
from pql_platform.settings import Settings, load_settings
from pql_platform.warehouse.environments import challengers, drop_challenger, plan_challenger
from pql_platform.warehouse.score_differences import Difference, ScoreChange, difference


def challenger(
    programs: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="Program file or folder; without it, compare again."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What to call the challenger.")
    ] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Forget the challenger.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compute another definition beside production and show how the scores differ."""
    settings = load_settings()
    settings.prepare_home()
    if name is None:
        _list(settings, programs, drop, as_json)
        return
    if drop:
        drop_challenger(settings, name)
        people.print(f"Challenger {name} is gone.")
        return
    answer: dict[str, Any] = {"name": name}
    if programs is not None:
        with remarks.status(f"Computing challenger {name}"):
            planned = plan_challenger(settings, programs, name)
        answer |= {"recomputed": planned.recomputed, "shared": planned.shared}
    found = difference(settings, name, _present_thresholds(settings))
    if as_json:
        print_json({**answer, **asdict(found)})
        return
    if programs is not None:
        people.print(
            f"Recomputed: {', '.join(planned.recomputed)}. "
            f"{len(planned.shared)} models are production's."
        )
    _print(name, found)


def _list(settings: Settings, programs: Path | None, drop: bool, as_json: bool) -> None:
    if programs is not None or drop:
        raise PqlError("A challenger needs a name", hint="Give --name NAME")
    names = challengers(settings)
    if as_json:
        print_json(names)
    else:
        people.print(", ".join(names) or "There is no challenger.")


def _present_thresholds(settings: Settings) -> dict[tuple[str, str], Decimal]:
    """The live thresholds of production by program and level."""
    engine = open_ledger(settings.ledger_url)
    found: dict[tuple[str, str], Decimal] = {}
    with reading(engine) as conn:
        for loaded in load_programs(settings.programs):
            live = live_thresholds(conn, loaded.name)
            found |= {(loaded.name, level): live.of(level) for level in ("account", "user")}
    engine.dispose()
    return found


def _print(name: str, found: Difference) -> None:
    people.print(
        f"As of {found.as_of:%Y-%m-%d %H:%M} UTC, {found.differing:,} of {found.subjects:,} users "
        f"and accounts have another score with {name}. Over the present threshold: "
        f"{found.gained:,} gained, {found.lost:,} lost."
    )
    for title, changes in (
        ("Gained", found.first_gained),
        ("Lost", found.first_lost),
        ("Largest changes", found.largest),
    ):
        if changes:
            print_table(title, _COLUMNS, (_row(change) for change in changes))


_COLUMNS = ("program", "level", "subject", "account", "production", "challenger")


def _row(change: ScoreChange) -> tuple[object, ...]:
    return (
        change.program,
        change.level,
        change.subject_id,
        change.account_id,
        change.production,
        change.challenger,
    )
