"""The suites as Dagster asset checks, and the breaker that a broken promise opens.

Thin: frames are drawn, judged and reported. The checks run in their own job, because Great
Expectations imports slowly; what must hold before every alert is checked on the alert path.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import dagster as dg

from assets.ingestion import WAREHOUSE_POOL
from expectations.account_frames import features_frames, scores_frames
from expectations.event_frames import events_frames
from expectations.frames import Frames
from expectations.handoff_frames import handoff_frames
from expectations.input_suites import EVENTS, FEATURES
from expectations.lead_suites import HANDOFFS, SCORES
from expectations.promises import Suite
from expectations.validation import PromiseResult, SuiteResult, validate
from pql_platform.ledger.breakers import close_breaker, open_breaker
from pql_platform.ledger.calibrated import programs_in_force
from pql_platform.ledger.engine import reading
from pql_platform.program.schema import Program
from pql_platform.resources import Ledger, ScoringPass, Warehouse
from pql_platform.settings import Settings

OPENED_BY = "expectations"
DATA_DOCS = "data_docs"
"""Folder of the Data Docs in PQL_HOME."""

_Draw = Callable[[Warehouse, Ledger, datetime], Frames]


def build_expectation_checks() -> list[dg.AssetChecksDefinition]:
    """Return one check per suite, attached to the suite's asset."""
    return [
        # The only one that needs the warehouse itself, one step at a time.
        _check(EVENTS, _draw_events, pool=WAREHOUSE_POOL),
        _check(FEATURES, _draw_features),
        _check(SCORES, _draw_scores),
        _check(HANDOFFS, _draw_handoffs),
    ]


def breaker_of(suite: Suite) -> str:
    """The name of the breaker that holds deliveries while the suite fails."""
    return f"suite:{suite.name}"


def _check(suite: Suite, draw: _Draw, pool: str | None = None) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=dg.AssetKey(list(suite.asset)),
        name=f"suite_{suite.name}",
        description=suite.about,
        pool=pool,
    )
    def holds(
        warehouse: Warehouse, ledger: Ledger, scoring_pass: ScoringPass
    ) -> dg.AssetCheckResult:
        now = scoring_pass.moment
        frames = draw(warehouse, ledger, now)
        if not frames:
            return dg.AssetCheckResult(passed=True, metadata={"found": "nothing to check yet"})
        result = validate(suite, frames, docs=warehouse.settings.home / DATA_DOCS, now=now)
        breaker = _set_breaker(result, ledger, now) if suite.is_guarding else "none"
        return dg.AssetCheckResult(
            passed=result.passed,
            severity=(
                dg.AssetCheckSeverity.ERROR
                if result.passed or result.holds_deliveries
                else dg.AssetCheckSeverity.WARN
            ),
            metadata={
                "promises": dg.MetadataValue.md(_table(result)),
                "broken": ", ".join(broken.promise.name for broken in result.broken) or "none",
                "breaker": breaker,
                "data_docs": dg.MetadataValue.path(result.page),
            },
        )

    return holds


def _draw_events(warehouse: Warehouse, ledger: Ledger, now: datetime) -> Frames:
    programs = _programs(warehouse.settings)
    if not warehouse.settings.warehouse.exists():
        return {}
    with warehouse.get_connection() as connection:
        return events_frames(connection, programs)


def _draw_features(warehouse: Warehouse, ledger: Ledger, now: datetime) -> Frames:
    if not warehouse.settings.serving.exists():
        return {}
    with warehouse.get_serving_connection() as connection:
        return features_frames(connection, _programs(warehouse.settings))


def _draw_scores(warehouse: Warehouse, ledger: Ledger, now: datetime) -> Frames:
    if not warehouse.settings.serving.exists():
        return {}
    with warehouse.get_serving_connection() as connection:
        return scores_frames(connection, _programs(warehouse.settings))


def _draw_handoffs(warehouse: Warehouse, ledger: Ledger, now: datetime) -> Frames:
    engine = ledger.engine()
    try:
        with reading(engine) as conn:
            return handoff_frames(conn, now)
    finally:
        engine.dispose()


def _programs(settings: Settings) -> list[Program]:
    return [loaded.program for loaded in programs_in_force(settings)]


def _set_breaker(result: SuiteResult, ledger: Ledger, now: datetime) -> str:
    """Open or close the suite's breaker; say which. An override of a person stays as it is."""
    name = breaker_of(result.suite)
    engine = ledger.engine()
    try:
        with engine.begin() as conn:
            if result.holds_deliveries:
                opened = open_breaker(conn, name, _reason(result), OPENED_BY, now)
                return "opened" if opened else "open"
            return "closed now" if close_breaker(conn, name) else "closed"
    finally:
        engine.dispose()


def _reason(result: SuiteResult) -> str:
    """The broken sentences with what was found instead, for whoever has to decide."""
    return " ".join(
        f"Broken: {broken.promise.sentence} Found: {broken.observed}."
        for broken in result.broken
        if broken.promise.holds_deliveries
    )


def _table(result: SuiteResult) -> str:
    rows = [_row(promise) for promise in result.promises]
    return "\n".join(["| | Promise | Found | Examples |", "|---|---|---|---|", *rows])


def _row(result: PromiseResult) -> str:
    mark = "**broken**" if not result.holds else "holds" if result.judged else ""
    cells = (mark, result.promise.sentence, result.observed, ", ".join(result.examples))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
