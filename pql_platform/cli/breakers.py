"""`pql breakers`: what holds deliveries, and a person's decisions about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from sqlalchemy import Connection

from pql_platform.cli.output import AsJson, people, print_json, print_table
from pql_platform.errors import PqlError
from pql_platform.ledger.breakers import close_breaker, open_breaker, open_breakers, override
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.settings import load_settings


def breakers(
    hold: Annotated[
        str | None, typer.Option("--open", metavar="NAME", help="Hold deliveries by hand.")
    ] = None,
    release: Annotated[
        str | None, typer.Option("--close", metavar="NAME", help="The cause is mended: release.")
    ] = None,
    despite: Annotated[
        str | None,
        typer.Option("--override", metavar="NAME", help="Deliver despite this breaker."),
    ] = None,
    by: Annotated[str, typer.Option(metavar="WHO", help="Who decides.")] = "",
    why: Annotated[str, typer.Option(metavar="TEXT", help="The reason, for the record.")] = "",
    hours: Annotated[float, typer.Option(help="How long an override lasts, at most 168.")] = 24.0,
    as_json: AsJson = False,
) -> None:
    """Show what holds deliveries; open, close or override one breaker."""
    settings = load_settings()
    settings.prepare_home()
    if (hold or release or despite) and not (by.strip() and why.strip()):
        raise PqlError("This decision needs who and why", hint="Give --by and --why")
    engine = open_ledger(settings.ledger_url)
    now = datetime.now(UTC)
    with engine.begin() as conn:
        if hold:
            open_breaker(conn, hold, reason=why, by=by, now=now)
        if release:
            _close(conn, release)
        if despite:
            override(conn, despite, by=by, reason=why, until=now + timedelta(hours=hours), now=now)
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


def _close(conn: Connection, name: str) -> None:
    if not close_breaker(conn, name):
        raise PqlError(f"breaker {name} is not open", hint="List them with `pql breakers`")
