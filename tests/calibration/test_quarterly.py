"""From a warehouse to an announced challenger, on a product whose truth was planted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, select

from benchmarks.worlds import make_world
from benchmarks.worlds_truth import END, draw_truth
from benchmarks.worlds_warehouse import deploy_template
from pql_platform.calibration.quarterly import POLICY, Outcome, calibrate
from pql_platform.calibration.versions_judged import judge_version
from pql_platform.calibration.watch import watch_drift
from pql_platform.errors import PqlError
from pql_platform.ledger.calibrated import programs_in_force
from pql_platform.ledger.engine import open_ledger
from pql_platform.ledger.tables import outbox
from pql_platform.ledger.versions import list_versions, live_version, promote
from pql_platform.qualify.calibrated_versions import versions_folder
from pql_platform.qualify.judging import judge_everybody, scores_follow
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.loading import load_inbox
from pql_platform.warehouse.rescoring import rescore

SEED = 7
STRONG = next(n for n in range(28) if draw_truth(n, SEED).kind == "strong")
TINY = next(n for n in range(28) if draw_truth(n, SEED).kind == "tiny")


def installation(home: Path, number: int) -> Settings:
    """A world in a warehouse of its own, scored and judged once."""
    settings = deploy_template(home)
    programs = home / "programs"
    programs.mkdir()
    (programs / "planted.yaml").write_bytes(settings.programs.read_bytes())
    settings = settings.model_copy(update={"programs": programs})
    world = make_world(draw_truth(number, SEED))
    pq.write_table(world.messages, settings.inbox / "world.parquet")
    with open_warehouse(settings) as connection:
        load_inbox(connection, settings, END)
        rescore(connection, END)
        engine = open_ledger(settings.ledger_url)
        # Long enough ago that a change may be made.
        judge_everybody(connection, engine, settings, END - timedelta(days=200))
        engine.dispose()
    return settings


@pytest.fixture(scope="module")
def strong(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return installation(tmp_path_factory.mktemp("strong") / "home", STRONG)


@pytest.fixture(scope="module")
def ledger(strong: Settings) -> Iterator[Engine]:
    engine = open_ledger(strong.ledger_url)
    yield engine
    engine.dispose()


def quarter(settings: Settings, engine: Engine, *, act: bool = True) -> Outcome:
    [outcome] = calibrate(settings, engine, None, by="test", reason="a quarter is over", act=act)
    return outcome


@pytest.fixture(scope="module")
def outcome(strong: Settings, ledger: Engine) -> Outcome:
    return quarter(strong, ledger)


def posted(engine: Engine) -> list[dict[str, object]]:
    with engine.connect() as conn:
        query = select(outbox.c.payload).where(outbox.c.kind == "proposal").order_by(outbox.c.id)
        return list(conn.execute(query).scalars())


def test_a_challenger_is_recorded_with_all_of_its_evidence_and_is_not_live(
    strong: Settings, ledger: Engine, outcome: Outcome
) -> None:
    version = outcome.version
    assert outcome.refused is None
    assert version is not None
    with ledger.connect() as conn:
        live = live_version(conn, outcome.program)
        assert version in list_versions(conn, outcome.program)
    assert live is not None
    assert live.version.id == outcome.champion == version.parent
    assert version.weights is not None
    assert version.points is not None
    assert sum(version.weights.values()) == sum(version.points.values()) == 100
    assert version.evidence is not None
    assert version.evidence["data"]["converters"] >= 30
    kept = json.loads((versions_folder(strong) / f"{version.id}.json").read_text("utf-8"))
    assert kept["id"] == version.id
    assert kept["definition"]["points"].keys() == version.points.keys()


def test_the_quarter_posts_one_message_with_the_figures_that_the_version_keeps(
    ledger: Engine, outcome: Outcome
) -> None:
    [message] = posted(ledger)
    assert message == outcome.announcement
    assert outcome.version is not None
    assert message["version"] == outcome.version.id
    assert message["action"] in {"ask", "keep"}
    evidence = outcome.version.evidence
    assert evidence is not None
    [auc] = [row for row in message["figures"] if "ROC" in row[0]]
    assert auc[2] == f"{evidence['backtest']['roc_auc']:.2f}"


def test_a_recorded_version_can_be_backtested_by_its_id(
    strong: Settings, ledger: Engine, outcome: Outcome
) -> None:
    assert outcome.version is not None
    judged = judge_version(strong, ledger, outcome.version.id, None, None)
    assert judged.version == outcome.version.id
    assert judged.backtest.n_converted >= 10
    assert {row.name for row in judged.backtest.baselines} >= {"active days", "default weights"}
    with pytest.raises(PqlError, match="There is no version planted-v99"):
        judge_version(strong, ledger, "planted-v99", None, None)


def test_only_a_version_that_was_calibrated_is_watched_for_drift(
    strong: Settings, ledger: Engine, outcome: Outcome
) -> None:
    assert outcome.version is not None
    assert watch_drift(strong, ledger, None) == {}

    def make_live(version: str, instead_of: str) -> None:
        with ledger.begin() as conn:
            promote(conn, outcome.program, version, "test", "to watch", instead_of, now=END)

    make_live(outcome.version.id, outcome.champion)
    [loaded] = programs_in_force(strong)
    assert loaded.program.max_points == outcome.version.points
    with open_warehouse(strong) as connection:
        assert not scores_follow(connection, strong)
    # What it compares with is not deployed: no verdict, rather than one on other scores.
    assert watch_drift(strong, ledger, None) is None
    make_live(outcome.champion, outcome.version.id)


def test_too_few_conversions_keep_the_champion_and_say_so(tmp_path: Path) -> None:
    settings = installation(tmp_path / "home", TINY)
    engine = open_ledger(settings.ledger_url)
    assert quarter(settings, engine, act=False).refused is not None
    assert posted(engine) == []  # by command nobody is told
    outcome = quarter(settings, engine)
    assert outcome.version is None
    assert outcome.refused is not None
    assert "convert" in str(outcome.refused)
    [message] = posted(engine)
    assert message["title"] == f"planted was not calibrated: {outcome.champion} stays live"
    assert message["reasons"] == [str(outcome.refused)]
    with engine.connect() as conn:
        live = live_version(conn, "planted")
    assert live is not None
    assert (live.version.id, live.promoted_by != POLICY) == (outcome.champion, True)
    assert live.version.points is None
    engine.dispose()


def test_a_program_that_is_not_there_is_refused_with_those_that_are(
    strong: Settings, ledger: Engine
) -> None:
    with pytest.raises(PqlError, match="There is no program plante"):
        calibrate(strong, ledger, None, by="x", reason="y", act=False, only="plante")
    assert Decimal(100) == sum(programs_in_force(strong)[0].program.max_points.values())
