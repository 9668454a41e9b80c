"""`pql recalibrate`: the quarterly calibration now, as its schedule runs it."""

from __future__ import annotations

from pql_platform.cli.output import AsJson, AsOf, people, print_json
from pql_platform.passes import run_job
from pql_platform.resources import parse_instant
from pql_platform.settings import load_settings


def recalibrate(as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Draw a challenger per program, announce it, and let the program's policy decide."""
    result = run_job(
        load_settings(), "recalibration", as_of=parse_instant(as_of) if as_of else None
    )
    made = result.metadata["ledger/model_versions"]
    if as_json:
        print_json(made)
        return
    for said in made.values():
        people.print(f"[bold]{said['program']}[/bold]: {said['title']}.")
        for line in (*said["reasons"], *said["what_to_do"]):
            people.print(f"  {line}")
