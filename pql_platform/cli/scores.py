"""`pql scores`: every user and account with its score, as known now or then."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from pql_platform.answers.scores import scores_of
from pql_platform.cli.output import AsJson, AsOf, iso, people, print_json, print_table
from pql_platform.resources import parse_instant
from pql_platform.settings import load_settings

SHOWN = 40


def scores(
    level: Annotated[
        Literal["account", "user"] | None, typer.Option(help="One level only.")
    ] = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show scores, best first."""
    answer = scores_of(load_settings(), level, parse_instant(as_of) if as_of else None)
    rows = answer.rows
    if as_json:
        print_json([{**row, "as_of": iso(row["as_of"])} for row in rows])
        return
    qualified = sum(row["qualified"] for row in rows)
    print_table(
        f"{len(rows):,} scored, {qualified:,} qualify; the best {min(SHOWN, len(rows))}; "
        f"judged by {', '.join(sorted({row['version'] for row in rows}))}",
        ("id", "level", "score", "threshold", "tier", "why not"),
        (
            (row["id"], row["level"], row["score"], row["threshold"], row["tier"], row["reason"])
            for row in rows[:SHOWN]
        ),
    )
    for note in answer.notes:
        people.print(note)
