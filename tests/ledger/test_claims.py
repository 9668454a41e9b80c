"""Whoever comes second gets nothing: claims and insertions under a lost race."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, event, insert, select, update
from sqlalchemy.exc import IntegrityError

from pql_platform.ledger import turns
from pql_platform.ledger.breakers import open_breaker
from pql_platform.ledger.claims import (
    OutboxRow,
    cancel,
    claim_to_look,
    claim_to_send,
    due_rows,
)
from pql_platform.ledger.insertion import insert_once
from pql_platform.ledger.tables import breakers, outbox


def _seen(engine: Engine, kit, **values) -> OutboxRow:
    with engine.begin() as conn:
        kit.cross(conn)
        turns.register(conn, ["slack"], kit.START)
        if values:
            conn.execute(update(outbox).values(**values))
        (row,) = due_rows(conn, ["slack"], kit.START, 10)
    return row


def test_only_the_first_of_two_dispatchers_gets_a_message(engine: Engine, kit) -> None:
    row = _seen(engine, kit)
    with engine.begin() as conn:
        first = claim_to_send(conn, row, now=kit.START, worker="w1", pace_seconds=0)
        assert first is not None and (first.token, first.attempts) == (1, 1)
        assert claim_to_send(conn, row, now=kit.START, worker="w2", pace_seconds=0) is None
        assert not cancel(conn, row, "too late")
        assert due_rows(conn, ["slack"], kit.START, 10) == []


def test_only_the_first_of_two_dispatchers_looks(engine: Engine, kit) -> None:
    row = _seen(engine, kit, state="UNKNOWN", attempts=1, lease_token=1)
    with engine.begin() as conn:
        first = claim_to_look(conn, row, now=kit.START, worker="w1")
        assert first is not None and (first.token, first.attempts) == (2, 1)
        assert claim_to_look(conn, row, now=kit.START, worker="w2") is None
        assert due_rows(conn, ["slack"], kit.START, 10) == []


def test_a_breaker_that_opens_after_the_look_at_the_queue_still_holds(engine: Engine, kit) -> None:
    row = _seen(engine, kit)
    with engine.begin() as conn:
        open_breaker(conn, "suite:scores", "drift", "checks", kit.START)
        assert claim_to_send(conn, row, now=kit.START, worker="w1", pace_seconds=0) is None


def test_a_turn_that_another_dispatcher_took_is_waited_for(engine: Engine, kit) -> None:
    row = _seen(engine, kit)
    with engine.begin() as conn:
        assert turns.take_turn(conn, "slack", kit.START, 1.0)
        assert claim_to_send(conn, row, now=kit.START, worker="w1", pace_seconds=1.0) is None
        assert conn.execute(select(outbox.c.state)).scalar_one() == "PENDING"


@pytest.mark.parametrize("meanwhile", ["the same row", "nothing"])
def test_an_insertion_that_loses_a_race_is_no_error_but_a_broken_rule_is(
    engine: Engine, kit, meanwhile: str
) -> None:
    row = {"name": "suite:x", "opened_at": kit.START, "reason": "r", "opened_by": "other"}

    def other_process(conn, _name) -> None:
        if meanwhile == "the same row":
            conn.execute(insert(breakers).values(**row))

    event.listen(engine, "savepoint", other_process)
    with engine.begin() as conn:
        if meanwhile == "nothing":
            with pytest.raises(IntegrityError):
                insert_once(conn, breakers, {**row, "reason": None}, breakers.c.name == "suite:x")
        else:
            mine = {**row, "opened_by": "me"}
            assert not insert_once(conn, breakers, mine, breakers.c.name == "suite:x")
        # The transaction goes on either way.
        found = conn.execute(select(breakers.c.opened_by)).scalars().all()
    event.remove(engine, "savepoint", other_process)
    assert found == (["other"] if meanwhile == "the same row" else [])
