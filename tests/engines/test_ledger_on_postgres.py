"""The ledger on Postgres: versions, promotions and crossings by a model, as on SQLite."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine, inspect, text

from pql_platform.errors import PqlError
from pql_platform.ledger import migrate
from pql_platform.ledger.calibrated import programs_in_force
from pql_platform.ledger.digests import write_digest
from pql_platform.ledger.engine import REVISIONS, open_ledger, reading
from pql_platform.ledger.handoffs import NewHandoff, list_handoffs, open_handoff
from pql_platform.ledger.judged_passes import judge_of_last_pass, note_judge
from pql_platform.ledger.tables import metadata
from pql_platform.ledger.versions import NewVersion, list_versions, promote, record_version
from pql_platform.program.load import load_program, load_programs, program_text
from pql_platform.qualify.calibrated_versions import record_calibrated
from pql_platform.qualify.promotion import promote_version, roll_back
from pql_platform.qualify.versions import version_digest
from pql_platform.settings import Settings

pytestmark = pytest.mark.engines

BOARDS = Path(__file__).parents[2] / "programs" / "boards.yaml"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
POINTS = {"boards_created": Decimal("30.25"), "integrations": Decimal("4.75")}


@pytest.fixture
def installation(postgres_url: Callable[..., str], tmp_path: Path) -> Settings:
    """A program, and an empty database that is to be its ledger."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "boards.yaml").write_text(BOARDS.read_text(encoding="utf-8"), encoding="utf-8")
    url = postgres_url().replace("postgresql://", "postgresql+psycopg://")
    return Settings().model_copy(update={"home": tmp_path, "programs": folder, "state_url": url})


def test_a_look_at_an_empty_database_makes_nothing(installation: Settings) -> None:
    assert programs_in_force(installation) == load_programs(installation.programs)
    engine = create_engine(installation.ledger_url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()


def test_a_ledger_of_the_release_before_is_upgraded_with_its_rows(installation: Settings) -> None:
    old = create_engine(installation.ledger_url)
    with old.begin() as conn:
        config = migrate._config()
        config.attributes["connection"] = conn
        command.upgrade(config, "0002")
        conn.execute(
            text(
                "INSERT INTO model_versions (id, program, number, program_digest, leave_margin,"
                " created_at, created_by, reason)"
                " VALUES ('boards-v1', 'boards', 1, 'd', 20, now(), 'deploy', 'first')"
            )
        )
    assert programs_in_force(installation) == load_programs(installation.programs)
    engine = open_ledger(installation.ledger_url)
    with reading(engine) as conn:
        assert (
            conn.execute(text("SELECT version_num FROM ledger_version")).scalar() == (REVISIONS[-1])
        )
        [version] = list_versions(conn)
    assert (version.id, version.points, version.evidence) == ("boards-v1", None, None)
    found = inspect(engine)
    assert {table.name for table in metadata.sorted_tables} <= set(found.get_table_names())
    for table in metadata.sorted_tables:
        assert {column["name"] for column in found.get_columns(table.name)} == {
            column.name for column in table.columns
        }
    engine.dispose()
    old.dispose()


def test_a_calibrated_version_is_promoted_laid_over_its_file_and_taken_back(
    installation: Settings,
) -> None:
    program = load_program(BOARDS).program
    engine = open_ledger(installation.ledger_url)
    with engine.begin() as conn:
        first = record_version(
            conn,
            NewVersion(
                program="boards",
                program_digest=version_digest(program),
                enter_account=Decimal(60),
                enter_user=Decimal(50),
                leave_margin=Decimal(5),
                created_at=NOW,
                created_by="first run",
                reason="no version yet",
                program_text=program_text(program),
            ),
        )
        promote(conn, "boards", first.id, "first run", "no version yet", None, now=NOW)
        made = record_calibrated(
            conn,
            program,
            weights=program.weights,
            points=POINTS,
            compounds=[{"name": "pair", "all": {"invites": 1, "sessions": 2.5}, "points": 5}],
            enter_account=Decimal("55.25"),
            enter_user=Decimal(50),
            population=400,
            qualified_share=Decimal("0.125000"),
            evidence={"backtest": {"roc_auc": 0.81}, "note": "ä"},
            data_from=NOW,
            data_to=NOW,
            created_at=NOW,
            created_by="calibration",
            reason="quarter",
        )
        assert list_versions(conn)[-1] == made
    promoted = promote_version(installation, made.id, by="ana", why="backtest", now=NOW)
    assert promoted.previous == first
    [loaded] = programs_in_force(installation)
    assert loaded.program.max_points["boards_created"] == Decimal("30.25")
    assert [compound.name for compound in loaded.program.compounds] == ["pair"]
    with pytest.raises(PqlError, match="boards-v1 was not promoted: boards-v2 is live"):
        promote_version(installation, first.id, by="bo", why="x", now=NOW, expected="boards-v1")
    assert roll_back(installation, None, by="bo", why="worse", now=NOW).version == first
    assert programs_in_force(installation) == load_programs(installation.programs)
    _cross_by_model(engine)
    engine.dispose()


def _cross_by_model(engine) -> None:
    crossing = NewHandoff(
        program="boards",
        motion="new_business",
        level="account",
        subject_id="acme",
        account_id="acme",
        tier=1,
        episode=1,
        score=Decimal("62.25"),
        threshold=Decimal("55.25"),
        version_id="boards-v2",
        paying=False,
        crossed_at=NOW,
        opened_at=NOW,
        owner="ae.emea",
        due_at=None,
        story={},
        suppressed_because="the new version boards-v2 alone",
        caused_by="model",
    )
    for written in (True, False):
        with engine.begin() as conn:
            open_handoff(conn, crossing, [])
            assert write_digest(conn, "boards", "boards-v2", {"leads": ["acme"]}, NOW) is written
            note_judge(conn, "boards", "boards-v2")
    with reading(engine) as conn:
        assert judge_of_last_pass(conn, "boards") == "boards-v2"
        [handoff] = list_handoffs(conn, "boards")
    assert (handoff.state, handoff.caused_by) == ("SUPPRESSED", "model")
