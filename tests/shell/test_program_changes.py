"""An edited program file becomes a full pass without anybody asking; a broken one, a call."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import select

from pql_platform.definitions import build_defs
from pql_platform.errors import PqlError
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.ledger.tables import outbox
from pql_platform.program.load import load_programs
from pql_platform.qualify.calibrated_versions import record_calibrated
from pql_platform.qualify.promotion import promote_version, roll_back
from pql_platform.run_errors import reasons
from pql_platform.settings import Settings, load_settings
from sensors.programs import DEFINITION

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def edit(today: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replaces a piece of the program file of the company."""
    path = tmp_path / "boards.yaml"
    original = today.programs.read_text(encoding="utf-8")
    path.write_text(original, encoding="utf-8")
    monkeypatch.setenv("PQL_PROGRAMS", str(path))

    def replace(old: str, new: str) -> None:
        assert old in original
        path.write_text(original.replace(old, new), encoding="utf-8")

    return replace


def request_of(data: Any) -> dg.RunRequest:
    [request] = data.run_requests
    assert isinstance(request, dg.RunRequest)
    return request


def record(instance: dg.DagsterInstance, request: dg.RunRequest, status: Any) -> None:
    """What the daemon leaves behind when it has launched the run."""
    run = instance.create_run_for_job(
        dg.Definitions(jobs=[dg.GraphDefinition(name="full_pass").to_job()]).resolve_job_def(
            "full_pass"
        ),
        tags=dict(request.tags),
        status=status,
    )
    assert instance.get_run_by_id(run.run_id) is not None


def calls_to_duty(settings: Settings) -> list[dict[str, Any]]:
    engine = open_ledger(settings.ledger_url)
    with reading(engine) as conn:
        rows = conn.execute(select(outbox.c.payload).where(outbox.c.kind == "oncall")).all()
    engine.dispose()
    return [dict(row.payload) for row in rows]


def test_while_the_files_say_what_is_deployed_nothing_is_asked_for(
    edit: Callable[..., None], tick: Any
) -> None:
    assert "is deployed" in tick("program_changes").skip_message
    edit("owners: {process: growth@", "owners: {process: somebody.else@")
    assert "is deployed" in tick("program_changes").skip_message


