"""What goes into a column comes out of it, or is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import StatementError

from pql_platform.ledger.tables import breakers, channel_turns
from pql_platform.ledger.types import ExactDecimal, PointsByName, QuarterPoints

DIALECT = sqlite.dialect()


def test_a_moment_of_any_zone_comes_back_in_utc(engine: Engine) -> None:
    moment = datetime(2026, 3, 2, 1, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    with engine.begin() as conn:
        conn.execute(insert(channel_turns).values(channel="x", free_at=moment, failures=0))
        back = conn.execute(select(channel_turns.c.free_at)).scalar_one()
    assert back == moment
    assert back.tzinfo is UTC
    assert back.isoformat() == "2026-03-01T19:45:00.123456+00:00"


def test_a_moment_without_a_zone_is_refused(engine: Engine) -> None:
    naive = datetime(2026, 3, 2)  # noqa: DTZ001
    row = {"name": "suite:x", "opened_at": naive, "reason": "r", "opened_by": "me"}
    with engine.begin() as conn, pytest.raises(StatementError, match="has no time zone"):
        conn.execute(insert(breakers).values(**row))


@given(st.integers(-(2**31), 2**31 - 1))
def test_every_quarter_point_survives(quarters: int) -> None:
    points = QuarterPoints()
    value = Decimal(quarters) / 4
    stored = points.process_bind_param(value, DIALECT)
    assert isinstance(stored, int)
    assert points.process_result_value(stored, DIALECT) == value


@pytest.mark.parametrize("value", ["0.1", "82.3333", "NaN", "Infinity"])
def test_points_between_quarters_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"no multiple of 0\.25"):
        QuarterPoints().process_bind_param(Decimal(value), DIALECT)


@given(st.decimals(0, 1, allow_nan=False, places=12))
def test_every_share_survives_to_the_last_digit(share: Decimal) -> None:
    kind = ExactDecimal()
    back = kind.process_result_value(kind.process_bind_param(share, DIALECT), DIALECT)
    assert str(back) == str(share)


@pytest.mark.parametrize("value", [0.12, Decimal("NaN")])
def test_an_inexact_share_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="no finite decimal"):
        ExactDecimal().process_bind_param(value, DIALECT)  # type: ignore[arg-type]


def test_points_by_name_survive_in_their_order_and_as_numbers_anybody_can_read() -> None:
    kind = PointsByName()
    points = {"sessions": Decimal("12.25"), "boards": Decimal(30), "nothing": Decimal(0)}
    stored = kind.process_bind_param(points, DIALECT)
    assert stored == {"sessions": 12.25, "boards": 30, "nothing": 0}
    back = kind.process_result_value(stored, DIALECT)
    assert back is not None
    assert list(back.items()) == list(points.items())
    assert kind.process_bind_param(None, DIALECT) is None


@pytest.mark.parametrize("value", ["0.1", "NaN", "Infinity"])
def test_points_by_name_between_quarters_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"no multiple of 0\.25"):
        PointsByName().process_bind_param({"sessions": Decimal(value)}, DIALECT)
