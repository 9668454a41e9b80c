"""The suites as Dagster runs them: the job, what a check reports, and the breaker it moves."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from sqlalchemy import Engine

from expectations.checks import build_expectation_checks
from expectations.suites import SUITES
from pql_platform.ledger.breakers import holding, open_breakers, override
from pql_platform.ledger.engine import open_ledger
from pql_platform.resources import Ledger, ScoringPass, Warehouse
from pql_platform.settings import Settings

NOW = datetime(2026, 9, 30, 12, tzinfo=UTC)

# Dagster 1.13 still asks pydantic for it.
pytestmark = pytest.mark.filterwarnings(
    "ignore:The `__fields__` attribute is deprecated:DeprecationWarning"
)

Evaluations = dict[str, dg.AssetCheckEvaluation]
Run = Callable[..., Evaluations]


@pytest.fixture
def run() -> Iterator[Run]:
    """Runs the job `expectations`, or some suites of it, on an instance of its own."""
    checks = build_expectation_checks()
    with dg.DagsterInstance.ephemeral() as instance:

        def execute(*suites: str) -> Evaluations:
            wanted = {f"suite_{suite}" for suite in suites or SUITES}
            chosen = [check for check in checks if wanted & {key.name for key in check.check_keys}]
            definitions = dg.Definitions(
                assets=[dg.AssetSpec(list(suite.asset)) for suite in SUITES.values()],
                asset_checks=checks,
                jobs=[
                    dg.define_asset_job("expectations", selection=dg.AssetSelection.checks(*chosen))
                ],
                resources={
                    "warehouse": Warehouse(),
                    "ledger": Ledger(),
                    "scoring_pass": ScoringPass(as_of=NOW.isoformat()),
                },
            )
            result = definitions.resolve_job_def("expectations").execute_in_process(
                instance=instance
            )
            assert result.success
            return {
                evaluation.check_name: evaluation
                for evaluation in result.get_asset_check_evaluations()
            }

        yield execute


@pytest.fixture
def engine(home: Settings) -> Iterator[Engine]:
    engine = open_ledger(home.ledger_url)
    yield engine
    engine.dispose()


def change(file: Path, statement: str) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.execute(statement)


def text_of(evaluation: dg.AssetCheckEvaluation, name: str) -> str:
    return str(evaluation.metadata[name].value)


def test_a_healthy_installation_passes_and_shows_every_promise(
    installed: Settings, engine: Engine, run: Run
) -> None:
    found = run()

    assert {name: check.passed for name, check in found.items()} == {
        "suite_events": True,
        "suite_features": True,
        "suite_scores": True,
        "suite_handoffs": True,
    }
    for suite in ("events", "features", "scores"):
        table = text_of(found[f"suite_{suite}"], "promises")
        assert all(promise.sentence in table for promise in SUITES[suite].promises)
        page = Path(text_of(found[f"suite_{suite}"], "data_docs"))
        assert page == installed.home / "data_docs" / f"{suite}.html"
        assert SUITES[suite].promises[0].sentence in page.read_text(encoding="utf-8")
    assert text_of(found["suite_handoffs"], "found") == "nothing to check yet"
    with engine.connect() as conn:
        assert open_breakers(conn) == []


def test_a_new_installation_has_nothing_to_check(home: Settings, run: Run) -> None:
    found = run()

    assert all(check.passed for check in found.values())
    assert {text_of(check, "found") for check in found.values()} == {"nothing to check yet"}
    assert not home.warehouse.exists()


def test_a_broken_promise_opens_the_breaker_and_a_kept_one_closes_it(
    installed: Settings, engine: Engine, run: Run
) -> None:
    change(installed.serving, "UPDATE scores.composites SET score = 10")

    found = run("scores")["suite_scores"]

    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.ERROR
    assert text_of(found, "broken") == "scores_tell_subjects_apart, judged_by_the_score_shown"
    assert text_of(found, "breaker") == "opened"
    with engine.connect() as conn:
        (breaker,) = holding(conn, NOW)
    assert (breaker.name, breaker.opened_by, breaker.opened_at) == (
        "suite:scores",
        "expectations",
        NOW,
    )
    assert "more than five different scores. Found: 1." in breaker.reason

    change(
        installed.serving,
        "UPDATE scores.composites SET score = tiers.score FROM pql.tiers"
        " WHERE tiers.subject_id = composites.subject_id",
    )

    found = run("scores")["suite_scores"]

    assert found.passed
    assert text_of(found, "breaker") == "closed now"
    with engine.connect() as conn:
        assert open_breakers(conn) == []


def test_an_override_outlives_a_suite_that_fails_again(
    installed: Settings, engine: Engine, run: Run
) -> None:
    change(installed.serving, "UPDATE scores.composites SET score = 10")
    run("scores")
    with engine.begin() as conn:
        override(
            conn, "suite:scores", "ann", "known, mended tomorrow", NOW + timedelta(days=1), now=NOW
        )

    found = run("scores")["suite_scores"]

    assert text_of(found, "breaker") == "open"
    with engine.connect() as conn:
        assert holding(conn, NOW) == []


def test_a_promise_that_holds_nobody_up_warns_and_opens_no_breaker(
    installed: Settings, engine: Engine, run: Run
) -> None:
    change(installed.serving, "DELETE FROM features.signals WHERE signal = 'invites'")

    found = run("features")["suite_features"]

    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert text_of(found, "broken") == "every_signal_is_shown_by_somebody, every_signal_is_fed"
    assert "boards / invites: 0" in text_of(found, "promises")
    assert "boards / invites" in text_of(found, "promises")
    with engine.connect() as conn:
        assert open_breakers(conn) == []


def test_events_that_vanished_after_loads_fail(
    installed: Settings, engine: Engine, run: Run
) -> None:
    change(installed.warehouse, "DELETE FROM raw.events")

    found = run("events")["suite_events"]

    assert not found.passed
    assert text_of(found, "broken") == "events_are_there"
    with engine.connect() as conn:
        assert [breaker.name for breaker in holding(conn, NOW)] == ["suite:events"]


def test_each_check_belongs_to_the_asset_it_judges_and_blocks_nothing() -> None:
    specs = {spec.key: spec for check in build_expectation_checks() for spec in check.check_specs}

    assert {key.name: key.asset_key.to_user_string() for key in specs} == {
        "suite_events": "raw/events",
        "suite_features": "features/signals",
        "suite_scores": "scores/composites",
        "suite_handoffs": "ledger/handoffs",
    }
    assert not any(spec.blocking for spec in specs.values())


def test_loading_the_definitions_imports_no_great_expectations() -> None:
    code = (
        "import sys, expectations.checks as checks; checks.build_expectation_checks();"
        "sys.exit('great_expectations' in sys.modules)"
    )

    finished = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2])

    assert finished.returncode == 0
