"""What commands print: tables for people, JSON for machines, errors in one line.

Progress and remarks go to standard error, so that standard output is the answer and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

people = Console()
remarks = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        help="As it was known at this ISO-8601 instant, which is the clock of all it does.",
        metavar="T",
    ),
]


def print_json(answer: Any) -> None:
    """Print one JSON document; instants as ISO-8601 with Z, points as numbers."""
    typer.echo(json.dumps(answer, default=_plain, indent=2, allow_nan=False))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table; numbers to the right, nothing as a dash."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*["-" if value is None else _shown(value) for value in row])
    people.print(table)


def iso(moment: datetime) -> str:
    """An instant as ISO-8601 UTC; a naive one is UTC already."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        # Quarter points are exact in binary, so the JSON number is the score itself.
        return float(value)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
