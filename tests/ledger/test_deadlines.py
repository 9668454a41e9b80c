"""The steps of a deadline: each comes once, when it is due, and a contact stops them all."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, insert, update

from pql_platform.ledger.deadlines import due_steps, untold
from pql_platform.ledger.engine import reading
from pql_platform.ledger.follow_ups import change_handoff, follow_up
from pql_platform.ledger.handoffs import (
    NewMessage,
    close_episodes,
    find_handoff,
    outbox_values,
    record_contact,
    record_outcome,
)
from pql_platform.ledger.tables import digest_entries, outbox

HOUR = timedelta(hours=1)


@pytest.fixture
def told(engine: Engine, clock, slack, kit):
    """Opens a hand-off whose alert arrived: half its time is over after 1 h, all after 2 h."""

    def tell(subject: str = "acme", **changes) -> str:
        with engine.begin() as conn:
            id_ = kit.cross(conn, subject, remind_at=kit.START + HOUR, **changes)
        kit.run_drain(engine, clock, {"slack": slack})
        return id_

    return tell


def steps_at(engine: Engine, now: datetime) -> list[tuple[str, str]]:
    with reading(engine) as conn:
        return [(step.handoff.subject_id, step.kind) for step in due_steps(conn, now)]


def late_at(engine: Engine, now: datetime) -> list[str]:
    with reading(engine) as conn:
        return [handoff.subject_id for handoff in untold(conn, now)]


def say(engine: Engine, id_: str, kind: str, now: datetime) -> None:
    with engine.begin() as conn:
        follow_up(conn, find_handoff(conn, id_), NewMessage("slack", kind, {}), "", now)


def test_a_step_comes_at_its_moment_and_once(engine: Engine, kit, told) -> None:
    id_ = told()
    half, due = kit.START + HOUR, kit.START + 2 * HOUR
    moment = timedelta(microseconds=1)
    assert steps_at(engine, half - moment) == []
    assert steps_at(engine, half) == [("acme", "reminder")]
    say(engine, id_, "reminder", half)
    assert steps_at(engine, due - moment) == []
    assert steps_at(engine, due) == [("acme", "escalation"), ("acme", "breach")]
    say(engine, id_, "escalation", due)
    assert steps_at(engine, due) == [("acme", "escalation"), ("acme", "breach")]
    say(engine, id_, "breach", due)
    assert steps_at(engine, due + 1000 * HOUR) == []


def test_after_a_night_without_the_daemon_nobody_is_reminded_of_what_is_over(
    engine: Engine, kit, told
) -> None:
    told()
    kinds = [kind for _, kind in steps_at(engine, kit.START + 20 * HOUR)]
    assert kinds == ["escalation", "breach"]


def test_where_nobody_hears_of_it_a_missed_deadline_is_only_reported(
    engine: Engine, kit, told
) -> None:
    told(story={"signals": []})
    assert steps_at(engine, kit.START + 2 * HOUR) == [("acme", "breach")]


@pytest.mark.parametrize("what", ["contact", "outcome", "end"])
def test_who_was_contacted_has_an_outcome_or_ended_is_left_alone(
    engine: Engine, kit, told, what
) -> None:
    id_ = told()
    with engine.begin() as conn:
        if what == "contact":
            record_contact(conn, id_, kit.START, "ann")
        elif what == "outcome":
            record_outcome(conn, id_, "converted")
        else:
            close_episodes(conn, [id_], kit.START, "fell")
    for hours in (1, 2, 30):
        assert steps_at(engine, kit.START + hours * HOUR) == []


def test_a_lead_without_a_deadline_or_suppressed_has_no_steps(engine: Engine, kit, told) -> None:
    told("nurtured", due_at=None)
    with engine.begin() as conn:
        kit.cross(conn, "silent", kinds=(), suppressed_because="backfill", remind_at=kit.START)
    assert steps_at(engine, kit.START + 30 * HOUR) == []
    assert late_at(engine, kit.START + 30 * HOUR) == []


def test_the_earliest_deadline_comes_first(engine: Engine, kit, told) -> None:
    told("later", due_at=kit.START + 3 * HOUR)
    told("sooner", due_at=kit.START + 2 * HOUR)
    assert [name for name, kind in steps_at(engine, kit.START + 4 * HOUR) if kind == "breach"] == [
        "sooner",
        "later",
    ]


def test_a_snooze_moves_every_step_that_was_not_taken(engine: Engine, kit, told) -> None:
    id_ = told()
    until = kit.START + 24 * HOUR
    changes = {"snoozed_until": until, "remind_at": until, "due_at": until + 2 * HOUR}
    with engine.begin() as conn:
        change_handoff(conn, id_, changes)
    assert steps_at(engine, kit.START + 23 * HOUR) == []
    assert steps_at(engine, until) == [("acme", "reminder")]


def test_the_clock_runs_for_whoever_has_the_alert_although_the_crm_is_down(
    engine: Engine, clock, slack, kit
) -> None:
    with engine.begin() as conn:
        kit.cross(conn, kinds=("alert", "crm_task"), remind_at=kit.START + HOUR)
    assert steps_at(engine, kit.START + HOUR) == []
    assert late_at(engine, kit.START + HOUR) == ["acme"]
    kit.run_drain(engine, clock, {"slack": slack})
    assert steps_at(engine, kit.START + HOUR) == [("acme", "reminder")]
    assert late_at(engine, kit.START + HOUR) == []


@pytest.mark.parametrize("state", ["PENDING", "RETRY", "UNKNOWN"])
def test_a_lead_of_whose_time_half_is_over_before_its_alert_arrived_is_named(
    engine: Engine, kit, state
) -> None:
    with engine.begin() as conn:
        kit.cross(conn, remind_at=kit.START + HOUR)
        conn.execute(update(outbox).values(state=state))
    assert late_at(engine, kit.START + HOUR - timedelta(seconds=1)) == []
    assert late_at(engine, kit.START + HOUR) == ["acme"]


def test_a_digest_tells_of_its_leads_once_it_has_arrived(engine: Engine, clock, slack, kit) -> None:
    now = kit.START + HOUR
    with engine.begin() as conn:
        id_ = kit.cross(conn, "listed", kinds=("crm_task",), remind_at=now)
        kit.cross(conn, "elsewhere", kinds=("crm_task",), remind_at=now)
        digest = outbox_values(NewMessage("slack", "digest", {}), "d" * 64, None, kit.START)
        [row] = conn.execute(insert(outbox).values(**digest)).inserted_primary_key or ()
        conn.execute(insert(digest_entries).values(outbox_id=row, handoff_id=id_))
    assert steps_at(engine, now) == []
    assert late_at(engine, now) == ["listed"]
    kit.run_drain(engine, clock, {"slack": slack})
    assert steps_at(engine, now) == [("listed", "reminder")]
    assert late_at(engine, now) == []
