"""A calibrated version put in force: scores, tiers and hand-offs follow, and no rep is flooded."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from pql_platform.errors import PqlError
from pql_platform.ledger.calibrated import programs_in_force
from pql_platform.ledger.conservation import conservation
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.ledger.handoffs import Handoff, list_handoffs
from pql_platform.ledger.tables import outbox
from pql_platform.ledger.versions import ModelVersion, list_versions, live_version
from pql_platform.passes import run_job
from pql_platform.program.load import load_programs, program_text
from pql_platform.qualify.calibrated_versions import record_calibrated
from pql_platform.qualify.judging import judge_everybody, judge_of, scores_follow
from pql_platform.qualify.promotion import promote_version, roll_back
from pql_platform.settings import Settings, load_settings
from pql_platform.warehouse.connection import open_serving, open_warehouse
from pql_platform.warehouse.environments import plan_challenger
from pql_platform.warehouse.rescoring import read_clock

pytestmark = pytest.mark.usefixtures("runs_in_memory")

WEIGHTS = {
    "usage_depth": Decimal(45),
    "frequency": Decimal(15),
    "feature_adoption": Decimal(25),
    "viral": Decimal(15),
}
POINTS = {
    "boards_created": Decimal("30.25"),
    "integrations": Decimal("14.75"),
    "sessions": Decimal(15),
    "limits": Decimal(25),
    "invites": Decimal(15),
}


@pytest.fixture
def company_home(today: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The company with a folder of programs of its own."""
    folder = tmp_path / "programs"
    folder.mkdir()
    shutil.copy(today.programs, folder / "boards.yaml")
    monkeypatch.setenv("PQL_PROGRAMS", str(folder))
    return load_settings()


def live_pass() -> dict[str, dict[str, Any]]:
    return run_job(load_settings(), "live_pass", rebuild=False).metadata


def calibrate(settings: Settings, **changes: Any) -> ModelVersion:
    """Record a calibrated version of the program file as it is; the live thresholds by default."""
    [file] = load_programs(settings.programs)
    engine = open_ledger(settings.ledger_url)
    with engine.begin() as conn:
        live = live_version(conn, "boards")
        assert live is not None
        values: dict[str, Any] = {
            "weights": dict(file.program.weights),
            "points": file.program.max_points,
            "enter_account": live.version.enter_account,
            "enter_user": live.version.enter_user,
            "population": 100,
            "qualified_share": Decimal("0.1"),
            "evidence": {"backtest": {"roc_auc": 0.9}},
            "data_from": datetime(2026, 1, 1, tzinfo=UTC),
            "data_to": datetime(2026, 3, 1, tzinfo=UTC),
            "created_at": datetime.now(UTC),
            "created_by": "calibration",
            "reason": "quarter",
        }
        made = record_calibrated(conn, file.program, **{**values, **changes})
    engine.dispose()
    return made


def promote(settings: Settings, version: ModelVersion) -> None:
    promote_version(settings, version.id, by="ana", why="backtest", now=datetime.now(UTC))


