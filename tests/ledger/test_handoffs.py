"""A crossing, its messages, its end: together or not at all."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, event, func, select, update
from sqlalchemy.exc import IntegrityError

from pql_platform.errors import PqlError
from pql_platform.ledger.episodes import last_closed, open_episodes
from pql_platform.ledger.handoffs import (
    NewMessage,
    close_episodes,
    find_handoff,
    list_handoffs,
    open_handoff,
    record_contact,
    record_outcome,
)
from pql_platform.ledger.tables import handoffs, outbox

DAY = timedelta(days=1)


def _count(engine: Engine, table) -> int:
    with engine.begin() as conn:
        return conn.execute(select(func.count()).select_from(table)).scalar_one()


def test_a_crossing_is_stored_with_its_exact_score_and_story(engine: Engine, kit) -> None:
    with engine.begin() as conn:
        id_ = kit.cross(conn)
        stored = find_handoff(conn, id_)
    given = kit.crossing()
    for name, value in vars(given).items():
        if name != "suppressed_because":
            assert getattr(stored, name) == value, name
    assert stored.score == Decimal("82.25")
    assert (stored.state, stored.reason, stored.closed_at) == ("PENDING", None, None)


def test_the_same_crossing_twice_is_one_hand_off_with_one_set_of_messages(
    engine: Engine, kit
) -> None:
    ids = set()
    for score in (Decimal(70), Decimal(90)):
        with engine.begin() as conn:
            ids.add(kit.cross(conn, kinds=("alert", "crm_task"), score=score, run_id=str(score)))
    assert len(ids) == 1
    assert (_count(engine, handoffs), _count(engine, outbox)) == (1, 2)
    with engine.begin() as conn:
        assert find_handoff(conn, ids.pop()).score == 70


def test_a_message_that_cannot_be_stored_leaves_no_hand_off(engine: Engine, kit) -> None:
    unstorable = NewMessage("slack", "crm_note", {"when": kit.START})
    with pytest.raises(Exception, match="not JSON serializable"), engine.begin() as conn:
        open_handoff(conn, kit.crossing(), [NewMessage("slack", "alert", {}), unstorable])
    assert (_count(engine, handoffs), _count(engine, outbox)) == (0, 0)


def test_a_failing_outbox_insert_leaves_no_hand_off(engine: Engine, kit) -> None:
    def refuse(conn, cursor, statement, *_rest) -> None:
        if statement.startswith("INSERT INTO outbox"):
            raise OSError("disk full")

    event.listen(engine, "before_cursor_execute", refuse)
    with pytest.raises(OSError, match="disk full"), engine.begin() as conn:
        kit.cross(conn)
    event.remove(engine, "before_cursor_execute", refuse)
    assert (_count(engine, handoffs), _count(engine, outbox)) == (0, 0)


@pytest.mark.parametrize(("motion", "paying"), [("new_business", True), ("expansion", False)])
def test_the_database_refuses_an_account_of_the_other_motion(
    engine: Engine, kit, motion: str, paying: bool
) -> None:
    with engine.begin() as conn, pytest.raises(IntegrityError, match="ck_handoffs_paying"):
        kit.cross(conn, motion=motion, paying=paying)


def test_a_paying_account_crosses_in_an_expansion_program(engine: Engine, kit) -> None:
    with engine.begin() as conn:
        assert find_handoff(conn, kit.cross(conn, motion="expansion", paying=True)).paying is True


def test_the_database_refuses_a_second_open_episode(engine: Engine, kit) -> None:
    with engine.begin() as conn:
        kit.cross(conn, episode=1)
        with pytest.raises(IntegrityError, match=r"(?i)unique"):
            kit.cross(conn, episode=2)
        kit.cross(conn, level="user", account_id="acme", episode=2)
        close_episodes(conn, [open_episodes(conn, "boards")[0].id], kit.START, "fell")
    assert _count(engine, handoffs) == 2


def test_a_hand_off_names_a_version_that_exists(engine: Engine, kit) -> None:
    with engine.begin() as conn, pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        kit.cross(conn, version_id="boards-v99")


def test_an_error_of_the_database_quotes_no_story(engine: Engine, kit) -> None:
    with engine.begin() as conn, pytest.raises(IntegrityError) as error:
        kit.cross(conn, paying=True, story={"contact": "ana@acme.example"})
    assert "ana@" not in str(error.value)


def test_a_crossing_without_messages_must_say_why(engine: Engine, kit) -> None:
    with engine.begin() as conn:
        with pytest.raises(ValueError, match="says why it is suppressed"):
            open_handoff(conn, kit.crossing(), [])
        silent = kit.crossing(suppressed_because="backfill")
        with pytest.raises(ValueError, match="says why it is suppressed"):
            open_handoff(conn, silent, [NewMessage("slack", "alert", {})])
        stored = find_handoff(conn, open_handoff(conn, silent, []))
    assert (stored.state, stored.reason) == ("SUPPRESSED", "backfill")


def test_leaving_withdraws_what_reached_nobody(engine: Engine, kit) -> None:
    with engine.begin() as conn:
        id_ = kit.cross(conn, kinds=("alert", "crm_task"))
        for at in (kit.START + DAY, kit.START + 2 * DAY):
            close_episodes(conn, [id_], at, "the score fell to 40")
        stored = find_handoff(conn, id_)
        states = conn.execute(select(outbox.c.state, outbox.c.last_error)).all()
    assert (stored.state, stored.reason) == ("WITHDRAWN", "the score fell to 40")
    assert stored.closed_at == kit.START + DAY
    assert states == [("CANCELED", "the score fell to 40")] * 2


def test_leaving_after_delivery_only_ends_the_episode(engine: Engine, clock, slack, kit) -> None:
    with engine.begin() as conn:
        id_ = kit.cross(conn)
    kit.run_drain(engine, clock, {"slack": slack})
    with engine.begin() as conn:
        close_episodes(conn, [id_], kit.START + DAY, "fell")
        stored = find_handoff(conn, id_)
    assert (stored.state, stored.closed_at) == ("DELIVERED", kit.START + DAY)


def test_an_alert_that_the_rep_has_seen_is_not_called_withdrawn(
    engine: Engine, clock, slack, kit
) -> None:
    with engine.begin() as conn:
        id_ = kit.cross(conn, kinds=("alert", "crm_task"))
    kit.run_drain(engine, clock, {"slack": slack})
    with engine.begin() as conn:
        close_episodes(conn, [id_], kit.START + DAY, "fell")
        assert find_handoff(conn, id_).state == "DELIVERED"
        assert find_handoff(conn, id_).delivered_at == kit.START


def test_episodes_are_what_the_decisions_need(engine: Engine, kit) -> None:
    with engine.begin() as conn:
        for number in (1, 2):
            id_ = kit.cross(conn, episode=number, opened_at=kit.START + number * DAY)
            close_episodes(conn, [id_], kit.START + (number + 0.5) * DAY, "fell")
        running = kit.cross(conn, episode=3, opened_at=kit.START + 3 * DAY)
        kit.cross(conn, "anna", level="user", account_id="acme")
        (last,) = last_closed(conn, "boards")
        episodes = open_episodes(conn, "boards")
        assert open_episodes(conn, "another") == last_closed(conn, "another") == []
    assert (last.number, last.closed_at, last.tier) == (2, kit.START + 2.5 * DAY, 1)
    assert {(one.id, one.level, one.number) for one in episodes} >= {(running, "account", 3)}
    assert {one.subject_id for one in episodes} == {"acme", "anna"}


def test_the_first_contact_counts(engine: Engine, kit) -> None:
    with engine.begin() as conn:
        id_ = kit.cross(conn)
        assert record_contact(conn, id_, kit.START + DAY, "anna")
        assert not record_contact(conn, id_, kit.START + 2 * DAY, "bert")
        record_outcome(conn, id_, "opportunity")
        record_outcome(conn, id_, "won")
        stored = find_handoff(conn, id_)
        assert (stored.contacted_at, stored.contacted_by) == (kit.START + DAY, "anna")
        assert stored.outcome == "won"


def test_an_unknown_hand_off_is_named(engine: Engine, kit) -> None:
    with engine.begin() as conn:
        for act in (
            lambda: find_handoff(conn, "h0"),
            lambda: record_contact(conn, "h0", kit.START, "anna"),
            lambda: record_outcome(conn, "h0", "won"),
        ):
            with pytest.raises(PqlError, match="there is no hand-off h0"):
                act()


def test_hand_offs_are_listed_by_program_in_order(engine: Engine, kit) -> None:
    with engine.begin() as conn:
        late = kit.cross(conn, "late", opened_at=kit.START + DAY)
        early = kit.cross(conn, "early")
        conn.execute(update(handoffs).where(handoffs.c.id == late).values(program="other"))
        assert [one.id for one in list_handoffs(conn)] == [early, late]
        assert [one.id for one in list_handoffs(conn, "other")] == [late]
