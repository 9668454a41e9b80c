"""`pql run`: one pass over everything, through Dagster."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from pql_platform.cli.output import AsJson, AsOf, people, print_json, remarks
from pql_platform.errors import PqlError
from pql_platform.passes import run_job
from pql_platform.program.load import check_events_occur, load_programs
from pql_platform.program.properties import check_properties_occur
from pql_platform.resources import parse_instant
from pql_platform.settings import Settings, load_settings
from pql_platform.team.load import load_team
from pql_platform.team.routes import check_owners
from pql_platform.warehouse.connection import open_serving, open_warehouse
from pql_platform.warehouse.known import known_events, property_names, property_occurrences
from pql_platform.warehouse.loading import load_inbox


def run(
    as_of: AsOf = None,
    mode: Annotated[
        Literal["live", "backfill"],
        typer.Option(help="backfill records crossings without telling anybody."),
    ] = "live",
    allow_unseen_events: Annotated[
        bool,
        typer.Option(help="Go on although a program names an event that has never occurred."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Load what waits, rebuild, judge, hand over, publish and deliver, once."""
    settings = load_settings()
    settings.prepare_home()
    moment = parse_instant(as_of) if as_of else None
    _check_programs(settings, allow_unseen_events)
    with remarks.status("Running the full pass"):
        result = run_job(settings, "full_pass", as_of=moment, mode=mode)
    answer = {**counts(settings), "handoffs": result.metadata["ledger/handoffs"]["opened"]}
    if as_json:
        print_json(answer)
        return
    people.print(
        f"{answer['users']:,} users in {answer['accounts']:,} accounts, {answer['converted']:,} "
        f"converted. {answer['pqls']:,} accounts qualify; {answer['handoffs']:,} new hand-offs."
    )


def counts(settings: Settings) -> dict[str, int]:
    """Users, accounts, converted accounts and qualified accounts of the last pass."""
    with open_serving(settings) as connection:
        row = connection.execute(
            """
            SELECT
              (SELECT COUNT(*) FROM staging.users) AS users,
              (SELECT COUNT(*) FROM staging.accounts) AS accounts,
              (SELECT COUNT(DISTINCT account_id) FROM features.subjects WHERE is_paying)
                AS converted,
              (SELECT COUNT(DISTINCT account_id) FROM pql.tiers
                WHERE level = 'account' AND qualified) AS pqls
            """
        ).fetchone()
    return dict(zip(("users", "accounts", "converted", "pqls"), row or (0, 0, 0, 0), strict=True))


def _check_programs(settings: Settings, allow_unseen_events: bool) -> None:
    programs = load_programs(settings.programs)
    check_owners(programs, load_team(settings.team))
    for loaded in programs:
        for warning in loaded.warnings:
            remarks.print(f"[yellow]{loaded.path.name}[/]: {warning}")
    with open_warehouse(settings) as connection:
        load_inbox(connection, settings, datetime.now(UTC))
        events = known_events(connection)
        if not events:
            raise PqlError("There are no events yet", hint="Load some with `pql ingest FILE`")
        if allow_unseen_events:
            return
        check_events_occur(programs, events)
        warnings = check_properties_occur(
            programs,
            property_occurrences(connection, programs),
            lambda asked: property_names(connection, asked),
        )
    for warning in warnings:
        remarks.print(f"[yellow]{warning}[/]")
