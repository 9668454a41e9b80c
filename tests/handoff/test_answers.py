"""What a rep's answer changes, once, whoever gives it and however often."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from pql_platform.errors import PqlError
from pql_platform.handoff.answers import NOT_A_FIT_FOR, answer
from pql_platform.handoff.urging import urge
from pql_platform.ledger.conservation import conservation
from pql_platform.ledger.engine import reading
from pql_platform.ledger.feedback import Feedback, list_feedback, misfits
from pql_platform.ledger.handoffs import close_episodes
from pql_platform.team.schema import Team


@pytest.fixture
def give(kit: Any, clock: Any, team: Team) -> Any:
    """Gives an answer now; `again` is the same click once more."""

    def give(
        id_: str,
        action: str,
        detail: str | None = None,
        by: str = "ana",
        key: str | None = None,
        team: Team | None = team,
    ) -> Any:
        event = key or f"slack:{id_}:{action}:{detail}:{clock.elapsed}"
        given = Feedback(id_, event, action, detail, "slack", by, clock())
        return kit.within(lambda conn: answer(conn, given, team, clock()))

    return give


def test_a_contact_stops_the_clock_and_is_said_on_the_alert(
    engine: Engine, kit, clock, slack, crm, team, give
) -> None:
    id_ = kit.cross()
    kit.run()
    clock.advance(minutes=30)
    first = give(id_, "contacted")
    assert (first.changed, first.says) == (True, "Recorded, the clock has stopped.")
    second = give(id_, "contacted", by="bo", key="other")
    assert (second.changed, second.says) == (False, "A contact counts already.")
    assert kit.handoff(id_).contacted_by == "ana"
    assert kit.handoff(id_).contacted_at == kit.START + timedelta(minutes=30)
    clock.advance(hours=5)
    assert +urge(engine, team, crm, clock()) == {}
    kit.run()
    assert slack.kinds == ["alert", "alert_edit"]
    assert slack.taken[-1].payload["closed"] is False
    with reading(engine) as conn:
        assert [one.given_by for one in list_feedback(conn, id_)] == ["ana", "bo"]


def test_the_same_click_twice_is_one_answer(engine: Engine, kit, give) -> None:
    id_ = kit.cross()
    kit.run()
    assert give(id_, "not_a_fit", "student", key="click-1").changed
    again = give(id_, "not_a_fit", "student", key="click-1")
    assert (again.changed, again.says) == (False, "That was recorded before.")
    with reading(engine) as conn:
        assert len(list_feedback(conn)) == 1


def test_not_a_fit_ends_the_lead_withdraws_its_task_and_keeps_it_away(
    engine: Engine, kit, clock, slack, crm, team, give
) -> None:
    id_ = kit.cross()
    kit.run()
    give(id_, "not_a_fit", "competitor")
    found = kit.handoff(id_)
    assert found.outcome == "not a fit: competitor or partner"
    assert found.closed_at == clock()
    assert found.state == "DELIVERED"
    clock.advance(hours=9)
    assert +urge(engine, team, crm, clock()) == {}
    kit.run()
    assert slack.kinds == ["alert", "alert_edit"]
    assert slack.taken[-1].payload["closed"] is True
    assert crm.kinds == ["crm_task", "crm_task_close"]
    assert crm.taken[-1].payload["external_id"] == f"task:{id_}"
    with reading(engine) as conn:
        kept_away = misfits(conn, "boards", clock() - NOT_A_FIT_FOR)
        assert conservation(conn, "boards").holds
    assert list(kept_away) == [("account", "acme")]


def test_a_snooze_moves_reminder_and_deadline_and_the_task(
    engine: Engine, kit, clock, slack, crm, team, give
) -> None:
    id_ = kit.cross()
    kit.run()
    clock.advance(minutes=10)
    assert give(id_, "snooze", "1d").changed
    until = clock() + timedelta(days=1)
    found = kit.handoff(id_)
    assert (found.snoozed_until, found.remind_at) == (until, until)
    assert found.due_at == until + timedelta(hours=2)
    clock.advance(hours=23)
    assert +urge(engine, team, crm, clock()) == {}
    clock.advance(hours=1)
    assert urge(engine, team, crm, clock())["reminder"] == 1
    clock.advance(hours=2)
    assert urge(engine, team, crm, clock())["escalation"] == 1
    kit.run()
    assert crm.taken[-1].payload["due_at"] == found.due_at.isoformat()
    assert crm.taken[-1].payload["external_id"] == f"task:{id_}"


def test_nobody_can_snooze_a_lead_for_longer_than_a_week(kit, clock, give) -> None:
    id_ = kit.cross()
    kit.run()
    week = kit.START + timedelta(days=7)
    for day in (0, 3, 3):
        clock.advance(days=day)
        give(id_, "snooze", "3d")
        assert kit.handoff(id_).snoozed_until <= week
    assert kit.handoff(id_).snoozed_until == week
    clock.advance(days=2)
    refused = give(id_, "snooze", "4h")
    assert (refused.changed, refused.says) == (False, "It cannot wait longer than 7 days.")


def test_a_snooze_after_a_contact_changes_nothing(kit, clock, give) -> None:
    id_ = kit.cross()
    kit.run()
    give(id_, "contacted")
    due = kit.handoff(id_).due_at
    assert not give(id_, "snooze", "1d").changed
    assert kit.handoff(id_).due_at == due


def test_a_wrong_owner_hands_the_lead_to_the_next_who_is_there(
    kit, clock, slack, crm, team, give
) -> None:
    id_ = kit.cross(owner="ana")
    kit.run()
    clock.advance(minutes=30)
    given = give(id_, "wrong_owner")
    assert given.changed
    assert "goes to bo" in given.says
    found = kit.handoff(id_)
    assert (found.owner, found.story["owner"]) == ("bo", "bo")
    assert found.due_at == clock() + timedelta(hours=2)
    assert found.remind_at == clock() + timedelta(hours=1)
    kit.run()
    edit = slack.taken[-1].payload
    assert edit["story"]["owner_slack"] == "U0BO000001"
    assert "goes to bo" in edit["status"]
    assert crm.taken[-1].payload["owner"] == "bo"
    clock.advance(minutes=1)
    # Not back to ana, who has said that it is not hers.
    assert "goes to mo" in give(id_, "wrong_owner", by="bo").says
    clock.advance(minutes=1)
    assert "Nobody else" in give(id_, "wrong_owner", by="mo").says
    assert kit.handoff(id_).owner == "mo"


def test_without_a_team_a_wrong_owner_is_only_written_down(engine: Engine, kit, give) -> None:
    id_ = kit.cross()
    kit.run()
    assert not give(id_, "wrong_owner", team=None).changed
    with reading(engine) as conn:
        [written] = list_feedback(conn, id_)
    assert (written.action, written.detail) == ("wrong_owner", "ana")


def test_after_its_end_a_lead_can_be_judged_and_neither_snoozed_nor_moved(kit, clock, give) -> None:
    id_ = kit.cross()
    kit.run()
    kit.within(lambda conn: close_episodes(conn, [id_], clock(), "the score fell"))
    assert not give(id_, "snooze", "1d").changed
    assert not give(id_, "wrong_owner").changed
    assert give(id_, "not_a_fit", "other").changed
    assert give(id_, "contacted").changed


@pytest.mark.parametrize(("action", "detail"), [("not_a_fit", "lazy"), ("snooze", "90d")])
def test_an_answer_nobody_can_choose_is_refused(engine, kit, give, action, detail) -> None:
    id_ = kit.cross()
    kit.run()
    with pytest.raises(PqlError, match="is no answer"):
        give(id_, action, detail)
    with reading(engine) as conn:
        assert list_feedback(conn) == []


def test_an_unknown_handoff_is_refused(give) -> None:
    with pytest.raises(PqlError, match="no hand-off h_unknown"):
        give("h_unknown", "contacted")


def test_only_the_last_of_several_edits_is_sent(kit, clock, slack, give) -> None:
    id_ = kit.cross()
    kit.run()
    give(id_, "snooze", "4h")
    clock.advance(minutes=1)
    give(id_, "contacted")
    assert kit.run(slack=slack).delivered == 1
    assert slack.kinds == ["alert", "alert_edit"]
    assert slack.taken[-1].payload["status"].startswith("Contacted by ana")
    assert [one.state for one in kit.written("alert_edit")] == ["CANCELED", "DELIVERED"]


def test_an_answer_to_a_digested_lead_counts_although_there_is_no_alert_to_edit(
    kit, clock, slack, give
) -> None:
    id_ = kit.cross(kinds=("crm_task",))
    kit.run()
    assert give(id_, "contacted").changed
    assert kit.written("alert_edit") == []
