"""`pql promote` and `pql rollback`: which model version judges from the next pass on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape

from pql_platform.cli.output import AsJson, people, print_json, remarks
from pql_platform.qualify.promotion import Promoted, promote_version, roll_back
from pql_platform.settings import load_settings

By = Annotated[str, typer.Option(metavar="WHO", help="Who decides.")]
Why = Annotated[str, typer.Option(metavar="TEXT", help="The reason, for the record.")]


def promote(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Such as boards-v4.")],
    by: By,
    why: Why,
    as_json: AsJson = False,
) -> None:
    """Make a model version live, from the next pass on."""
    settings = load_settings()
    settings.prepare_home()
    _print(promote_version(settings, version, by=by, why=why, now=datetime.now(UTC)), as_json)


def rollback(
    by: By,
    why: Why,
    program: Annotated[
        str | None, typer.Option(metavar="NAME", help="The program, where there are several.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make the version live again that judged before the live one, from the next pass on."""
    settings = load_settings()
    settings.prepare_home()
    _print(roll_back(settings, program, by=by, why=why, now=datetime.now(UTC)), as_json)


def _print(promoted: Promoted, as_json: bool) -> None:
    if promoted.warning:
        remarks.print(escape(promoted.warning), style="yellow")
    previous = promoted.previous.id if promoted.previous else None
    if as_json:
        print_json({"version": promoted.version.id, "previous": previous})
        return
    place = f"in the place of {previous}, " if previous else ""
    people.print(f"{promoted.version.id} is live {place}and judges from the next pass on.")
