"""Which program judges: the file, or the file with what the live version has calibrated."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import create_engine, inspect, make_url, text

from pql_platform.errors import PqlError
from pql_platform.ledger import migrate
from pql_platform.ledger.calibrated import calibrated, calibration_of, programs_in_force, under
from pql_platform.ledger.engine import open_ledger
from pql_platform.ledger.versions import ModelVersion, NewVersion, promote, record_version
from pql_platform.program.load import digest, load_program, load_programs
from pql_platform.settings import Settings
from pql_platform.warehouse.definition import definition_digest

BOARDS = Path(__file__).parents[2] / "programs" / "boards.yaml"
WEIGHTS = {
    "viral": Decimal(30),
    "usage_depth": Decimal("45.5"),
    "frequency": Decimal("24.5"),
    "feature_adoption": Decimal(0),
}
POINTS = {
    "boards_created": Decimal("45.25"),
    "integrations": Decimal("0.25"),
    "sessions": Decimal("24.5"),
    "limits": Decimal(0),
    "invites": Decimal(30),
}
PAIR = {"name": "pair", "all": {"boards_created": 3, "sessions": 2.5}, "points": 7.5}


@pytest.fixture
def installation(tmp_path: Path, empty_url: str) -> Settings:
    """A folder of two programs, and no ledger yet."""
    folder = tmp_path / "programs"
    folder.mkdir()
    boards = BOARDS.read_text(encoding="utf-8")
    (folder / "boards.yaml").write_text(boards, encoding="utf-8")
    other = boards.replace("program: boards", "program: docs")
    (folder / "docs.yaml").write_text(other, encoding="utf-8")
    changes = {"home": tmp_path, "programs": folder, "state_url": empty_url}
    return Settings().model_copy(update=changes)


@pytest.fixture
def calibrate(kit: Any) -> Callable[..., ModelVersion]:
    """Records a calibrated version of the boards program and makes it live."""

    def record(settings: Settings, **changes: Any) -> ModelVersion:
        program = load_program(BOARDS).program
        values: dict[str, Any] = {
            "program": "boards",
            "program_digest": "d",
            "enter_account": Decimal(60),
            "enter_user": Decimal(50),
            "leave_margin": Decimal(5),
            "created_at": kit.START,
            "created_by": "calibration",
            "reason": "quarter",
            "weights": WEIGHTS,
            "points": POINTS,
            "base_digest": definition_digest(program),
        }
        engine = open_ledger(settings.ledger_url)
        with engine.begin() as conn:
            version = record_version(conn, NewVersion(**{**values, **changes}))
            promote(conn, "boards", version.id, "ana", "why", None, now=kit.START)
        engine.dispose()
        return version

    return record


def test_without_a_ledger_the_files_count_and_none_is_made(installation: Settings) -> None:
    assert programs_in_force(installation) == load_programs(installation.programs)
    url = make_url(installation.ledger_url)
    if url.get_backend_name() == "sqlite":
        assert not Path(str(url.database)).exists()
    else:
        engine = create_engine(url)
        assert inspect(engine).get_table_names() == []
        engine.dispose()


def test_without_a_calibrated_version_the_files_count(
    installation: Settings, calibrate: Callable[..., ModelVersion]
) -> None:
    open_ledger(installation.ledger_url).dispose()
    assert programs_in_force(installation) == load_programs(installation.programs)
    calibrate(installation, weights=None, points=None, base_digest=None)
    assert programs_in_force(installation) == load_programs(installation.programs)


def test_what_the_live_version_has_calibrated_is_laid_over_its_program_alone(
    installation: Settings, calibrate: Callable[..., ModelVersion]
) -> None:
    calibrate(installation)
    boards, docs = programs_in_force(installation)
    file, other = load_programs(installation.programs)
    assert docs == other
    assert boards.program.weights == WEIGHTS
    assert boards.program.max_points == POINTS
    assert boards.program.compounds == file.program.compounds
    untouched = {"weights": file.program.weights, "points": file.program.points}
    assert boards.program.model_copy(update=untouched) == file.program
    assert (boards.path, boards.source, boards.warnings) == (
        file.path,
        file.source,
        file.warnings,
    )
    assert boards.digest == digest(boards.program) != file.digest


@pytest.mark.parametrize(("written", "names"), [([PAIR], ["pair"]), ([], [])])
def test_calibrated_compounds_take_the_place_of_those_of_the_file(
    installation: Settings, calibrate: Callable[..., ModelVersion], written: Any, names: list[str]
) -> None:
    calibrate(installation, compounds=written)
    boards, _ = programs_in_force(installation)
    assert [compound.name for compound in boards.program.compounds] == names
    if names:
        [pair] = boards.program.compounds
        assert (pair.all, pair.points) == (
            {"boards_created": Decimal(3), "sessions": Decimal("2.5")},
            Decimal("7.5"),
        )


@pytest.mark.parametrize(
    ("old", "new", "holds"),
    [
        ("owner: inside-sales", "owner: somebody", True),
        ("top_share: 0.12", "top_share: 0.1", True),
        ('"created {value} boards', '"made {value} boards', True),
        ("half_life_days: 7", "half_life_days: 6", False),
        ("usage_depth: 35, frequency: 25", "usage_depth: 25, frequency: 35", False),
        ("    window_days: 14\n    threshold: 3", "    window_days: 14\n    threshold: 4", False),
    ],
)
def test_a_calibration_holds_while_the_file_says_what_it_was_calibrated_on(
    installation: Settings, calibrate: Callable[..., ModelVersion], old: str, new: str, holds: bool
) -> None:
    calibrate(installation)
    file = installation.programs / "boards.yaml"
    original = file.read_text(encoding="utf-8")
    assert old in original
    file.write_text(original.replace(old, new, 1), encoding="utf-8")
    boards, _ = programs_in_force(installation)
    assert (boards.program.weights == WEIGHTS) is holds
    assert (boards == load_programs(installation.programs)[0]) is not holds
    file.write_text(original, encoding="utf-8")
    assert programs_in_force(installation)[0].program.weights == WEIGHTS


def test_a_ledger_of_an_older_release_is_looked_at_and_left_as_it_is(
    installation: Settings,
) -> None:
    old = create_engine(installation.ledger_url)
    with old.begin() as conn:
        config = migrate._config()
        config.attributes["connection"] = conn
        command.upgrade(config, "0002")
    assert programs_in_force(installation) == load_programs(installation.programs)
    with old.begin() as conn:
        assert conn.execute(text("SELECT version_num FROM ledger_version")).scalar() == "0002"
    old.dispose()


def test_a_ledger_that_cannot_be_read_is_said_and_not_passed_over(
    installation: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"this is not a database, and longer than a header of one" * 10)
    nowhere = "postgresql+psycopg://pql@127.0.0.1:1/nowhere"
    for url, why in ((f"sqlite:///{path}", "file is not a database"), (nowhere, "refused")):
        with pytest.raises(PqlError, match=why):
            programs_in_force(installation.model_copy(update={"state_url": url}))


def test_a_ledger_of_a_newer_release_is_said_and_not_passed_over(installation: Settings) -> None:
    open_ledger(installation.ledger_url).dispose()
    engine = create_engine(installation.ledger_url)
    with engine.begin() as conn:
        conn.execute(text("UPDATE ledger_version SET version_num = '0999'"))
    engine.dispose()
    with pytest.raises(PqlError, match="newer than this release"):
        programs_in_force(installation)


def test_a_refused_file_is_refused_whatever_is_calibrated(
    installation: Settings, calibrate: Callable[..., ModelVersion]
) -> None:
    calibrate(installation)
    file = installation.programs / "boards.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("half_life_days: 7", "half_life_days: no"), encoding="utf-8")
    with pytest.raises(PqlError, match="half_life_days"):
        programs_in_force(installation)


def test_a_calibration_that_makes_no_program_names_its_version(
    installation: Settings, calibrate: Callable[..., ModelVersion]
) -> None:
    calibrate(installation, compounds=[{**PAIR, "colour": "red"}])
    with pytest.raises(PqlError, match="calibration of boards-v1 cannot be used") as refused:
        programs_in_force(installation)
    assert refused.value.field == "compounds.0.colour"
    assert refused.value.hint


def test_versions_beside_the_programs_are_not_loaded_as_programs(
    installation: Settings,
) -> None:
    versions = installation.programs / "versions"
    versions.mkdir()
    (versions / "boards-v2.json").write_text("{}", encoding="utf-8")
    shutil.copy(BOARDS, versions / "boards.yaml")
    assert [loaded.name for loaded in load_programs(installation.programs)] == ["boards", "docs"]


def test_laying_a_calibration_over_is_the_same_however_often_it_is_done(
    installation: Settings, calibrate: Callable[..., ModelVersion]
) -> None:
    calibration = calibration_of(calibrate(installation))
    assert calibration is not None
    file = load_program(BOARDS).program
    once = under(file, calibration)
    assert calibrated(once, calibration) == once
    # Not by itself: the effective program is another state of the file.
    assert under(once, calibration) is once
    stale = replace(calibration, base_digest="other")
    assert under(file, stale) is file
