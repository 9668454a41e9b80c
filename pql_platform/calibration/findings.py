"""What discovery finds for every program, as a page for those who only look.

For the asset; `pql discover` has a table of its own, and machines read its JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pql_platform.calibration.discovery import Discovery, Finding, discover
from pql_platform.errors import PqlError
from pql_platform.ledger.calibrated import programs_in_force
from pql_platform.settings import Settings
from pql_platform.warehouse.copies import open_copy
from pql_platform.warehouse.rescoring import as_known_at, live_schemas, read_clock

MOST_ROWS = 40


def discover_all(settings: Settings, as_of: datetime | None) -> dict[str, str]:
    """Discover for every program; a program that refuses says why in place of its table.

    Args:
        settings: The installation.
        as_of: Aware instant that is the clock; None means that of the last pass.

    Returns:
        Markdown by program.

    Raises:
        PqlError: Nothing was computed yet.
    """
    pages = {}
    with open_copy(settings) as connection:
        clock = read_clock(connection)
        for loaded in programs_in_force(settings):
            try:
                if as_of is None or as_of == clock:
                    found = discover(connection, loaded.program, clock)
                else:
                    with as_known_at(connection, as_of), live_schemas(connection):
                        found = discover(connection, loaded.program, as_of)
            except PqlError as error:
                pages[loaded.name] = f"Nothing to compare: {error}"
            else:
                pages[loaded.name] = page_of(found)
    return pages


def page_of(found: Discovery) -> str:
    """The findings about whole events, best first, as Markdown."""
    rows = [finding for finding in found.findings if finding.property is None][:MOST_ROWS]
    columns: dict[str, Callable[[Finding], str]] = {
        "event": lambda one: one.event,
        "verdict": lambda one: one.verdict,
        "converted": lambda one: f"{one.converted_share:.0%}",
        "others": lambda one: f"{one.other_share:.0%}",
        "times as often": lambda one: f"{one.lift:.1f} ({one.lift_low:.1f} to {one.lift_high:.1f})",
        "why": lambda one: one.reason,
    }
    return "\n".join(
        [
            f"{found.n_converted:,} accounts that converted against {found.n_other:,} others.",
            "",
            f"| {' | '.join(columns)} |",
            f"|{'---|' * len(columns)}",
            *(f"| {' | '.join(_cell(show(row)) for show in columns.values())} |" for row in rows),
            "",
            *found.warnings,
        ]
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
