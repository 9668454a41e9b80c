"""Breakers hold, as far as their name reaches, until closed or overridden for a while."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from pql_platform.errors import PqlError
from pql_platform.ledger.breakers import (
    close_breaker,
    holding,
    open_breaker,
    open_breakers,
    override,
)
from pql_platform.ledger.engine import reading
from pql_platform.ledger.queue import queue_state

DAY = timedelta(days=1)


def _channels(kit, clock):
    return {"slack": kit.FakeChannel(clock), "crm": kit.FakeChannel(clock)}


def test_an_open_suite_breaker_holds_everything_until_it_is_closed(
    engine: Engine, clock, kit
) -> None:
    channels = _channels(kit, clock)
    with engine.begin() as conn:
        kit.cross(conn, kinds=("alert", "crm_task"))
        assert open_breaker(conn, "suite:scores", "share of nulls", "checks", kit.START)
        assert not open_breaker(conn, "suite:scores", "again", "checks", kit.START + DAY)
    held = kit.run_drain(engine, clock, channels)
    assert (held.delivered, held.held) == (0, 2)
    assert channels["slack"].asked_at == channels["crm"].asked_at == []
    with reading(engine) as conn:
        state = queue_state(conn, channels, clock())
        assert (state.due, state.next_at, state.unfinished) == (False, None, 2)
    with engine.begin() as conn:
        assert close_breaker(conn, "suite:scores")
        assert not close_breaker(conn, "suite:scores")
    released = kit.run_drain(engine, clock, channels)
    assert (released.delivered, released.held) == (2, 0)


@pytest.mark.parametrize(
    ("name", "delivered"),
    [
        ("suite:events", set()),
        ("something-else", set()),
        ("channel:slack", {"crm"}),
        ("channel:crm", {"slack"}),
        ("share:boards", set()),
        ("share:docs", {"slack", "crm"}),
    ],
)
def test_a_breaker_reaches_as_far_as_its_name_says(
    engine: Engine, clock, kit, name: str, delivered: set[str]
) -> None:
    channels = _channels(kit, clock)
    with engine.begin() as conn:
        kit.cross(conn, kinds=("alert", "crm_task"))
        open_breaker(conn, name, "because", "test", kit.START)
    result = kit.run_drain(engine, clock, channels)
    assert {channel for channel, fake in channels.items() if fake.log} == delivered
    assert result.delivered + result.held == 2


def test_an_override_releases_and_expires(engine: Engine, clock, slack, kit) -> None:
    with engine.begin() as conn:
        kit.cross(conn, "first")
        open_breaker(conn, "suite:scores", "drift", "checks", kit.START)
        override(conn, "suite:scores", "ana", "known drift", kit.START + 2 * DAY, now=kit.START)
        # The suite fails again: that is what the person has overridden.
        open_breaker(conn, "suite:scores", "drift", "checks", kit.START + DAY)
        assert holding(conn, kit.START + DAY) == []
        (breaker,) = open_breakers(conn)
        assert (breaker.overridden_by, breaker.override_reason) == ("ana", "known drift")
    assert kit.run_drain(engine, clock, {"slack": slack}).delivered == 1
    clock.advance(2 * DAY.total_seconds())
    with engine.begin() as conn:
        kit.cross(conn, "second", opened_at=clock())
        assert [one.name for one in holding(conn, clock())] == ["suite:scores"]
    late = kit.run_drain(engine, clock, {"slack": slack})
    assert (late.delivered, late.held) == (0, 1)


@pytest.mark.parametrize(
    ("by", "reason", "days", "message"),
    [
        ("", "why", 1, "needs who and why"),
        ("ana", "", 1, "needs who and why"),
        ("ana", "why", 7.01, "cannot end at"),
        ("ana", "why", 0, "cannot end at"),
    ],
)
def test_an_override_names_a_person_a_reason_and_a_near_end(
    engine: Engine, kit, by: str, reason: str, days: float, message: str
) -> None:
    with engine.begin() as conn:
        open_breaker(conn, "suite:scores", "drift", "checks", kit.START)
        with pytest.raises(PqlError, match=message):
            override(conn, "suite:scores", by, reason, kit.START + days * DAY, now=kit.START)
        assert len(holding(conn, kit.START)) == 1


def test_only_an_open_breaker_can_be_overridden(engine: Engine, kit) -> None:
    with engine.begin() as conn, pytest.raises(PqlError, match="suite:x is not open"):
        override(conn, "suite:x", "ana", "why", kit.START + DAY, now=kit.START)
