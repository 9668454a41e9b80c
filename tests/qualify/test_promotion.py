"""A version is put in force by a decision, refused when it could not last, and taken back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from pql_platform.errors import PqlError
from pql_platform.ledger.engine import open_ledger
from pql_platform.ledger.versions import (
    ModelVersion,
    NewVersion,
    list_promotions,
    list_versions,
    live_version,
    promote,
    record_version,
)
from pql_platform.program.load import load_programs, program_text
from pql_platform.program.schema import Program
from pql_platform.qualify.calibrated_versions import program_with, record_calibrated
from pql_platform.qualify.kept_programs import program_of_version
from pql_platform.qualify.promotion import promote_version, roll_back
from pql_platform.qualify.versions import version_digest
from pql_platform.settings import Settings
from pql_platform.warehouse.definition import definition_digest

REPOSITORY = Path(__file__).parents[2]
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
WEIGHTS = {
    "usage_depth": Decimal(40),
    "frequency": Decimal(20),
    "feature_adoption": Decimal(25),
    "viral": Decimal(15),
}
POINTS = {
    "boards_created": Decimal("30.5"),
    "integrations": Decimal("9.5"),
    "sessions": Decimal(20),
    "limits": Decimal(25),
    "invites": Decimal(15),
}


@dataclass(frozen=True)
class Installation:
    """A program file, and a ledger in which its first version is live."""

    settings: Settings
    engine: Engine

    @property
    def program(self) -> Program:
        [loaded] = load_programs(self.settings.programs)
        return loaded.program

    def edit(self, old: str, new: str) -> None:
        path = self.settings.programs / "boards.yaml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def record(self, **changes: Any) -> ModelVersion:
        """A calibrated version of the file as it is."""
        values: dict[str, Any] = {
            "weights": WEIGHTS,
            "points": POINTS,
            "enter_account": Decimal(55),
            "enter_user": Decimal(50),
            "population": 400,
            "qualified_share": Decimal("0.12"),
            "evidence": {"backtest": {"roc_auc": 0.81, "gained": 4}},
            "data_from": NOW - timedelta(days=90),
            "data_to": NOW,
            "created_at": NOW,
            "created_by": "calibration",
            "reason": "first quarter",
        }
        with self.engine.begin() as conn:
            return record_calibrated(conn, self.program, **{**values, **changes})

    def promote(self, version_id: str, **options: Any) -> Any:
        return promote_version(
            self.settings, version_id, by="ana", why="backtest", now=NOW, **options
        )

    def roll_back(self, program: str | None = None) -> Any:
        return roll_back(self.settings, program, by="bo", why="worse", now=NOW)

    @property
    def live(self) -> str | None:
        with self.engine.connect() as conn:
            live = live_version(conn, "boards")
        return live.version.id if live else None


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Installation]:
    folder = tmp_path / "programs"
    folder.mkdir()
    shutil.copy(REPOSITORY / "programs" / "boards.yaml", folder)
    settings = Settings().model_copy(update={"home": tmp_path, "programs": folder})
    engine = open_ledger(settings.ledger_url)
    installation = Installation(settings, engine)
    with engine.begin() as conn:
        version = record_version(conn, of_the_file(installation.program))
        promote(conn, "boards", version.id, "first run", "no version yet", None, now=NOW)
    yield installation
    engine.dispose()


def of_the_file(program: Program, /, **changes: Any) -> NewVersion:
    values: dict[str, Any] = {
        "program": program.program,
        "program_digest": version_digest(program),
        "enter_account": Decimal(60),
        "enter_user": Decimal(50),
        "leave_margin": Decimal(5),
        "created_at": NOW,
        "created_by": "deploy",
        "reason": "the program file has changed",
        "program_text": program_text(program),
    }
    return NewVersion(**{**values, **changes})


def test_a_calibrated_version_keeps_the_program_it_makes_and_the_file_it_is_good_for(
    here: Installation,
) -> None:
    version = here.record()
    assert (version.id, version.parent, here.live) == ("boards-v2", "boards-v1", "boards-v1")
    kept = program_of_version(version)
    assert kept is not None
    assert (kept.weights, kept.max_points) == (WEIGHTS, POINTS)
    assert kept == program_with(here.program, WEIGHTS, POINTS)
    assert version.program_digest == version_digest(kept)
    assert version.base_digest == definition_digest(here.program) != definition_digest(kept)
    with here.engine.connect() as conn:
        assert list_versions(conn)[-1] == version


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"points": {**POINTS, "sessions": Decimal(19)}}, "frequency add up to 19, not to its"),
        ({"points": {**POINTS, "zebra": Decimal(0)}}, "`zebra` is no signal"),
        ({"weights": {**WEIGHTS, "viral": Decimal(14)}}, "weights add up to 99, not 100"),
        ({"points": {**POINTS, "invites": Decimal("14.9")}}, "multiple of 0.25"),
        ({"points": {**POINTS, "invites": Decimal(-15)}}, "greater than or equal to 0"),
        (
            {"compounds": [{"name": "pair", "all": {"zebra": 1, "sessions": 1}, "points": 5}]},
            "`zebra` is no signal",
        ),
    ],
)
def test_weights_and_points_that_make_no_program_are_not_recorded(
    here: Installation, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(PqlError, match=message) as refused:
        here.record(**changes)
    assert refused.value.hint
    with here.engine.connect() as conn:
        assert [version.id for version in list_versions(conn)] == ["boards-v1"]


def test_a_promotion_says_what_it_replaced_and_is_kept_with_who_and_why(
    here: Installation,
) -> None:
    here.record()
    promoted = here.promote("boards-v2")
    assert (promoted.version.id, promoted.previous.id) == ("boards-v2", "boards-v1")
    assert here.live == "boards-v2"
    with here.engine.connect() as conn:
        last = list_promotions(conn, "boards")[-1]
    assert (last.version_id, last.promoted_by, last.why, last.since) == (
        "boards-v2",
        "ana",
        "backtest",
        NOW,
    )


@pytest.mark.parametrize(
    ("version", "message", "hint"),
    [
        ("boards-v22", "There is no version boards-v22", "`boards-v2`"),
        ("v9", "There is no version v9", "boards-v1, boards-v2"),
        ("boards-v1", "boards-v1 is live already, since 2026-03-02 09:00", "pql versions"),
    ],
)
def test_what_is_not_there_or_live_already_is_refused(
    here: Installation, version: str, message: str, hint: str
) -> None:
    here.record()
    with pytest.raises(PqlError, match=message) as refused:
        here.promote(version)
    assert hint in refused.value.hint
    assert here.live == "boards-v1"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("half_life_days: 7", "half_life_days: 6"),
        ("top_share: 0.12", "top_share: 0.1"),
        ("frequency: 25, feature_adoption: 25", "frequency: 20, feature_adoption: 30"),
    ],
)
@pytest.mark.parametrize("is_calibrated", [True, False])
def test_a_version_of_another_state_of_the_file_is_refused_until_the_file_is_put_back(
    here: Installation, old: str, new: str, is_calibrated: bool
) -> None:
    if is_calibrated:
        here.record()
    else:
        with here.engine.begin() as conn:
            record_version(conn, of_the_file(here.program, enter_account=Decimal(70)))
    here.edit(old, new)
    with pytest.raises(PqlError, match=r"another state of boards\.yaml") as refused:
        here.promote("boards-v2")
    assert "Put the file back" in refused.value.hint
    assert here.live == "boards-v1"
    here.edit(new, old)
    assert here.promote("boards-v2").version.id == "boards-v2"


def test_a_changed_wording_keeps_nobody_from_promoting(here: Installation) -> None:
    here.record()
    here.edit("owner: inside-sales", "owner: somebody-else")
    assert here.promote("boards-v2").version.id == "boards-v2"


def test_a_version_whose_program_file_is_gone_is_refused(here: Installation) -> None:
    here.record()
    here.edit("program: boards", "program: docs")
    with pytest.raises(PqlError, match="No program file is called boards"):
        here.promote("boards-v2")


def test_a_promotion_without_a_person_or_a_reason_is_refused(here: Installation) -> None:
    here.record()
    with pytest.raises(PqlError, match="needs who and why"):
        promote_version(here.settings, "boards-v2", by=" ", why="x", now=NOW)
    assert here.live == "boards-v1"


def test_a_rollback_goes_back_to_what_judged_before_and_done_twice_is_undone(
    here: Installation,
) -> None:
    here.record()
    here.promote("boards-v2")
    back = here.roll_back()
    assert (back.version.id, back.previous.id, here.live) == (
        "boards-v1",
        "boards-v2",
        "boards-v1",
    )
    assert here.roll_back("boards").version.id == "boards-v2"


def test_a_rollback_passes_over_versions_that_judge_as_the_live_one_does(
    here: Installation,
) -> None:
    version = here.record()
    here.promote(version.id)
    with here.engine.begin() as conn:
        same = {name: getattr(version, name) for name in NewVersion.__dataclass_fields__}
        reworded = record_version(conn, NewVersion(**{**same, "reason": "reworded"}))
        promote(conn, "boards", reworded.id, "deploy", "reworded", version.id, now=NOW)
    assert here.roll_back().version.id == "boards-v1"


def test_a_rollback_without_anything_before_or_to_another_file_is_refused(
    here: Installation,
) -> None:
    with pytest.raises(PqlError, match="judged otherwise before boards-v1"):
        here.roll_back()
    with pytest.raises(PqlError, match="No version of bords is live") as refused:
        here.roll_back("bords")
    assert "`boards`" in refused.value.hint
    here.edit("half_life_days: 7", "half_life_days: 6")
    with here.engine.begin() as conn:
        own = record_version(conn, of_the_file(here.program))
        promote(conn, "boards", own.id, "deploy", "changed", "boards-v1", now=NOW)
    with pytest.raises(PqlError, match=r"boards-v1 was made for another state of boards\.yaml"):
        here.roll_back()
    assert here.live == "boards-v2"


def test_of_several_programs_the_one_to_roll_back_must_be_named(here: Installation) -> None:
    with here.engine.begin() as conn:
        docs = record_version(conn, of_the_file(here.program, program="docs"))
        promote(conn, "docs", docs.id, "first run", "none yet", None, now=NOW)
    with pytest.raises(PqlError, match="several programs") as refused:
        here.roll_back()
    assert "boards, docs" in refused.value.hint


def test_of_two_decisions_against_the_same_live_version_one_wins(here: Installation) -> None:
    first, second = here.record(), here.record(reason="another one")
    here.promote(first.id, expected="boards-v1")
    with pytest.raises(PqlError, match="boards-v3 was not promoted: boards-v2 is live, not boards"):
        here.promote(second.id, expected="boards-v1")
    assert here.live == first.id


RECALIBRATE = """
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from pql_platform.errors import PqlError
from pql_platform.ledger.engine import open_ledger
from pql_platform.ledger.versions import live_version
from pql_platform.program.load import load_programs
from pql_platform.qualify.calibrated_versions import record_calibrated
from pql_platform.qualify.promotion import promote_in

