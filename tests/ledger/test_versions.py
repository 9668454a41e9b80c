"""Model versions: numbered once, promoted by compare-and-set."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import Engine

from pql_platform.errors import PqlError
from pql_platform.ledger.versions import (
    NewVersion,
    list_versions,
    live_version,
    promote,
    record_version,
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
        second = record_version(conn, _new(kit, parent="boards-v1"))
        other = record_version(conn, _new(kit, "docs"))
        assert [one.id for one in list_versions(conn)] == ["boards-v1", "boards-v2", "docs-v1"]
        assert list_versions(conn, "boards")[1] == second
    assert (second.id, second.number, other.id) == ("boards-v2", 2, "docs-v1")
    assert str(second.qualified_share) == "0.119500"


def test_a_promotion_records_who_and_why(engine: Engine, kit) -> None:
    with engine.begin() as conn:
        assert live_version(conn, "boards") is None
        promote(conn, "boards", "boards-v1", "ana", "first", None, now=kit.START)
        record_version(conn, _new(kit))
        promote(conn, "boards", "boards-v2", "bo", "backtest", "boards-v1", now=kit.START)
        live = live_version(conn, "boards")
    assert live is not None
    assert (live.version.id, live.promoted_by, live.why) == ("boards-v2", "bo", "backtest")
    assert live.since == kit.START


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
