"""Model versions: numbered once, promoted by compare-and-set, found again for any moment."""

from __future__ import annotations

import ast
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, create_engine, insert, text
from sqlalchemy.exc import IntegrityError

from pql_platform.errors import PqlError
from pql_platform.ledger import migrate
from pql_platform.ledger.engine import REVISIONS, open_ledger, reading
from pql_platform.ledger.tables import model_versions
from pql_platform.ledger.versions import (
    NewVersion,
    Promotion,
    find_version,
    list_promotions,
    list_versions,
    live_version,
    promote,
    record_version,
    version_at,
    versioned_programs,
)


def _new(kit, program: str = "boards", **changes) -> NewVersion:
    values = {
        "program": program,
        "program_digest": "a" * 64,
        "enter_account": Decimal("61.75"),
        "enter_user": None,
        "leave_margin": Decimal(5),
        "top_share": Decimal("0.12"),
        "population": 2000,
        "qualified_share": Decimal("0.119500"),
        "created_at": kit.START,
        "created_by": "calibration",
        "reason": "first quarter",
        "parent": None,
    }
    return NewVersion(**{**values, **changes})


def test_versions_are_numbered_per_program_and_come_back_exactly(engine: Engine, kit) -> None:
    with engine.begin() as conn:
        second = record_version(conn, _new(kit, parent="boards-v1", program_text='{"program":"ä"}'))
        other = record_version(conn, _new(kit, "docs"))
        assert [one.id for one in list_versions(conn)] == ["boards-v1", "boards-v2", "docs-v1"]
        assert list_versions(conn, "boards")[1] == second
    assert (second.id, second.number, other.id) == ("boards-v2", 2, "docs-v1")
    assert str(second.qualified_share) == "0.119500"
    assert second.program_text == '{"program":"ä"}'


def test_what_a_version_has_calibrated_comes_back_exactly(engine: Engine, kit) -> None:
    found = {
        "weights": {"viral": Decimal("60.25"), "frequency": Decimal("39.75")},
        "points": {"invites": Decimal("60.25"), "sessions": Decimal("39.75")},
        "compounds": [{"name": "pair", "all": {"invites": 1, "sessions": 2.5}, "points": 5}],
        "evidence": {"backtest": {"roc_auc": 0.87, "calibration": [[0.1, 0.12]]}, "note": "ä"},
        "base_digest": "b" * 16,
        "data_from": kit.START - timedelta(days=90),
        "data_to": kit.START,
    }
    with engine.begin() as conn:
        made = record_version(conn, _new(kit, **found))
        plain = record_version(conn, _new(kit))
        assert find_version(conn, made.id) == made
        assert find_version(conn, "boards-v9") is None
        stored = conn.execute(
            text("SELECT COUNT(*) FROM model_versions WHERE weights IS NULL AND evidence IS NULL")
        ).scalar()
    assert {name: getattr(made, name) for name in found} == found
    assert list(made.points or {}) == ["invites", "sessions"]
    assert {getattr(plain, name) for name in found} == {None}
    assert stored == 2


def test_a_version_is_never_recorded_under_a_number_that_is_taken(engine: Engine, kit) -> None:
    with engine.begin() as conn:
        first, second = record_version(conn, _new(kit)), record_version(conn, _new(kit))
    assert (first.number, second.number) == (2, 3)
    for id_, number in ((first.id, 9), ("boards-v9", first.number)):
        row = {**vars(first), "id": id_, "number": number}
        with engine.begin() as conn, pytest.raises(IntegrityError):
            conn.execute(insert(model_versions).values(**row))


def test_nothing_in_the_platform_changes_or_removes_a_version_or_a_promotion() -> None:
    repository = Path(__file__).parents[2]
    kept = {"model_versions", "promotions"}
    changed = [
        f"{path.relative_to(repository)}:{node.lineno}"
        for root in ("pql_platform", "assets", "sensors", "expectations")
        for path in (repository / root).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") in {"update", "delete"}
        and kept & {getattr(argument, "id", "") for argument in node.args}
    ]
    assert changed == []


def test_a_promotion_records_who_and_why(engine: Engine, kit) -> None:
    with engine.begin() as conn:
        assert live_version(conn, "boards") is None
        promote(conn, "boards", "boards-v1", "ana", "first", None, now=kit.START)
        record_version(conn, _new(kit))
        promote(conn, "boards", "boards-v2", "bo", "backtest", "boards-v1", now=kit.START)
        live = live_version(conn, "boards")
        made = list_promotions(conn, "boards")
        assert list_promotions(conn, "docs") == []
    assert live is not None
    assert (live.version.id, live.promoted_by, live.why) == ("boards-v2", "bo", "backtest")
    assert live.since == kit.START
    assert made == [
        Promotion("boards-v1", kit.START, "ana", "first"),
        Promotion("boards-v2", kit.START, "bo", "backtest"),
    ]


