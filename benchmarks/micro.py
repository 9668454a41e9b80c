"""Micro-batches over histories of several sizes: cost follows what is touched, not history."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd

from benchmarks import platform_line
from benchmarks.dataset import DAYS, accounts_for, write_dataset
from benchmarks.measured import measured
from benchmarks.report import PAGE, publish

TOUCHED = (50, 200, 500, 1000)
EVENTS_PER_TOUCHED = 20
STANDARD = 500
"""Accounts touched by the batch of ten thousand events that the goals are about."""


def run(
    work: Path, sizes: list[int], as_of: datetime, seed: int, batches: int, memory_limit: str
) -> None:
    """Time batches of several widths over each history; publish table and drawing."""
    rows, points = [], []
    base = None
    for size in sizes:
        home, accounts = work / f"home-{size}", accounts_for(size)
        folder = work / f"files-{size}"
        if not folder.exists():
            write_dataset(folder, size, accounts, DAYS, seed, as_of)
        if not (home / "warehouse.duckdb").exists():
            measured(platform_line.fill, folder, as_of, home, memory_limit)
        first = 0
        for touched in (wide for wide in TOUCHED if wide <= accounts // 2):
            taken = measured(
                platform_line.micro_batches,
                home,
                as_of,
                accounts=accounts,
                touched=touched,
                events=EVENTS_PER_TOUCHED * touched,
                batches=batches,
                first=first,
                seed=seed,
            )
            first += batches + platform_line.WARM_UP
            p50, p95 = np.percentile([batch.seconds for batch in taken.result], [50, 95])
            after = np.median([batch.checkpoint for batch in taken.result])
            points.append({"history": f"{size / 1e6:g} M events", "touched": touched, "s": p50})
            ratio = ""
            if touched == STANDARD:
                base = base or p95
                ratio = f"{p95 / base:.2f}"
            rows.append(
                [
                    f"{size / 1e6:g} M",
                    f"{touched:,}",
                    f"{EVENTS_PER_TOUCHED * touched:,}",
                    f"{p50:.2f}",
                    f"{p95:.2f}",
                    ratio,
                    f"{after:.2f}",
                    f"{taken.peak_mb / 1000:.1f} GB",
                ]
            )
    _draw(pd.DataFrame(points))
    publish(
        "micro",
        "Micro-batches",
        (
            "history",
            "accounts touched",
            "events",
            "p50 s",
            "p95 s",
            "to the smallest",
            "checkpoint s",
            "memory",
        ),
        rows,
        f"From a complete file in the inbox to the stored scores of the accounts it touches, "
        f"{batches} batches each: opening the warehouse, loading, rescoring, closing. The "
        "checkpoint comes after, when the next step closes the file. "
        "\n\n![Seconds by accounts touched, one line per history](images/micro-batches.svg)",
    )


def _draw(points: pd.DataFrame) -> None:
    chart = (
        alt.Chart(points, width=520, height=280)
        .mark_line(point=True)
        .encode(
            x=alt.X("touched:Q", title="accounts touched"),
            y=alt.Y("s:Q", title="seconds, median", scale=alt.Scale(zero=True)),
            color=alt.Color("history:N", title="history"),
        )
    )
    chart.save(PAGE.parent / "images" / "micro-batches.svg")
