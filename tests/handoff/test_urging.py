"""Reminder, escalation and breach: each once, to the right person, and never after a contact."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import Engine, update

from pql_platform.domain.delivery import TryLater
from pql_platform.handoff.updates import story_of
from pql_platform.handoff.urging import urge
from pql_platform.ledger.conservation import conservation
from pql_platform.ledger.engine import reading
from pql_platform.ledger.follow_ups import change_handoff
from pql_platform.ledger.handoffs import close_episodes, record_contact
from pql_platform.ledger.tables import outbox


def test_each_step_of_a_deadline_is_said_once_and_none_before_its_time(
    engine: Engine, kit, clock, slack, crm, team
) -> None:
    id_ = kit.cross()
    kit.run()
    clock.advance(minutes=59, seconds=59)
    assert urge(engine, team, crm, clock()) == Counter()
    clock.advance(seconds=1)
    assert urge(engine, team, crm, clock())["reminder"] == 1
    assert +urge(engine, team, crm, clock()) == Counter()
    kit.run()
    clock.advance(minutes=59, seconds=59)
    assert +urge(engine, team, crm, clock()) == Counter()
    clock.advance(seconds=1)
    said = urge(engine, team, crm, clock())
    assert (said["escalation"], said["breach"]) == (1, 1)
    kit.run()
    for _ in range(5):
        clock.advance(hours=30)
        assert +urge(engine, team, crm, clock()) == Counter()
        kit.run()
    assert slack.kinds == ["alert", "reminder", "escalation", "breach"]
    with reading(engine) as conn:
        assert conservation(conn, "boards").holds
    assert kit.handoff(id_).state == "DELIVERED"


def test_they_are_said_below_the_alert_and_the_manager_is_mentioned(
    engine: Engine, kit, clock, slack, crm, team
) -> None:
    kit.cross()
    kit.run()
    clock.advance(hours=1)
    urge(engine, team, crm, clock())
    clock.advance(hours=1)
    urge(engine, team, crm, clock())
    kit.run()
    alert, reminder, escalation, breach = slack.taken
    place = {"key": alert.key, "channel": "C01", "ts": "1001.000100"}
    # The reminder had not been sent when the deadline passed: both stand in the thread.
    assert reminder.payload["alert"] == escalation.payload["alert"] == place
    assert escalation.payload["story"]["escalate_to"] == "Mo"
    assert escalation.payload["mention"] == "U0MO000001"
    assert "failure of the process, not of the lead" in breach.payload["body"]
    assert "alert" not in breach.payload


def test_the_manager_is_that_of_whoever_owns_the_lead_now(
    engine: Engine, kit, clock, crm, team
) -> None:
    id_ = kit.cross()
    kit.run()
    moved = team.model_copy(
        update={
            "people": {
                **team.people,
                "bo": team.people["bo"].model_copy(update={"manager": "ana"}),
            }
        }
    )
    kit.within(lambda conn: change_handoff(conn, id_, {"owner": "bo"}))
    clock.advance(hours=2)
    urge(engine, moved, crm, clock())
    [escalation] = kit.written("escalation")
    assert escalation.payload["story"]["owner"] == "bo"
    assert escalation.payload["story"]["escalate_to"] == "Ana"


def test_after_a_night_without_the_daemon_only_the_last_step_is_said(
    engine: Engine, kit, clock, slack, crm, team
) -> None:
    kit.cross()
    kit.run()
    clock.advance(hours=14)
    said = urge(engine, team, crm, clock())
    assert (said["reminder"], said["escalation"], said["breach"]) == (0, 1, 1)


def test_a_tier_without_a_manager_reports_the_breach_alone(
    engine: Engine, kit, clock, crm, team
) -> None:
    id_ = kit.cross()
    kit.run()
    story = {**kit.handoff(id_).story, "escalate_to": None}
    kit.within(lambda conn: change_handoff(conn, id_, {"story": story}))
    clock.advance(hours=2)
    said = urge(engine, team, crm, clock())
    assert (said["escalation"], said["breach"]) == (0, 1)


@pytest.mark.parametrize("after", ["minutes", "hours"])
def test_a_contact_stops_what_was_not_said_yet(
    engine: Engine, kit, clock, slack, crm, team, after: str
) -> None:
    id_ = kit.cross()
    kit.run()
    clock.advance(hours=1)
    if after == "hours":
        urge(engine, team, crm, clock())
    kit.within(lambda conn: record_contact(conn, id_, clock(), "ana"))
    kit.run()
    clock.advance(hours=5)
    assert +urge(engine, team, crm, clock()) == Counter()
    kit.run()
    assert slack.kinds == ["alert"]


def test_a_contact_that_the_crm_knows_of_counts_and_is_said_on_the_alert(
    engine: Engine, kit, clock, slack, crm, team
) -> None:
    id_ = kit.cross()
    kit.run()
    crm.done[f"task:{id_}"] = (clock() + timedelta(minutes=20), "Ana in the CRM")
    clock.advance(hours=2)
    assert urge(engine, team, crm, clock()) == Counter(contacted=1)
    assert kit.handoff(id_).contacted_by == "Ana in the CRM"
    assert kit.handoff(id_).contacted_at == kit.START + timedelta(minutes=20)
    kit.run()
    assert slack.kinds == ["alert", "alert_edit"]
    assert slack.taken[-1].payload["status"].startswith("Contacted by Ana in the CRM")
    clock.advance(hours=9)
    assert +urge(engine, team, crm, clock()) == Counter()


def test_a_crm_that_does_not_answer_stops_no_escalation(
    engine: Engine, kit, clock, crm, team
) -> None:
    class Down:
        def contacted(self, task_ids):
            raise TryLater("down")

    kit.cross()
    kit.run()
    clock.advance(hours=2)
    assert urge(engine, team, Down(), clock())["escalation"] == 1
    [told] = kit.written("oncall")
    assert "It said: down" in told.payload["body"]


def test_a_defect_in_the_crm_adapter_is_not_taken_for_silence(
    engine: Engine, kit, clock, team
) -> None:
    class Broken:
        def contacted(self, task_ids):
            raise TypeError("a defect")

    kit.cross()
    kit.run()
    clock.advance(hours=2)
    with pytest.raises(TypeError, match="a defect"):
        urge(engine, team, Broken(), clock())


def test_a_lead_whose_task_waits_for_the_crm_is_escalated_all_the_same(
    engine: Engine, kit, clock, slack, crm, team
) -> None:
    id_ = kit.cross()
    kit.run(slack=slack)
    assert kit.handoff(id_).state == "PENDING"
    clock.advance(hours=2)
    assert urge(engine, team, crm, clock())["escalation"] == 1
    kit.run(slack=slack)
    # What came after does not decide whether the hand-off itself is complete.
    assert kit.handoff(id_).state == "PENDING"
    kit.run()
    assert kit.handoff(id_).state == "DELIVERED"


def test_an_alert_that_does_not_arrive_is_told_to_the_people_on_call_at_half_its_time(
    engine: Engine, kit, clock, slack, crm, team
) -> None:
    id_ = kit.cross()
    clock.advance(minutes=59)
    urge(engine, team, crm, clock())
    assert kit.written("oncall") == []
    clock.advance(minutes=1)
    assert +urge(engine, team, crm, clock()) == Counter()
    [page] = kit.written("oncall")
    assert id_ in page.payload["body"]
    assert page.payload["severity"] == "error"
    clock.advance(hours=1)
    assert +urge(engine, team, crm, clock()) == Counter()
    assert [one.payload["severity"] for one in kit.written("oncall")][-1] == "error"
    assert "critical" in [one.payload["severity"] for one in kit.written("oncall")]


def test_an_ended_or_judged_lead_is_not_urged(engine: Engine, kit, clock, crm, team) -> None:
    id_ = kit.cross()
    kit.run()
    kit.within(lambda conn: close_episodes(conn, [id_], clock(), "fell"))
    clock.advance(hours=3)
    assert urge(engine, team, crm, clock()) == Counter()


def test_without_a_team_the_escalation_names_what_the_tier_says(
    engine: Engine, kit, clock, crm
) -> None:
    kit.cross()
    kit.run()
    clock.advance(hours=2)
    urge(engine, None, crm, clock())
    [escalation] = kit.written("escalation")
    assert escalation.payload["story"]["escalate_to"] == "manager"
    assert escalation.payload["mention"] is None


def test_the_story_of_a_handoff_is_told_with_its_owner_and_deadline_of_now(
    kit, clock, team
) -> None:
    id_ = kit.cross()
    later = clock() + timedelta(hours=8)
    kit.within(lambda conn: change_handoff(conn, id_, {"owner": "bo", "due_at": later}))
    story = story_of(kit.handoff(id_), team)
    assert (story.owner, story.owner_slack, story.due_at) == ("bo", "U0BO000001", later)


def test_a_reminder_given_up_does_not_change_the_fate_of_its_handoff(
    engine: Engine, kit, clock, slack, crm, team
) -> None:
    id_ = kit.cross()
    kit.run(slack=slack)
    clock.advance(hours=1)
    urge(engine, team, crm, clock())
    kit.within(
        lambda conn: conn.execute(
            update(outbox).where(outbox.c.kind == "reminder").values(state="DEAD")
        )
    )
    kit.run()
    assert kit.handoff(id_).state == "DELIVERED"
