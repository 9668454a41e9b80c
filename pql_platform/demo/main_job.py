"""The demo's batch: half a year of history, yesterday's state silently, today's crossings aloud.

The same steps that a user takes by hand (`pql ingest`, `pql run --mode backfill`, `pql run`), with
the simulator in place of a product.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pql_platform.demo.simulator import HistorySummary, write_history
from pql_platform.errors import PqlError
from pql_platform.intake.files import take_in
from pql_platform.passes import run_job
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.loading import LoadCounts, load_inbox

PROGRAM = Path(__file__).parents[2] / "programs" / "boards.yaml"
MARKER = "demo.json"
SILENT_UNTIL = timedelta(days=1)
"""Crossings older than this are history that somebody has long been told of."""


@dataclass(frozen=True)
class Batch:
    """What the demo's batch made."""

    history: HistorySummary
    loaded: LoadCounts
    handoffs: int


def claim_home(settings: Settings) -> Settings:
    """Empty the home of an earlier demo, and return settings that use the demo's program.

    Raises:
        PqlError: The home holds data that is not a demo's.
    """
    settings.prepare_home()
    marker = settings.home / MARKER
    if marker.exists():
        shutil.rmtree(settings.home)
        settings.prepare_home()
    elif settings.warehouse.exists():
        raise PqlError(
            f"{settings.home} holds data of its own, which the demo would mix with its own",
            field="PQL_HOME",
            hint="Set PQL_HOME to another folder for the demo",
        )
    marker.write_text(json.dumps({"program": PROGRAM.name}), encoding="utf-8")
    return settings.model_copy(update={"programs": PROGRAM})


def run_batch(
    settings: Settings,
    *,
    accounts: int,
    days: int,
    seed: int,
    now: datetime,
    step: Callable[[str], None],
) -> Batch:
    """Simulate, take in, load, and go over the accounts twice: as of yesterday, and now.

    Args:
        settings: From `claim_home`.
        accounts: Accounts of the simulated product.
        days: Days of history before `now`.
        seed: Makes the history repeatable.
        now: Aware instant, the end of the history.
        step: Called with a sentence as each step begins.
    """
    path = settings.home / "demo" / "events.ndjson"
    path.parent.mkdir(exist_ok=True)
    step(f"Simulating {accounts:,} accounts over {days} days")
    history = write_history(path, accounts=accounts, days=days, seed=seed, end=now)
    step(f"Taking in {history.lines:,} lines of events")
    take_in(path, settings.inbox, now=now)
    path.unlink()
    step("Loading the inbox into the warehouse")
    with open_warehouse(settings) as connection:
        loaded = load_inbox(connection, settings, now)
    step("Scoring everything as of yesterday, without telling anybody")
    run_job(settings, "full_pass", as_of=now - SILENT_UNTIL, mode="backfill")
    step("Scoring as of now, and handing over who crossed since")
    result = run_job(settings, "live_pass", as_of=now, rebuild=False)
    return Batch(history, loaded, int(result.metadata["ledger/handoffs"]["opened"]))
