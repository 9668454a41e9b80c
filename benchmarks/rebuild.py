"""A full rebuild against a hand-written floor, Polars and dbt, on the same files, in one run."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from benchmarks import platform_line
from benchmarks.dataset import DAYS, accounts_for, write_dataset
from benchmarks.dbt_line import run_dbt
from benchmarks.floor import floor
from benchmarks.measured import Measured, measured
from benchmarks.polars_line import score_with_polars
from benchmarks.report import publish
from benchmarks.scores import differences, read_scores

COLUMNS = ("", "seconds", "µs per event", "to the floor", "peak memory", "scores")


def run(work: Path, sizes: list[int], as_of: datetime, seed: int, memory_limit: str) -> None:
    """Measure every size and publish the table.

    Args:
        work: Folder for files and databases; what is there already is used again.
        sizes: Events of each data set, ascending. Polars and dbt run on the first only.
        as_of: End of every history and clock of every rebuild.
        seed: Of the data.
        memory_limit: What DuckDB may use, such as 8GB.
    """
    rows: list[list[str]] = []
    for size in sizes:
        rows += _one_size(work, size, as_of, seed, memory_limit, beside=size == sizes[0])
    publish(
        "rebuild",
        "Full rebuild",
        COLUMNS,
        rows,
        "From Parquet files in the inbox to the scores of every user and account. The floor is a "
        "hand-written DuckDB script that only removes duplicates, rolls up days and scores, on the "
        "same files; Polars and dbt compute the same. *Rebuild* is what the nightly pass does: all "
        "models and audits through SQLMesh, from the stored messages. *Load* stores each message "
        "once, for ever; *put in order* happens once per quarter of growth. Scores are compared "
        "row by row with those of the floor.",
    )


def _one_size(
    work: Path, size: int, as_of: datetime, seed: int, memory_limit: str, *, beside: bool
) -> list[list[str]]:
    folder, home = work / f"files-{size}", work / f"home-{size}"
    if not folder.exists():
        write_dataset(folder, size, accounts_for(size), DAYS, seed, as_of)
    database = work / f"floor-{size}.duckdb"
    database.unlink(missing_ok=True)
    lowest = measured(floor, folder, as_of, database)
    base = sum(lowest.result.values())
    expected = read_scores(database)
    ours = measured(platform_line.fill, folder, as_of, home, memory_limit)
    wrong = differences(expected, platform_line.scores(home))
    verdict = "equal" if not wrong else f"{len(wrong)} differ"

    def row(name: str, seconds: float, peak: float, said: str) -> list[str]:
        return [
            f"{name}, {size / 1e6:g} M events",
            f"{seconds:.1f}",
            f"{seconds / size * 1e6:.2f}",
            f"{seconds / base:.2f}",
            f"{peak / 1000:.1f} GB",
            said,
        ]

    rows = [
        row("floor", base, lowest.peak_mb, "reference"),
        row("rebuild", ours.result["rebuild"], ours.peak_mb, verdict),
        row("load", ours.result["load"], ours.peak_mb, ""),
        row("put in order", ours.result["put in order"], ours.peak_mb, ""),
    ]
    return rows + (_beside(row, folder, work, as_of, expected) if beside else [])


def _beside(row, folder: Path, work: Path, as_of: datetime, expected) -> list[list[str]]:  # type: ignore[no-untyped-def]
    polars: Measured = measured(score_with_polars, folder, as_of)
    found = differences(expected, polars.result)
    database = work / "dbt.duckdb"
    database.unlink(missing_ok=True)
    dbt: Measured = measured(run_dbt, folder, as_of, database)
    also = differences(expected, read_scores(database))
    return [
        row("Polars", polars.seconds, polars.peak_mb, _verdict(found)),
        row("dbt-duckdb", dbt.result, dbt.peak_mb, _verdict(also)),
    ]


def _verdict(found: list) -> str:  # type: ignore[type-arg]
    return f"{len(found)} differ" if found else "equal"
