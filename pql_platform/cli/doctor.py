"""`pql doctor`: every connection, daemon and queue, in plain words."""

from __future__ import annotations

import typer

from pql_platform.answers.health import problems
from pql_platform.cli.output import AsJson, people, print_json
from pql_platform.settings import load_settings


def doctor(as_json: AsJson = False) -> None:
    """Say whether all is well; exit code 1 when it is not."""
    found = problems(load_settings())
    if as_json:
        print_json({"ok": not found, "problems": found})
    elif found:
        for problem in found:
            people.print(f"[red]✗[/] {problem}")
    else:
        people.print("[green]✓[/] All is well.")
    if found:
        raise typer.Exit(1)