@pytest.mark.parametrize("expected", [None, "boards-v2"])
def test_the_second_of_two_promotions_loses_loudly(engine: Engine, kit, expected) -> None:
    with engine.begin() as conn:
        record_version(conn, _new(kit))
        promote(conn, "boards", "boards-v1", "ana", "first", None, now=kit.START)
        with pytest.raises(PqlError, match=r"boards-v2 was not promoted: boards-v1 is live"):
            promote(conn, "boards", "boards-v2", "bo", "why", expected, now=kit.START)
        live = live_version(conn, "boards")
    assert live is not None and live.promoted_by == "ana"


@pytest.mark.parametrize(
    ("version", "by", "why", "message"),
    [
        ("boards-v1", " ", "why", "needs who and why"),
        ("boards-v1", "ana", "", "needs who and why"),
        ("boards-v9", "ana", "why", "has no version boards-v9"),
        ("docs-v1", "ana", "why", "has no version docs-v1"),
    ],
)
def test_a_promotion_needs_a_person_a_reason_and_a_version_of_the_program(
    engine: Engine, kit, version: str, by: str, why: str, message: str
) -> None:
    with engine.begin() as conn:
        record_version(conn, _new(kit, "docs"))
        with pytest.raises(PqlError, match=message):
            promote(conn, "boards", version, by, why, None, now=kit.START)
        assert live_version(conn, "boards") is None


def test_the_version_of_a_moment_is_the_last_one_promoted_by_then(engine: Engine, kit) -> None:
    def on(day: int):
        return kit.START + timedelta(days=day)

    with engine.begin() as conn:
        assert version_at(conn, "boards", kit.START) is None
        assert versioned_programs(conn) == []
        promote(conn, "boards", "boards-v1", "ana", "first", None, now=on(1))
        record_version(conn, _new(kit))
        promote(conn, "boards", "boards-v2", "bo", "backtest", "boards-v1", now=on(5))
        promote(conn, "boards", "boards-v1", "ana", "rolled back", "boards-v2", now=on(7))
        asked = [on(0), on(1), on(5) - timedelta(microseconds=1), on(5), on(6), on(7), on(90)]
        found = [version_at(conn, "boards", moment) for moment in asked]
        assert versioned_programs(conn) == ["boards"]
        assert version_at(conn, "docs", on(5)) is None
    assert [version.number for version in found if version] == [1, 1, 1, 2, 2, 1, 1]


def test_a_promotion_that_lost_leaves_no_trace(engine: Engine, kit) -> None:
    with engine.begin() as conn:
        record_version(conn, _new(kit))
        promote(conn, "boards", "boards-v1", "ana", "first", None, now=kit.START)
    with engine.connect() as conn, pytest.raises(PqlError):
        promote(conn, "boards", "boards-v2", "bo", "why", "boards-v2", now=kit.START)
    with reading(engine) as conn:
        made = conn.execute(text("SELECT version_id, promoted_by FROM promotions")).all()
    assert made == [("boards-v1", "ana")]


def test_a_ledger_of_the_first_release_gets_its_promotions_and_no_invented_program(
    empty_url: str, kit
) -> None:
    old = create_engine(empty_url)
    with old.begin() as conn:
        config = migrate._config()
        config.attributes["connection"] = conn
        command.upgrade(config, "0001")
        for number in (1, 2):
            conn.execute(
                text(
                    "INSERT INTO model_versions (id, program, number, program_digest, leave_margin,"
                    " created_at, created_by, reason) VALUES"
                    " (:id, 'boards', :number, 'd', 20, :at, 'deploy', 'changed')"
                ),
                {
                    "id": f"boards-v{number}",
                    "number": number,
                    "at": f"2026-03-0{number + 2} 09:00:00.000000",
                },
            )
    old.dispose()
    engine = open_ledger(empty_url)
    with engine.begin() as conn:
        assert (
            conn.execute(text("SELECT version_num FROM ledger_version")).scalar() == REVISIONS[-1]
        )
        versions = [version_at(conn, "boards", kit.START + timedelta(days=day)) for day in (1, 2)]
        if engine.dialect.name == "sqlite":
            # It lets a table be made anew under rows that refer to it; Postgres does not.
            assert conn.execute(text("PRAGMA foreign_key_check")).all() == []
    engine.dispose()
    assert [(one.id, one.program_text) for one in versions if one] == [
        ("boards-v1", None),
        ("boards-v2", None),
    ]
