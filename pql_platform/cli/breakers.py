"""`pql breakers`: what holds deliveries, and a person's decision to let them go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from pql_platform.cli.output import AsJson, people, print_json, print_table
from pql_platform.errors import PqlError
from pql_platform.ledger.breakers import open_breakers, override
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.settings import load_settings


def breakers(
    name: Annotated[str | None, typer.Option("--override", help="Let this one go on.")] = None,
    by: Annotated[str, typer.Option(help="Who decides.")] = "",
    why: Annotated[str, typer.Option(help="The reason, for the record.")] = "",
    hours: Annotated[float, typer.Option(help="For how long, at most 168.")] = 24.0,
    as_json: AsJson = False,
) -> None:
    """Show what holds deliveries; with --override, let it go on for a while, on the record."""
    settings = load_settings()
    settings.prepare_home()
    engine = open_ledger(settings.ledger_url)
    if name is not None:
        if not by.strip() or not why.strip():
            raise PqlError("An override needs who and why", hint="Give --by and --why")
        now = datetime.now(UTC)
        with engine.begin() as conn:
            override(conn, name, by=by, reason=why, until=now + timedelta(hours=hours), now=now)
    with reading(engine) as conn:
        held = [vars(breaker) for breaker in open_breakers(conn)]
    engine.dispose()
    if as_json:
        print_json(held)
        return
    if not held:
        people.print("Nothing holds deliveries.")
        return
    columns = ("name", "opened_at", "reason", "overridden_until", "overridden_by")
    print_table("Held", columns, ([row[key] for key in columns] for row in held))
