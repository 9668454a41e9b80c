"""What owners are chosen by: who got how many lately, and who speaks with an account already."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from sqlalchemy import insert, update

from pql_platform.handoff.owners import Conversation, conversations, known_of, leads_given
from pql_platform.ledger.crm_tables import crm_companies
from pql_platform.ledger.handoffs import close_episodes
from pql_platform.ledger.tables import handoffs
from pql_platform.team.assignment import Known, assign

HOUR = timedelta(hours=1)


def given(kit, now) -> dict[str, int]:
    load = kit.within(lambda conn: leads_given(conn, now))
    return {name: len(taken) for name, taken in load.taken.items()}


def speaking(kit, program: str = "boards", *accounts: str) -> dict[str, Conversation]:
    return kit.within(lambda conn: conversations(conn, accounts or ("acme",), program))


def known(kit, program: str = "boards") -> dict[str, Known]:
    return kit.within(lambda conn: known_of(conn, ("acme", "zen"), program))


def owned_in_crm(kit, clock, account: str, owner: str | None) -> None:
    row = {
        "external_id": account,
        "name": account,
        "account_owner": owner,
        "properties": {},
        "last_key": "k",
        "created_at": clock(),
        "updated_at": clock(),
    }
    kit.within(lambda conn: conn.execute(insert(crm_companies).values(**row)))


def test_leads_are_counted_over_all_programs_for_whoever_has_them_now(kit, clock) -> None:
    kit.cross("a")
    kit.cross("b", program="docs")
    moved = kit.cross("c", owner="bo")
    assert given(kit, clock()) == {"ana": 2, "bo": 1}
    kit.within(
        lambda conn: conn.execute(
            update(handoffs).where(handoffs.c.id == moved).values(owner="ana")
        )
    )
    assert given(kit, clock()) == {"ana": 3}


def test_what_nobody_has_to_call_is_no_load(kit, clock) -> None:
    kit.cross("nurtured", due_at=None)
    kit.cross("silent", suppressed_because="backfill")
    kit.cross("ownerless", owner=None, story={"owner": "x"})
    fell = kit.cross("fell")
    kit.within(lambda conn: close_episodes(conn, [fell], clock(), "fell"))
    assert given(kit, clock()) == {}


def test_a_lead_counts_after_it_was_delivered_and_is_forgotten_after_weeks(kit, clock) -> None:
    kit.cross("a")
    kit.run()
    assert given(kit, kit.START + timedelta(days=27)) == {"ana": 1}
    assert given(kit, kit.START + timedelta(days=29)) == {}


def test_turns_read_from_the_ledger_go_on_as_if_nothing_had_stopped(kit, clock, team) -> None:
    owners = []
    for number in range(10):
        clock.advance(minutes=1)
        load = kit.within(lambda conn: leads_given(conn, clock()))
        owners.append(assign(team, "desk", load, clock()).owner)
        kit.cross(f"account{number}", owner=owners[-1])
    assert Counter(owners) == {"ana": 5, "bo": 5}
    assert owners[:4] == ["ana", "bo", "ana", "bo"]


def test_an_open_hand_off_of_another_program_is_a_conversation(kit, clock) -> None:
    id_ = kit.cross("acme", program="docs", owner="bo")
    [found] = speaking(kit)["acme"]
    assert (found.handoff_id, found.program, found.owner) == (id_, "docs", "bo")
    contact = kit.handoff(id_).story["contact"]["user_id"]
    assert found.contact == contact is not None
    assert speaking(kit, "docs") == {}, "a program does not wait for itself"
    assert speaking(kit, "boards", "zen") == {}
    kit.within(lambda conn: close_episodes(conn, [id_], clock(), "fell"))
    assert speaking(kit) == {}


def test_nurturing_and_silence_are_no_conversation(kit) -> None:
    kit.cross("acme", program="docs", due_at=None)
    kit.cross("acme", program="sheets", suppressed_because="backfill")
    assert speaking(kit) == {}


def test_of_several_conversations_the_latest_owner_goes_on_and_all_are_known(kit, clock) -> None:
    kit.cross("acme", program="docs", owner="bo")
    clock.advance(hours=1)
    kit.cross("acme", program="sheets", owner="mo")
    assert [one.owner for one in speaking(kit)["acme"]] == ["bo", "mo"]
    assert known(kit) == {"acme": Known(conversation="mo", program="sheets")}


def test_who_is_known_is_who_speaks_and_who_owns_the_account(kit, clock) -> None:
    assert known(kit) == {}
    owned_in_crm(kit, clock, "acme", "mo")
    owned_in_crm(kit, clock, "zen", None)
    assert known(kit) == {"acme": Known(crm="mo")}
    kit.cross("acme", program="docs", owner="bo")
    assert known(kit) == {"acme": Known(conversation="bo", program="docs", crm="mo")}


def test_an_account_qualified_in_two_programs_has_one_owner(kit, clock, team) -> None:
    kit.cross("acme", program="docs", owner="bo")
    load = kit.within(lambda conn: leads_given(conn, clock()))
    found = assign(team, "desk", load, clock(), known(kit)["acme"])
    assert (found.owner, found.reason) == (
        "bo",
        "speaks with this account already, for program docs",
    )
