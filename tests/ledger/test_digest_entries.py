"""A digest that stands for the alerts of many hand-offs decides the fate of all of them."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, insert, update

from pql_platform.domain.delivery import Rejected
from pql_platform.ledger.conservation import conservation
from pql_platform.ledger.engine import reading
from pql_platform.ledger.handoffs import NewMessage, close_episodes, find_handoff, outbox_values
from pql_platform.ledger.tables import digest_entries, outbox


@pytest.fixture
def storm(engine: Engine, kit):
    """Two hand-offs that a digest lists, and one that it does not."""
    with engine.begin() as conn:
        ids = [kit.cross(conn, name, kinds=("crm_task",)) for name in ("a", "b", "other")]
        digest = outbox_values(NewMessage("slack", "digest", {}), "d" * 64, None, kit.START)
        [row] = conn.execute(insert(outbox).values(**digest)).inserted_primary_key or ()
        entries = [{"outbox_id": row, "handoff_id": id_} for id_ in ids[:2]]
        conn.execute(insert(digest_entries), entries)
    return ids


def states(engine: Engine, ids) -> list[str]:
    with reading(engine) as conn:
        assert conservation(conn, "boards").holds
        return [find_handoff(conn, id_).state for id_ in ids]


def test_listed_hand_offs_are_delivered_with_digest_and_task_in_either_order(
    engine: Engine, clock, slack, kit, storm
) -> None:
    crm = kit.FakeChannel(clock)
    kit.run_drain(engine, clock, {"slack": slack})
    assert states(engine, storm) == ["PENDING"] * 3
    clock.advance(60)
    kit.run_drain(engine, clock, {"crm": crm})
    assert states(engine, storm) == ["DELIVERED"] * 3
    with reading(engine) as conn:
        assert [find_handoff(conn, id_).delivered_at for id_ in storm] == [
            kit.START,  # when the rep was told, not when the CRM was
            kit.START,
            clock(),
        ]


def test_a_task_before_the_digest_is_no_delivery(engine: Engine, clock, slack, kit, storm) -> None:
    kit.run_drain(engine, clock, {"crm": kit.FakeChannel(clock)})
    assert states(engine, storm) == ["PENDING", "PENDING", "DELIVERED"]
    kit.run_drain(engine, clock, {"slack": slack})
    assert states(engine, storm) == ["DELIVERED"] * 3


def test_a_dead_digest_makes_dead_leads_of_those_it_lists(
    engine: Engine, clock, slack, kit, storm
) -> None:
    slack.faults = [(Rejected("no such channel"), False)]
    kit.run_drain(engine, clock, {"slack": slack, "crm": kit.FakeChannel(clock)})
    assert states(engine, storm) == ["DEAD", "DEAD", "DELIVERED"]
    with reading(engine) as conn:
        assert "no such channel" in (find_handoff(conn, storm[0]).reason or "")


def test_a_lead_that_ends_before_its_digest_is_withdrawn_and_then_told_after_all(
    engine: Engine, clock, slack, kit, storm
) -> None:
    with engine.begin() as conn:
        close_episodes(conn, storm[:1], clock(), "fell")
    assert states(engine, storm) == ["WITHDRAWN", "PENDING", "PENDING"]
    # The digest has its name in it already: what a person has seen was no withdrawal.
    kit.run_drain(engine, clock, {"slack": slack, "crm": kit.FakeChannel(clock)})
    assert states(engine, storm) == ["DELIVERED"] * 3


def test_a_digest_speaks_only_for_those_it_lists(engine: Engine, storm) -> None:
    with engine.begin() as conn:
        conn.execute(update(outbox).where(outbox.c.kind == "crm_task").values(state="CANCELED"))
        # Its task is gone, and the digest that waits is none of its own.
        assert conservation(conn, "boards").orphans == (storm[2],)


def test_a_listed_lead_whose_messages_are_all_gone_is_named(engine: Engine, storm) -> None:
    with engine.begin() as conn:
        conn.execute(update(outbox).where(outbox.c.kind == "digest").values(state="CANCELED"))
        assert conservation(conn, "boards").holds, "the tasks still wait"
        conn.execute(update(outbox).values(state="CANCELED"))
        assert set(conservation(conn, "boards").orphans) == set(storm)