url, programs, now = sys.argv[1], Path(sys.argv[2]), datetime.fromisoformat(sys.argv[3])
files = load_programs(programs)
program = files[0].program
engine = open_ledger(url)
print("ready", flush=True)
sys.stdin.readline()
with engine.begin() as conn:
    version = record_calibrated(
        conn, program, weights=program.weights, points=program.max_points,
        enter_account=Decimal(50), enter_user=Decimal(50), population=1,
        qualified_share=Decimal(0), evidence={}, data_from=now, data_to=now, created_at=now,
        created_by="calibration", reason="quarter",
    )
try:
    with engine.begin() as conn:
        promote_in(conn, files, version.id, by="auto", why="better", now=now, expected="boards-v1")
except PqlError as error:
    print("lost", version.id, error.message)
else:
    print("won", version.id)
"""


def test_of_two_recalibrations_at_once_in_two_processes_one_wins(here: Installation) -> None:
    arguments = [here.settings.ledger_url, str(here.settings.programs), NOW.isoformat()]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", RECALIBRATE, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    said = [process.communicate("go\n")[0].split() for process in running]
    assert sorted(answer[0] for answer in said) == ["lost", "won"]
    [winner] = [answer[1] for answer in said if answer[0] == "won"]
    assert here.live == winner
    with here.engine.connect() as conn:
        assert len(list_versions(conn)) == 3
        assert len(list_promotions(conn, "boards")) == 2


def test_calibrated_versions_are_kept_as_files_beside_the_programs_once_and_for_all(
    here: Installation,
) -> None:
    version = here.record()
    other = here.record(reason="not promoted")
    assert here.promote(version.id).warning is None
    folder = here.settings.programs / "versions"
    assert {path.name for path in folder.iterdir()} == {"boards-v2.json", "boards-v3.json"}
    path = folder / f"{version.id}.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    assert (content["id"], content["program"], content["parent"]) == (
        "boards-v2",
        "boards",
        "boards-v1",
    )
    assert content["points"]["boards_created"] == 30.5
    assert content["evidence"] == {"backtest": {"roc_auc": 0.81, "gained": 4}}
    assert content["data_to"] == NOW.isoformat()
    assert Program.model_validate(content["definition"]) == program_of_version(version)
    before = path.read_bytes()
    here.promote(other.id)
    here.roll_back()
    assert path.read_bytes() == before
    assert len(load_programs(here.settings.programs)) == 1


def test_a_single_program_file_has_its_versions_in_the_folder_around_it(
    here: Installation,
) -> None:
    file = here.settings.programs / "boards.yaml"
    settings = here.settings.model_copy(update={"programs": file})
    version = here.record()
    promote_version(settings, version.id, by="ana", why="backtest", now=NOW)
    assert (here.settings.programs / "versions" / "boards-v2.json").exists()


def test_a_folder_that_cannot_be_written_is_a_warning_and_the_version_is_live(
    here: Installation,
) -> None:
    version = here.record()
    # A file in the place of the folder: root, too, cannot write into it.
    (here.settings.programs / "versions").write_text("", encoding="utf-8")
    promoted = here.promote(version.id)
    assert "were not written" in promoted.warning
    assert "the ledger has them" in promoted.warning
    assert here.live == version.id


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_a_warning(here: Installation) -> None:
    version = here.record()
    here.settings.programs.chmod(0o500)
    try:
        assert "were not written" in here.promote(version.id).warning
    finally:
        here.settings.programs.chmod(0o700)
    assert here.live == version.id


def test_a_promotion_that_is_lost_leaves_nothing(here: Installation) -> None:
    version = here.record()
    with pytest.raises(PqlError, match="was not promoted"):
        here.promote(version.id, expected="boards-v7")
    assert here.live == "boards-v1"
    assert not (here.settings.programs / "versions").exists()
