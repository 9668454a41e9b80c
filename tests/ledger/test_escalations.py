"""A missed deadline is escalated once, to whom the story names, and not after contact."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select

from pql_platform.ledger.engine import reading
from pql_platform.ledger.escalations import due_escalations, enqueue_escalations
from pql_platform.ledger.handoffs import close_episodes, record_contact
from pql_platform.ledger.tables import outbox

DEADLINE = 2 * 3600


def _delivered(engine: Engine, clock, slack, kit, **changes) -> str:
    with engine.begin() as conn:
        id_ = kit.cross(conn, **changes)
    kit.run_drain(engine, clock, {"slack": slack})
    return id_


def _enqueue(engine: Engine, clock) -> tuple[str, ...]:
    with engine.begin() as conn:
        return enqueue_escalations(
            conn, clock(), lambda handoff: {"to": handoff.story["escalate_to"], "id": handoff.id}
        )


def test_a_missed_deadline_is_escalated_exactly_once(engine: Engine, clock, slack, kit) -> None:
    id_ = _delivered(engine, clock, slack, kit)
    clock.advance(DEADLINE - 1)
    assert _enqueue(engine, clock) == ()
    clock.advance(1)
    with reading(engine) as conn:
        assert [late.id for late in due_escalations(conn, clock())] == [id_]
    assert _enqueue(engine, clock) == (id_,)
    assert _enqueue(engine, clock) == ()
    kit.run_drain(engine, clock, {"slack": slack})
    clock.advance(DEADLINE)
    assert _enqueue(engine, clock) == ()
    assert slack.kinds == ["alert", "escalation"]
    with reading(engine) as conn:
        payload = conn.execute(
            select(outbox.c.payload).where(outbox.c.kind == "escalation")
        ).scalar_one()
    assert payload == {"to": "manager", "id": id_}


@pytest.mark.parametrize(
    "changes", [{"story": {}}, {"story": {"escalate_to": None}}, {"due_at": None}]
)
def test_a_tier_without_deadline_or_manager_is_not_escalated(
    engine: Engine, clock, slack, kit, changes
) -> None:
    _delivered(engine, clock, slack, kit, **changes)
    clock.advance(10 * DEADLINE)
    assert _enqueue(engine, clock) == ()


def test_what_was_never_delivered_is_not_escalated(engine: Engine, clock, kit) -> None:
    with engine.begin() as conn:
        kit.cross(conn)
    clock.advance(DEADLINE)
    assert _enqueue(engine, clock) == ()


def test_contact_in_time_stops_the_escalation(engine: Engine, clock, slack, kit) -> None:
    id_ = _delivered(engine, clock, slack, kit)
    with engine.begin() as conn:
        record_contact(conn, id_, clock(), "ana")
    clock.advance(DEADLINE)
    assert _enqueue(engine, clock) == ()


def test_contact_stops_an_escalation_that_waits_to_be_sent(
    engine: Engine, clock, slack, kit
) -> None:
    id_ = _delivered(engine, clock, slack, kit)
    clock.advance(DEADLINE)
    _enqueue(engine, clock)
    with engine.begin() as conn:
        record_contact(conn, id_, clock(), "ana")
    assert kit.run_drain(engine, clock, {"slack": slack}).canceled == 1
    assert slack.kinds == ["alert"]


def test_an_ended_episode_is_not_escalated(engine: Engine, clock, slack, kit) -> None:
    id_ = _delivered(engine, clock, slack, kit)
    clock.advance(DEADLINE)
    with engine.begin() as conn:
        close_episodes(conn, [id_], clock(), "fell")
    assert _enqueue(engine, clock) == ()
