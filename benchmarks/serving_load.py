"""The two benchmarks on a filled installation: a rebuild beside live passes, and sustained load."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks import platform_line
from benchmarks.contention import measure_contention
from benchmarks.dataset import DAYS, accounts_for, write_dataset, write_micro_batch
from benchmarks.report import publish
from benchmarks.sustained import sustain
from pql_platform.settings import Settings

EVENTS = 1_000_000


def contention(work: Path, seed: int) -> None:
    """Live passes alone and beside a rebuild; publish the table."""
    settings = _filled(work / "contention", seed)

    def put_batch(number: int, at: datetime) -> list[Path]:
        accounts = accounts_for(EVENTS)
        return [write_micro_batch(settings.inbox, 1000, 50, at, seed, number, accounts=accounts)]

    found = measure_contention(settings, put_batch)
    rows = [
        [
            name,
            f"{len(seconds)}",
            *(f"{value:.2f}" for value in np.percentile(seconds, [50, 95, 100])),
        ]
        for name, seconds in (("alone", found.alone), ("beside a rebuild", found.contended))
    ]
    publish(
        "contention",
        "Live passes beside a rebuild",
        ("", "batches", "p50 s", "p95 s", "slowest s"),
        rows,
        f"{EVENTS:,} events. The rebuild takes {found.rebuild_alone:.1f} s alone and "
        f"{found.rebuild_contended:.1f} s beside them. Lost: {found.lost}; accounts that differ "
        f"from a rebuild afterwards: {found.differing}.",
    )


def sustained(work: Path, seed: int, minutes: float, rate: int = 1000) -> None:
    """Events arriving for minutes while Dagster serves; publish the table."""
    settings = _filled(work / "sustained", seed)
    accounts = accounts_for(EVENTS)
    found = sustain(
        settings,
        rate=rate,
        minutes=minutes,
        accounts=accounts,
        seed=seed,
        # A crowd of ten times as many takes turns: a twentieth of all, as a product would have.
        touched=accounts // 200,
    )
    publish(
        "sustained",
        "Event written to score readable",
        ("p50 s", "p95 s", "p99 s", "events", "lost", "backlog, files", "memory, MB"),
        [
            [
                *(f"{value:.1f}" for value in (found.p50, found.p95, found.p99)),
                f"{found.events:,}",
                f"{found.lost}",
                f"{found.backlog[0]:.1f} to {found.backlog[1]:.1f}",
                f"{found.memory[0]:,.0f} to {found.memory[1]:,.0f}",
            ]
        ],
        f"{rate:,} events a second for {minutes:g} minutes over {EVENTS:,} events, with the "
        "Dagster daemon. Backlog and memory are the means of the first and the last third.",
    )


def _filled(place: Path, seed: int) -> Settings:
    now = datetime.now(UTC)
    write_dataset(place / "files", EVENTS, accounts_for(EVENTS), DAYS, seed, now)
    platform_line.fill(place / "files", now, place / "home", None)
    return platform_line.settings_of(place / "home")
