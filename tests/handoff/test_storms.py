"""More crossings than anybody can read: the most urgent are alerted, the rest listed, each once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from alert_stories import realistic_story
from sqlalchemy import Engine, func, select

from pql_platform.handoff.planning import Planned
from pql_platform.handoff.storms import TO_A_DIGEST, calm, write_storm
from pql_platform.ledger.conservation import conservation
from pql_platform.ledger.engine import reading
from pql_platform.ledger.handoffs import NewHandoff, NewMessage, open_handoff
from pql_platform.ledger.tables import handoffs
from pql_platform.team.assignment import Assignment


def planned(clock: Any, account: str, tier: int = 1, score: int = 80) -> Planned:
    story = realistic_story(
        handoff_id=account, account_id=account, account_name=f"Account {account}", tier=tier
    )
    new = NewHandoff(
        program="boards",
        motion="new_business",
        level="account",
        subject_id=account,
        account_id=account,
        tier=tier,
        episode=1,
        score=Decimal(score),
        threshold=Decimal("62.5"),
        version_id="boards-v1",
        paying=False,
        crossed_at=clock(),
        opened_at=clock(),
        owner="ana",
        due_at=None,
        story=story.to_json(),
    )
    messages = [
        NewMessage("slack", "alert", {"story": story.to_json()}),
        NewMessage("crm", "crm_task", {"external_id": f"task:{account}"}),
    ]
    return Planned(new, story, messages, Assignment("ana", "next"))


def write(engine: Engine, clock: Any, several: list[Planned], most: int) -> list[str]:
    """Write a pass as `crossings.py` does; the accounts that the digests list."""
    with engine.begin() as conn:
        to_write, listed = calm(conn, several, most, clock())
        ids = {id(one): open_handoff(conn, one.handoff, one.messages) for one in to_write}
        write_storm(conn, "boards", [(ids[id(one)], one) for one in listed], clock())
    return [one.handoff.subject_id for one in listed]


def test_few_crossings_are_alerted_one_by_one(engine: Engine, kit, clock, slack) -> None:
    assert write(engine, clock, [planned(clock, str(n)) for n in range(5)], most=5) == []
    kit.run()
    assert slack.kinds == ["alert"] * 5


def test_the_most_urgent_are_alerted_and_every_other_lead_is_listed_once(
    engine: Engine, kit, clock, slack, crm
) -> None:
    several = [planned(clock, f"a{n}", tier=1 + n % 2, score=60 + n) for n in range(20)]
    listed = write(engine, clock, several, most=8)
    assert len(listed) == 12
    # Tier 1 before tier 2, and the higher score first.
    alerted = {f"a{n}" for n in (18, 16, 14, 12, 10, 8, 6, 4)}
    assert {f"a{n}" for n in range(20)} - set(listed) == alerted
    kit.run()
    assert slack.kinds == ["alert"] * 8 + ["digest"]
    named = [lead["account"] for lead in slack.taken[-1].payload["leads"]]
    assert named == listed
    # Each has its task all the same, and its fate.
    assert crm.kinds == ["crm_task"] * 20
    with reading(engine) as conn:
        books = conservation(conn, "boards")
    assert (books.crossed, books.delivered, books.holds) == (20, 20, True)


def test_a_listed_lead_waits_for_its_digest(engine: Engine, kit, clock, slack, crm) -> None:
    write(engine, clock, [planned(clock, f"a{n}") for n in range(4)], most=2)
    kit.run(crm=crm)
    with reading(engine) as conn:
        books = conservation(conn, "boards")
        assert (books.pending, books.holds) == (4, True)
    kit.run(slack=slack)
    with reading(engine) as conn:
        books = conservation(conn, "boards")
        delivered = conn.execute(
            select(func.count()).where(handoffs.c.delivered_at == clock())
        ).scalar_one()
    assert (books.delivered, books.holds) == (4, True)
    assert delivered == 4


def test_a_thousand_at_once_are_as_many_digests_as_it_takes(
    engine: Engine, kit, clock, slack
) -> None:
    listed = write(engine, clock, [planned(clock, f"a{n:04}") for n in range(1000)], most=100)
    kit.run(slack=slack)
    digests = [message.payload for message in slack.taken if message.kind == "digest"]
    assert len(digests) == -(-900 // TO_A_DIGEST)
    named = [lead["account"] for payload in digests for lead in payload["leads"]]
    assert sorted(named) == sorted(listed)
    assert len(set(named)) == 900
    assert digests[0]["title"] == "900 more leads crossed at once, 1 to 60"


def test_what_was_alerted_within_the_hour_counts(engine: Engine, kit, clock, slack) -> None:
    assert write(engine, clock, [planned(clock, f"a{n}") for n in range(3)], most=4) == []
    clock.advance(minutes=59)
    assert len(write(engine, clock, [planned(clock, f"b{n}") for n in range(3)], most=4)) == 2
    clock.advance(minutes=2)
    assert write(engine, clock, [planned(clock, f"c{n}") for n in range(3)], most=4) == []
