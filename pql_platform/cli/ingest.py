"""`pql ingest`: files of product events into the inbox and the warehouse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TaskID, TimeElapsedColumn

from pql_platform.cli.output import AsJson, people, print_json, remarks
from pql_platform.intake.files import take_in
from pql_platform.settings import load_settings
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.loading import counts_of, load_inbox, mark_unscored, quarantine_reasons


def ingest(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files or folders.")],
    source: Annotated[
        str, typer.Option(help="What wrote the files: segment.", metavar="SOURCE")
    ] = "segment",
    as_json: AsJson = False,
) -> None:
    """Take files of events in: good lines to the warehouse, bad ones to quarantine."""
    settings = load_settings()
    settings.prepare_home()
    now = datetime.now(UTC)
    with Progress(
        SpinnerColumn(),
        "{task.description}",
        "{task.completed:,} records",
        TimeElapsedColumn(),
        console=remarks,
        transient=True,
        # Where nobody watches it would leave an empty line behind.
        disable=not remarks.is_terminal,
    ) as progress:
        names: list[str] = []
        for path in paths:
            task = progress.add_task(f"Reading {path.name}", total=None)
            taken = take_in(
                path, settings.inbox, source=source, now=now, progress=_teller(progress, task)
            )
            names += [file.name for file in taken.files]
            progress.update(task, completed=taken.accepted)
        task = progress.add_task("Loading", total=None)
        with open_warehouse(settings) as connection:
            load_inbox(connection, settings, now)
            counts = counts_of(connection, names)
            reasons = quarantine_reasons(connection, names)
        if counts.stored:
            mark_unscored(settings)
    answer = {
        "accepted": counts.accepted,
        "stored": counts.stored,
        "duplicates": counts.duplicates,
        "quarantined": counts.quarantined,
    }
    if as_json:
        print_json(answer)
        return
    people.print(
        f"{counts.accepted:,} records accepted: {counts.stored:,} stored, "
        f"{counts.duplicates:,} duplicates, {counts.quarantined:,} quarantined."
    )
    if counts.quarantined:
        for reason, number in reasons:
            people.print(f"  {number:,} x {reason}")
    people.print("Next: `pql run`; while `pql dev` serves, a pass starts by itself.")


def _teller(progress: Progress, task: TaskID) -> Callable[[int], None]:
    return lambda done: progress.update(task, completed=done)
