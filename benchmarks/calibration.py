"""`python -m benchmarks.calibration`: whether calibration finds the truth where the truth is known.

    python -m benchmarks.calibration --worlds 200
    python -m benchmarks.calibration --worlds 14    # each kind at least once
    python -m benchmarks.calibration --large        # how long it takes on 10 M events

Plants worlds (`worlds`), calibrates each (`worlds_evaluation`), and prints the figures beside the
goals (`worlds_goals`). It measures: a missed goal is printed, and is no error.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.calibration_speed import ACCOUNTS, EVENTS, draw_no_bars, measure_large
from benchmarks.worlds_evaluation import evaluate
from benchmarks.worlds_goals import Goal, judge
from benchmarks.worlds_outcome import Outcome
from benchmarks.worlds_truth import CYCLE, Truth, draw_truth
from benchmarks.worlds_warehouse import deploy_template, planted_program

WORLDS, SEED, PROCESSES = 200, 12, 2


def main() -> None:
    """Calibrate planted worlds, or a large data set, and print what came of it."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.calibration",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--worlds", type=int, default=WORLDS, help=f"{len(CYCLE)} hold each kind")
    parser.add_argument("--seed", type=int, default=SEED, help="another one plants other worlds")
    parser.add_argument("--processes", type=int, default=PROCESSES, help="worlds at a time")
    parser.add_argument("--only", type=int, nargs="+", help="numbers of worlds, to look closer")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument(
        "--large", action="store_true", help=f"time one calibration of {EVENTS:,} events instead"
    )
    parser.add_argument("--events", type=int, default=EVENTS, help="of --large")
    parser.add_argument("--accounts", type=int, default=ACCOUNTS, help="of --large")
    arguments = parser.parse_args()
    if arguments.large:
        _large(arguments)
    else:
        _worlds(arguments)


def _worlds(arguments: argparse.Namespace) -> None:
    numbers = arguments.only or range(arguments.worlds)
    truths = [draw_truth(number, arguments.seed) for number in numbers]
    started = time.perf_counter()
    outcomes = calibrate_all(truths, arguments.processes)
    goals = judge(outcomes, float(planted_program().threshold.top_share))
    seconds = time.perf_counter() - started
    if arguments.json:
        json.dump(_written(outcomes, goals, seconds), sys.stdout, indent=1, default=str)
        return
    console = Console()
    console.print(goals_table(goals, outcomes, seconds))
    missed = [goal.title for goal in goals if goal.met is False]
    console.print(f"Missed: {'; '.join(missed)}." if missed else "No goal is missed.")


def calibrate_all(truths: Sequence[Truth], processes: int) -> tuple[Outcome, ...]:
    """Plant and calibrate worlds, several at a time.

    Args:
        truths: What is true in each.
        processes: How many at a time, each on one thread.

    Returns:
        What became of each, in the order of `truths`.
    """
    # Read by the libraries when they start: more threads than cores make all of them slower.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    with tempfile.TemporaryDirectory() as folder:
        template = deploy_template(Path(folder) / "template")
        spawned = multiprocessing.get_context("spawn")
        with (
            ProcessPoolExecutor(processes, spawned, initializer=draw_no_bars) as pool,
            _progress() as progress,
        ):
            task = progress.add_task("Worlds calibrated", total=len(truths))
            waiting = [pool.submit(evaluate, truth, template, Path(folder)) for truth in truths]
            try:
                for done in as_completed(waiting):
                    done.result()
                    progress.advance(task)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            return tuple(done.result() for done in waiting)


def goals_table(goals: Sequence[Goal], outcomes: Sequence[Outcome], seconds: float) -> Table:
    """The figures beside what was wanted of them."""
    busy = sum(sum(outcome.seconds.values()) for outcome in outcomes) / max(len(outcomes), 1)
    table = Table(
        title=f"Calibration on {len(outcomes)} planted worlds",
        caption=f"{seconds / 60:.1f} minutes, {busy:.1f} s per world: {_laps(outcomes)}.",
    )
    table.add_column("figure")
    table.add_column("wanted", no_wrap=True)
    table.add_column("found", no_wrap=True)
    table.add_column("worlds", justify="right")
    table.add_column("")
    table.add_column("exceptions")
    for goal in goals:
        said = {True: "met", False: "missed", None: ""}[goal.met]
        exceptions = " ".join(str(number) for number in goal.exceptions)
        table.add_row(
            goal.title, goal.wanted, goal.found, str(goal.worlds), said, exceptions if said else ""
        )
    return table


def _laps(outcomes: Sequence[Outcome]) -> str:
    steps = dict.fromkeys(step for outcome in outcomes for step in outcome.seconds)
    means = {
        step: sum(outcome.seconds.get(step, 0.0) for outcome in outcomes) / len(outcomes)
        for step in steps
    }
    return ", ".join(f"{step} {mean:.1f}" for step, mean in means.items())


def _written(outcomes: Sequence[Outcome], goals: Sequence[Goal], seconds: float) -> dict[str, Any]:
    return {
        "seconds": round(seconds, 1),
        "goals": [asdict(goal) for goal in goals],
        "worlds": [asdict(outcome) for outcome in outcomes],
    }


def _large(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = measure_large(Path(folder), arguments.events, arguments.accounts, arguments.seed)
    laps, together = found.result, sum(found.result.seconds.values())
    if arguments.json:
        written = {"seconds": laps.seconds, "refusals": laps.refusals, "peak_mb": found.peak_mb}
        json.dump(written, sys.stdout, indent=1)
        return
    table = Table("step", "seconds", "refused", title=f"Calibration, {arguments.events:,} events")
    for step, seconds in laps.seconds.items():
        table.add_row(step, f"{seconds:.1f}", laps.refusals.get(step, ""))
    table.add_row("together", f"{together:.1f}", "wanted: under 120 s and 4 GB")
    console = Console()
    console.print(table)
    console.print(f"Peak memory {found.peak_mb / 1000:.1f} GB.")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


if __name__ == "__main__":
    main()
