"""docs/faults.md and the terminal: one table per pipeline, written by the run that measured it."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from faults.outcome import Outcome

PAGE = Path(__file__).parent.parent / "docs" / "faults.md"
COLUMNS = ("fault", "fired", "messages", "lost", "doubled", "given up, told", "detected", "")


def cells(outcome: Outcome) -> list[str]:
    """One row, in the order of `COLUMNS`."""
    found = outcome.comparison
    detected = "not judged" if outcome.detected is None else "none to detect"
    if outcome.detected is not None and outcome.detectable:
        detected = f"{outcome.detected} of {outcome.detectable}"
    notes = [outcome.note] if outcome.note else []
    if found.contradictions:
        notes.append(f"contradictions: {len(found.contradictions)}")
    if outcome.unfired:
        notes.append(f"never fired: {', '.join(outcome.unfired)}")
    counts = (outcome.fired, found.messages, len(found.lost), len(found.doubled))
    return [
        outcome.scenario,
        *map(str, counts),
        str(len(found.given_up)),
        detected,
        "; ".join(notes),
    ]


def show(title: str, outcomes: Sequence[Outcome]) -> None:
    """Print one pipeline's table."""
    table = Table(*COLUMNS, title=title)
    for outcome in outcomes:
        table.add_row(*cells(outcome), style=None if outcome.passed else "red")
    console = Console()
    # Wide enough for the last column where nobody's terminal says how wide.
    console = console if console.is_terminal else Console(width=160)
    console.print(table)


def publish(name: str, title: str, outcomes: Sequence[Outcome], command: str) -> None:
    """Put one pipeline's table into the page, in place of the one that is there.

    Args:
        name: Marks the section.
        title: Heading.
        outcomes: The rows.
        command: What measured them.

    Raises:
        ValueError: The page has no such section.
    """
    seconds = sum(outcome.seconds for outcome in outcomes)
    lines = [
        f"<!-- {name} -->",
        f"## {title}",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---|' * len(COLUMNS)}",
        *(f"| {' | '.join(cells(outcome))} |" for outcome in outcomes),
        f"| all | {' | '.join(_sums(outcomes))} | | |",
        "",
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, {seconds:.0f} s on {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, slack_sdk {version('slack_sdk')}.",
        f"<!-- /{name} -->",
    ]
    page = PAGE.read_text(encoding="utf-8")
    section = re.compile(f"<!-- {name} -->.*?<!-- /{name} -->", re.DOTALL)
    if not section.search(page):
        raise ValueError(f"{PAGE} has no section {name}")
    PAGE.write_text(section.sub(lambda _: "\n".join(lines), page), encoding="utf-8")


def _sums(outcomes: Sequence[Outcome]) -> list[str]:
    found = [outcome.comparison for outcome in outcomes]
    sums = (
        sum(outcome.fired for outcome in outcomes),
        sum(one.messages for one in found),
        sum(len(one.lost) for one in found),
        sum(len(one.doubled) for one in found),
        sum(len(one.given_up) for one in found),
    )
    return [str(one) for one in sums]
