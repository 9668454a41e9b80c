"""docs/benchmarks.md: one section per benchmark, each written by the run that measured it."""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def publish(
    name: str, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], says: str
) -> None:
    """Print a table and put it into the page, in place of the section of the same name.

    Args:
        name: Name of the benchmark, as `--only` takes it.
        title: Heading.
        columns: Headings of the columns.
        rows: Cells.
        says: What was measured and what follows, one paragraph.
    """
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*row)
    console = Console()
    console.print(table)
    console.print(says, soft_wrap=True)
    lines = [
        f"<!-- {name} -->",
        f"## {title}",
        "",
        says,
        "",
        f"| {' | '.join(columns)} |",
        f"|{'---|' * len(columns)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        f'`make bench ARGS="--only {name}"`, {datetime.now(UTC):%Y-%m-%d}, {_machine()}.',
        f"<!-- /{name} -->",
    ]
    section = "\n".join(lines)
    page = PAGE.read_text(encoding="utf-8")
    existing = re.compile(f"<!-- {name} -->.*?<!-- /{name} -->", re.DOTALL)
    if existing.search(page):
        page = existing.sub(lambda _: section, page)
    else:
        page = f"{page.rstrip()}\n\n{section}\n"
    PAGE.write_text(page, encoding="utf-8")


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{psutil.cpu_count()} cores, {memory:.0f} GB, Python {platform.python_version()}, "
        f"DuckDB {version('duckdb')}, SQLMesh {version('sqlmesh')}"
    )
