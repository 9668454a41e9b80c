"""`pql contacted`: somebody has spoken to a lead, which stops its clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from pql_platform.cli.output import AsJson, people, print_json
from pql_platform.handoff.answers import COMMAND_SOURCE, note_contact
from pql_platform.ledger.engine import open_ledger
from pql_platform.ledger.handoffs import find_handoff
from pql_platform.settings import load_settings
from pql_platform.team.load import load_team


def contacted(
    handoff: Annotated[str, typer.Argument(metavar="HANDOFF", help="Id, from `pql handoffs`.")],
    by: Annotated[str, typer.Option(metavar="WHO", help="Who spoke to the lead.")],
    as_json: AsJson = False,
) -> None:
    """Record the first contact with a lead, so that it is not escalated."""
    settings = load_settings()
    settings.prepare_home()
    engine = open_ledger(settings.ledger_url)
    now = datetime.now(UTC)
    with engine.begin() as conn:
        found = find_handoff(conn, handoff)
        key = f"command:{handoff}"
        team = load_team(settings.team)
        first = note_contact(conn, found, now, by, COMMAND_SOURCE, key, team, now)
    engine.dispose()
    if as_json:
        print_json({"handoff": handoff, "first": first})
    else:
        people.print("Recorded." if first else "An earlier contact counts already.")