def test_an_owner_in_no_team_file_is_told_to_the_people_on_call(
    edit: Callable[..., None], tick: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings()
    team = tmp_path / "team.yaml"
    team.write_text((REPOSITORY / "team.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setenv("PQL_TEAM", str(team))
    assert "is deployed" in tick("program_changes").skip_message
    assert calls_to_duty(settings) == []
    edit("owner: inside-sales", "owner: insight-sales")
    # Who gets a lead is not part of what is computed, so passes go on.
    for _ in range(2):
        assert "is deployed" in tick("program_changes").skip_message
    [told] = calls_to_duty(settings)
    assert "`insight-sales` is not in the team file. Did you mean `inside-sales`?" in told["body"]
    assert "routing[" in told["body"]


def test_an_edited_program_is_asked_for_once_until_it_is_deployed(
    edit: Callable[..., None], tick: Any, instance: dg.DagsterInstance
) -> None:
    edit("half_life_days: 7", "half_life_days: 3")
    request = request_of(tick("program_changes"))
    digest = request.tags[DEFINITION]
    assert request.run_key is not None
    assert request.run_key.startswith(f"definition-{digest}-")
    record(instance, request, dg.DagsterRunStatus.STARTED)
    assert "is under way" in tick("program_changes").skip_message


def test_a_promoted_version_is_asked_for_like_an_edited_program(
    edit: Callable[..., None], tick: Any, today: Settings
) -> None:
    settings = load_settings()
    [file] = load_programs(settings.programs)
    now = datetime.now(UTC)
    engine = open_ledger(settings.ledger_url)
    with engine.begin() as conn:
        version = record_calibrated(
            conn,
            file.program,
            weights=file.program.weights,
            points={"boards_created": Decimal(30), "integrations": Decimal(5)},
            enter_account=Decimal(60),
            enter_user=Decimal(60),
            population=100,
            qualified_share=Decimal("0.1"),
            evidence={},
            data_from=now,
            data_to=now,
            created_at=now,
            created_by="calibration",
            reason="quarter",
        )
    engine.dispose()
    assert "is deployed" in tick("program_changes").skip_message
    promote_version(settings, version.id, by="ana", why="backtest", now=now)
    assert DEFINITION in request_of(tick("program_changes")).tags
    roll_back(settings, None, by="ana", why="worse", now=now)
    assert "is deployed" in tick("program_changes").skip_message


def test_a_pass_that_failed_is_not_asked_for_again_at_once_but_later(
    edit: Callable[..., None], tick: Any, instance: dg.DagsterInstance, clock: Any
) -> None:
    edit("half_life_days: 7", "half_life_days: 3")
    record(instance, request_of(tick("program_changes")), dg.DagsterRunStatus.FAILURE)
    assert "ended as FAILURE" in tick("program_changes").skip_message
    clock.move_to(datetime.now(UTC) + timedelta(hours=2))
    assert tick("program_changes").run_requests


def test_a_file_changed_there_and_back_is_asked_for_each_time(
    edit: Callable[..., None], tick: Any, instance: dg.DagsterInstance
) -> None:
    digests = []
    for days in (3, 4, 3):
        edit("half_life_days: 7", f"half_life_days: {days}")
        request = request_of(tick("program_changes"))
        digests.append(request.tags[DEFINITION])
        record(instance, request, dg.DagsterRunStatus.SUCCESS)
    assert digests[0] == digests[2] != digests[1]


def test_a_broken_program_is_told_once_and_seen_when_it_is_mended(
    edit: Callable[..., None], tick: Any, today: Settings
) -> None:
    before = len(calls_to_duty(today))
    edit("half_life_days: 7", "half_life_days: a week")
    for _ in range(3):
        skipped = tick("program_changes")
        assert not skipped.run_requests
        assert skipped.skip_message.startswith("REFUSED: ")
        assert "boards.yaml" in skipped.skip_message
        assert "half_life_days" in skipped.skip_message
    [*_, call] = calls_to_duty(today)
    assert len(calls_to_duty(today)) == before + 1
    assert call["title"] == "a program file is refused"
    assert "half_life_days" in call["body"]
    assert call["severity"] == "critical"

    edit("half_life_days: 7", "half_life_days: 3")
    assert tick("program_changes").run_requests
    edit("half_life_days: 7", "half_life_days: some time")
    tick("program_changes")
    assert len(calls_to_duty(today)) == before + 2


def test_while_a_program_is_refused_people_are_told_and_nothing_is_computed(
    edit: Callable[..., None], tick: Any, today: Settings, instance: dg.DagsterInstance
) -> None:
    edit("half_life_days: 7", "half_life_days: a week")
    tick("program_changes")
    definitions = build_defs(settings=load_settings())
    assert definitions.resolve_job_def("delivery").execute_in_process(instance=instance).success
    written = {path: path.read_text(encoding="utf-8") for path in today.alerts.glob("*.json")}
    [told] = [text for text in written.values() if "a program file is refused" in text]
    assert json.loads(told)["channel"] == "pql-oncall"
    run = definitions.resolve_job_def("live_pass").execute_in_process(
        instance=instance, raise_on_error=False
    )
    assert not run.success
    [reason] = reasons(run.all_events)
    assert "half_life_days" in reason


def test_a_program_that_was_never_accepted_loads_nothing(
    new_home: Settings, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("program: broken\n", encoding="utf-8")
    with pytest.raises(PqlError, match=r"broken\.yaml"):
        build_defs(settings=new_home.model_copy(update={"programs": broken}))


def test_a_new_installation_waits_for_its_first_pass(new_home: Settings, tick: Any) -> None:
    assert load_settings() == new_home
    assert "Nothing was computed yet" in tick("program_changes").skip_message
