"""The books add up, and what contradicts them is named."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, delete, update

from pql_platform.domain.delivery import Rejected
from pql_platform.ledger.conservation import Conservation, conservation
from pql_platform.ledger.engine import reading
from pql_platform.ledger.handoffs import close_episodes, open_handoff
from pql_platform.ledger.tables import handoffs, outbox


def _books(engine: Engine, program: str = "boards") -> Conservation:
    with reading(engine) as conn:
        return conservation(conn, program)


def test_every_fate_is_counted_once(engine: Engine, clock, slack, kit) -> None:
    slack.faults = [(None, True), (Rejected("no"), False)]
    with engine.begin() as conn:
        for subject in ("delivered", "dead"):
            kit.cross(conn, subject)
    kit.run_drain(engine, clock, {"slack": slack})
    with engine.begin() as conn:
        close_episodes(conn, [kit.cross(conn, "withdrawn")], clock(), "fell")
        open_handoff(conn, kit.crossing("silent", suppressed_because="backfill"), [])
        kit.cross(conn, "pending")
        kit.cross(conn, "elsewhere", program="docs")
    books = _books(engine)
    assert books == Conservation(5, 1, 1, 1, 1, 1, orphans=())
    assert books.holds
    assert _books(engine, "docs").crossed == 1
    assert _books(engine, "none") == Conservation(0, 0, 0, 0, 0, 0, orphans=())


@pytest.mark.parametrize(
    "damage",
    [
        delete(outbox),
        update(handoffs).values(state="DELIVERED"),
        update(handoffs).values(state="WITHDRAWN"),
        update(outbox).values(state="CANCELED"),
    ],
    ids=["its message vanished", "delivered without proof", "ended and still sent", "stuck"],
)
def test_a_hand_off_that_contradicts_its_messages_is_named(engine: Engine, kit, damage) -> None:
    with engine.begin() as conn:
        id_ = kit.cross(conn)
        assert conservation(conn, "boards").holds
        conn.execute(damage)
    books = _books(engine)
    assert (books.orphans, books.holds) == ((id_,), False)


def test_a_fate_that_nobody_knows_breaks_the_books() -> None:
    assert Conservation(5, 1, 1, 1, 1, 1, orphans=()).holds
    assert not Conservation(6, 1, 1, 1, 1, 1, orphans=()).holds