def published(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with open_serving(settings) as connection:
        return connection.execute(query).fetchall()


def scores(settings: Settings) -> dict[tuple[str, str], Decimal]:
    rows = published(settings, "SELECT level, subject_id, score FROM scores.composites")
    return {(level, subject): score for level, subject, score in rows}


def versions_of_tiers(settings: Settings) -> set[str]:
    return {name for (name,) in published(settings, "SELECT DISTINCT version FROM pql.tiers")}


def ledger_of(settings: Settings) -> tuple[list[Handoff], list[Any], list[ModelVersion], bool]:
    """Hand-offs, outbox rows (kind, channel, state, payload), versions, whether the books hold."""
    engine = open_ledger(settings.ledger_url)
    with reading(engine) as conn:
        rows = conn.execute(
            select(outbox.c.kind, outbox.c.channel, outbox.c.state, outbox.c.payload)
        )
        answer = (
            list_handoffs(conn),
            rows.all(),
            list_versions(conn),
            conservation(conn, "boards").holds,
        )
    engine.dispose()
    return answer


def kinds(settings: Settings) -> Counter[str]:
    return Counter(row.kind for row in ledger_of(settings)[1])


def doubling(settings: Settings) -> dict[str, Decimal]:
    """Thresholds that about twice as many accounts and users reach."""
    found = {}
    for level in ("account", "user"):
        rows = published(
            settings,
            f"SELECT score, threshold FROM pql.tiers WHERE level = '{level}' AND eligible"  # noqa: S608
            " ORDER BY score DESC",
        )
        over = sum(score >= threshold for score, threshold in rows)
        found[f"enter_{level}"] = rows[2 * over][0]
    return found


def test_a_promoted_version_scores_and_judges_from_the_next_pass_on(
    company_home: Settings, pql: Callable[..., Any]
) -> None:
    settings = company_home
    before = scores(settings)
    version = calibrate(settings, weights=WEIGHTS, points=POINTS)
    assert version.id == "boards-v2"
    live_pass()
    assert versions_of_tiers(settings) == {"boards-v1"}
    promote(settings, version)
    first = live_pass()
    assert first["scores/composites"]["scope"] == "rebuilt with SQLMesh"
    assert versions_of_tiers(settings) == {"boards-v2"}
    assert scores(settings) != before
    # What judges is the version as it was recorded: no further one is made of it.
    second = live_pass()
    assert second["scores/composites"]["scope"].startswith(("touched", "nothing"))
    assert [one.id for one in ledger_of(settings)[2]] == ["boards-v1", "boards-v2"]
    [best, *_] = pql("scores", "--level", "account", "--json").json
    answer = pql("explain", best["id"], "--json").json
    assert answer["version"] == "boards-v2"
    assert max(
        item["points"] for item in answer["contributions"] if item["signal"] == "boards_created"
    ) > Decimal("17.5")
    assert sum(item["points"] for item in answer["contributions"]) == answer["score"]


def test_taken_back_everything_is_as_it_was(
    company_home: Settings, clock: time_machine.Traveller
) -> None:
    settings = company_home
    live_pass()
    before = scores(settings)
    promote(settings, calibrate(settings, weights=WEIGHTS, points=POINTS))
    live_pass()
    clock.shift(timedelta(minutes=1))
    done = roll_back(settings, None, by="ana", why="worse", now=datetime.now(UTC))
    assert (done.version.id, done.previous.id if done.previous else None) == (
        "boards-v1",
        "boards-v2",
    )
    live_pass()
    assert versions_of_tiers(settings) == {"boards-v1"}
    assert scores(settings) == before
    assert len(ledger_of(settings)[2]) == 2


def test_an_edit_of_the_file_makes_the_file_win_and_says_so(company_home: Settings) -> None:
    settings = company_home
    promote(settings, calibrate(settings, weights=WEIGHTS, points=POINTS))
    live_pass()
    file = settings.programs / "boards.yaml"
    text = file.read_text(encoding="utf-8")
    # Words move nothing, so the calibration goes on in a version that keeps them.
    file.write_text(text.replace("owner: inside-sales", "owner: someone-else"), encoding="utf-8")
    live_pass()
    *_, reworded = ledger_of(settings)[2]
    assert (reworded.id, reworded.points) == ("boards-v3", POINTS)
    assert published(
        settings,
        "SELECT DISTINCT max_points FROM scores.contributions WHERE signal = 'boards_created'",
    ) == [(Decimal("30.25"),)]
    # Another share draws thresholds anew and leaves the points.
    file.write_text(text.replace("top_share: 0.12", "top_share: 0.1"), encoding="utf-8")
    live_pass()
    *_, redrawn = ledger_of(settings)[2]
    assert (redrawn.id, redrawn.points, redrawn.base_digest) == (
        "boards-v4",
        POINTS,
        reworded.base_digest,
    )
    file.write_text(text.replace("half_life_days: 7", "half_life_days: 5"), encoding="utf-8")
    live_pass()
    *_, own = ledger_of(settings)[2]
    assert (own.id, own.points, own.base_digest) == ("boards-v5", None, None)
    assert own.reason == "the program file has changed since boards-v4: its own points count"
    assert published(
        settings,
        "SELECT DISTINCT max_points FROM scores.contributions WHERE signal = 'boards_created'",
    ) == [(Decimal("17.5"),)]


def test_twice_as_many_leads_by_a_new_version_are_one_digest_and_no_alert(
    company_home: Settings, crossing_session: Callable[..., Path]
) -> None:
    settings = company_home
    live_pass()
    told = kinds(settings)
    known = {handoff.id for handoff in ledger_of(settings)[0]}
    qualified = "SELECT COUNT(*) FROM pql.tiers WHERE qualified AND level = 'account'"
    [(before,)] = published(settings, qualified)
    version = calibrate(settings, **doubling(settings))
    promote(settings, version)
    metadata = live_pass()
    [(after,)] = published(settings, qualified)
    assert after >= 1.8 * before > 0
    handoffs, rows, _, holds = ledger_of(settings)
    new = [handoff for handoff in handoffs if handoff.id not in known]
    by_model = [handoff for handoff in new if handoff.caused_by == "model"]
    assert len(by_model) >= 0.8 * before
    assert {(one.state, one.reason) for one in by_model} == {
        ("SUPPRESSED", "the new version boards-v2 alone")
    }
    assert {one.reason for one in new} <= {
        "the new version boards-v2 alone",
        "the whole account is handed over",
    }
    assert holds
    assert metadata["ledger/handoffs"]["opened"] == 0
    assert kinds(settings) - told == Counter({"digest": 1})
    [digest] = [row for row in rows if row.kind == "digest"]
    assert (digest.channel, digest.state) == ("slack", "DELIVERED")
    assert {(lead["level"], lead["id"]) for lead in digest.payload["leads"]} == {
        (one.level, one.subject_id) for one in by_model
    }
    written = [json.loads(path.read_text()) for path in settings.alerts.glob("*digest*.json")]
    assert [file["channel"] for file in written] == ["pql-alerts"]
    assert by_model[0].story["account_name"] in written[0]["text"]
    # The next passes add nothing: neither alerts nor digests.
    live_pass()
    assert kinds(settings) - told == Counter({"digest": 1})
    # And from then on a crossing is a crossing again.
    crossing_session(settings)
    assert live_pass()["ledger/handoffs"]["opened"] == 1


def test_who_crosses_by_what_they_did_is_alerted_in_the_pass_of_a_new_version_too(
    company_home: Settings, crossing_session: Callable[..., Path]
) -> None:
    settings = company_home
    live_pass()
    told = kinds(settings)
    promote(settings, calibrate(settings, weights=WEIGHTS, points=POINTS, **doubling(settings)))
    crossing_session(settings)
    live_pass()
    handoffs, _, _, holds = ledger_of(settings)
    [crossed] = [
        one for one in handoffs if one.account_id == "ws_crossing" and one.state != "SUPPRESSED"
    ]
    assert (crossed.state, crossed.caused_by, crossed.version_id) == (
        "DELIVERED",
        None,
        "boards-v2",
    )
    assert any(one.caused_by == "model" for one in handoffs)
    added = kinds(settings) - told
    assert (added["alert"], added["digest"]) == (1, 1)
    assert holds


def test_who_crosses_by_a_lower_line_and_what_they_did_since_is_alerted(
    company_home: Settings, clock: time_machine.Traveller, crossing_session: Callable[..., Path]
) -> None:
    settings = company_home
    promote(settings, calibrate(settings, enter_account=Decimal(95), enter_user=Decimal(95)))
    live_pass()
    clock.shift(timedelta(minutes=1))
    promote(settings, calibrate(settings, enter_account=Decimal(70), enter_user=Decimal(95)))
    clock.shift(timedelta(minutes=1))
    crossing_session(settings)
    told = kinds(settings)
    live_pass()
    [crossed] = [one for one in ledger_of(settings)[0] if one.subject_id == "ws_crossing"]
    assert Decimal(70) <= crossed.score < Decimal(95)
    assert (crossed.state, crossed.caused_by) == ("DELIVERED", None)
    assert (kinds(settings) - told)["alert"] == 1


def test_a_pass_that_was_stopped_is_not_the_pass_before(company_home: Settings) -> None:
    settings = company_home
    live_pass()
    lower = doubling(settings)
    told = kinds(settings)
    promote(settings, calibrate(settings, enter_account=Decimal(1), enter_user=Decimal(1)))
    with pytest.raises(PqlError, match="at_most_a_quarter_qualifies"):
        live_pass()
    promote(settings, calibrate(settings, **lower))
    live_pass()
    _, rows, _, holds = ledger_of(settings)
    assert kinds(settings) - told == Counter({"digest": 1})
    [digest] = [row.payload for row in rows if row.kind == "digest"]
    assert (digest["version"], digest["before"]) == ("boards-v3", "boards-v1")
    assert holds


def test_a_version_promoted_while_a_pass_runs_counts_from_the_next_one_on(
    company_home: Settings,
) -> None:
    settings = company_home
    live_pass()
    promote(settings, calibrate(settings, weights=WEIGHTS, points=POINTS))
    engine = open_ledger(settings.ledger_url)
    with open_warehouse(settings) as connection:
        # The models of the pass are computed; the tiers are not.
        judged = judge_everybody(connection, engine, settings, read_clock(connection))
        assert not scores_follow(connection, settings)
        with reading(engine) as conn:
            [file] = load_programs(settings.programs)
            judge = judge_of(conn, file.program, judged)
    engine.dispose()
    assert set(judged["version"]) == {"boards-v1"}
    assert judge is not None
    assert judge.thresholds.version == "boards-v1"
    assert judge.program.max_points["boards_created"] == Decimal("17.5")
    live_pass()
    assert versions_of_tiers(settings) == {"boards-v2"}


def test_a_challenger_is_held_against_what_is_in_force_and_is_not_calibrated_itself(
    company_home: Settings, tmp_path: Path
) -> None:
    settings = company_home
    promote(settings, calibrate(settings, weights=WEIGHTS, points=POINTS))
    live_pass()
    in_force = scores(settings)
    as_written = plan_challenger(settings, settings.programs, "as_written")
    assert as_written.recomputed[0] == "scores.contributions"
    with open_warehouse(settings) as connection:
        rows = connection.execute(
            "SELECT level, subject_id, score FROM scores__as_written.composites"
        ).fetchall()
    found = {(level, subject): score for level, subject, score in rows}
    assert found.keys() == in_force.keys()
    assert found != in_force
    same = tmp_path / "same.yaml"
    [loaded] = programs_in_force(settings)
    same.write_text(program_text(loaded.program), encoding="utf-8")
    with pytest.raises(PqlError, match="computes exactly what production does"):
        plan_challenger(settings, same, "same")
