"""Calibration of one planted world, by the platform's own functions, with the time of each step.

What it says is only written down here; whether that is the truth is asked in `worlds_goals`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from benchmarks.worlds import make_world
from benchmarks.worlds_outcome import Discovered, Fitted, Outcome
from benchmarks.worlds_truth import END, Truth
from benchmarks.worlds_vocabulary import CONVERSION
from benchmarks.worlds_warehouse import planted_program, warehouse_of
from pql_platform.calibration.backtest import Backtest, backtest
from pql_platform.calibration.discovery import Discovery, Finding, discover
from pql_platform.calibration.examples import Examples, collect_examples
from pql_platform.calibration.index_dates import SHORTEST_LOOKBACK
from pql_platform.calibration.points_table import PointsTable, fit_points
from pql_platform.calibration.scoring import score_examples
from pql_platform.calibration.thresholds import choose_threshold
from pql_platform.errors import PqlError
from pql_platform.program.schema import Program
from pql_platform.settings import Settings

SIGNALS = "signals."
"""How a refusal names the signal that gives the purchase away: `signals.NAME`."""


class Laps:
    """Seconds by step, and what was refused; a step that the platform refuses returns None."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.refusals: dict[str, str] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time the block; a refusal ends it and is written down."""
        started = time.perf_counter()
        try:
            yield
        except PqlError as error:
            self.refusals[name] = str(error)
        finally:
            spent = time.perf_counter() - started
            self.seconds[name] = self.seconds.get(name, 0.0) + spent


@dataclass(frozen=True)
class Calibrated:
    """What the steps of a calibration returned; None where they were refused.

    The program is that of the points: without the signal that was refused by name, if one was.
    """

    program: Program
    discovery: Discovery | None
    examples: Examples | None
    table: PointsTable | None
    tested: Backtest | None


def evaluate(truth: Truth, template: Settings, folder: Path) -> Outcome:
    """Let a world happen, calibrate it, and write down what came of it.

    Args:
        truth: What is true in it.
        template: What `deploy_template` returned.
        folder: For its files meanwhile.
    """
    laps = Laps()
    with laps.step("plant"):
        world = make_world(truth)
    started = time.perf_counter()
    with warehouse_of(world, template, folder) as connection:
        laps.seconds["load and score"] = time.perf_counter() - started
        program = planted_program()
        calibrated = calibrate(connection, program, END, laps)
        after_drift = None
        if truth.later_cause:
            with laps.step("after the drift"):
                later = collect_examples(connection, program, END, lookback_days=SHORTEST_LOOKBACK)
                after_drift = _points(fit_points(later, program))
    tested, table = calibrated.tested, calibrated.table
    return Outcome(
        truth=truth,
        messages=world.messages.num_rows,
        converters=int(world.accounts["converted_at"].notna().sum()),
        discovered=_discovered(calibrated.discovery) if calibrated.discovery else None,
        fitted=_fitted(table, tested) if table and tested else None,
        over_threshold=_over(calibrated) if tested else None,
        qualified=tested.pql_share if tested else None,
        after_drift=after_drift,
        refusals=laps.refusals,
        seconds=laps.seconds,
    )


def calibrate(
    connection: duckdb.DuckDBPyConnection, program: Program, as_of: datetime, laps: Laps
) -> Calibrated:
    """Discover, collect examples, fit points and judge them.

    Args:
        connection: A warehouse scored as of `as_of`.
        program: Its program; a signal that is refused by name is taken out, once, as one would.
        as_of: Aware instant.
        laps: Filled with the time of each step, and with what was refused.
    """
    discovery = examples = table = tested = None
    with laps.step("discover"):
        discovery = discover(connection, program, as_of)
    with laps.step("examples"):
        examples = collect_examples(connection, program, as_of)
    if examples is not None:
        with laps.step("points"):
            program, table = _fit(examples, program, laps)
    if examples is not None and table is not None:
        with laps.step("backtest"):
            tested = backtest(examples, program, table)
    return Calibrated(program, discovery, examples, table, tested)


def _fit(examples: Examples, program: Program, laps: Laps) -> tuple[Program, PointsTable]:
    """Fit points; if a signal is refused by name, without it."""
    try:
        return program, fit_points(examples, program)
    except PqlError as error:
        field = error.field or ""
        if not field.startswith(SIGNALS):
            raise
        laps.refusals[field] = str(error)
        kept = [s for s in program.signals if s.name != field.removeprefix(SIGNALS)]
        without = program.model_copy(update={"signals": tuple(kept)})
        return without, fit_points(examples, without)


def _over(calibrated: Calibrated) -> float:
    """Share of the scores, at the latest index date, that reach the threshold chosen on them."""
    assert calibrated.examples is not None
    assert calibrated.table is not None
    frame = calibrated.examples.frame
    latest = frame[frame["index_at"] == frame["index_at"].max()].reset_index(drop=True)
    scored = score_examples(latest, calibrated.program, calibrated.table.points)
    chosen = choose_threshold(scored.scores, scored.eligible, calibrated.program)
    return float((scored.scores >= float(chosen.enter)).mean())


def _discovered(discovery: Discovery) -> Discovered:
    behaviours = [finding for finding in discovery.findings if finding.event != CONVERSION]
    aha = discovery.aha
    return Discovered(
        aha=aha.event if aha else None,
        aha_at_least=aha.at_least if aha else None,
        verdicts={f.event: f.verdict for f in behaviours if f.property is None},
        behaviours=len(behaviours),
        signals=tuple(_named(f) for f in behaviours if f.verdict == "signal"),
    )


def _named(finding: Finding) -> str:
    split = f" [{finding.property}={finding.value}]" if finding.property else ""
    return f"{finding.event}{split}"


def _fitted(table: PointsTable, tested: Backtest) -> Fitted:
    return Fitted(
        points=_points(table),
        dropped=table.dropped,
        capture={row.name: row.capture_top15 or 0.0 for row in tested.baselines},
        roc_auc={row.name: row.roc_auc or 0.0 for row in tested.baselines},
        held_out=tested.n_converted,
    )


def _points(table: PointsTable) -> dict[str, float]:
    return {name: float(most) for name, most in table.points.items()}
