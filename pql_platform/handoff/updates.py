"""What is said about a lead after its alert: in the thread below it, and in its own place.

Composes payloads only. Who is told what and when is decided by `urging.py` (deadlines),
`answers.py` (reps) and `endings.py` (scores); how it looks is the Slack adapter's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from pql_platform.domain.story import AlertStory
from pql_platform.ledger.follow_ups import follow_up, place_of_alert
from pql_platform.ledger.handoffs import Handoff, NewMessage
from pql_platform.ledger.states import ALERT_EDIT, OUTCOME, RISE, TASK_CLOSE
from pql_platform.team.schema import Team

SLACK = "slack"
CRM = "crm"


def story_of(handoff: Handoff, team: Team | None = None) -> AlertStory:
    """The story of a hand-off with whoever owns it now and when it is due now."""
    told = {
        **handoff.story,
        "owner": handoff.owner or handoff.story["owner"],
        "owner_name": name_of(team, handoff.owner),
        "owner_slack": slack_of(team, handoff.owner),
        "due_at": handoff.due_at.isoformat() if handoff.due_at else None,
    }
    return AlertStory.from_json(told)


def slack_of(team: Team | None, name: str | None) -> str | None:
    """The Slack id of somebody in the team file; None when it is not known."""
    person = team.people.get(name) if team is not None and name is not None else None
    return person.slack if person is not None else None


def name_of(team: Team | None, name: str | None) -> str | None:
    """What people call somebody of the team file; None when they are not in it."""
    person = team.people.get(name) if team is not None and name is not None else None
    return person.name if person is not None else None


def say_in_thread(
    conn: Connection,
    handoff: Handoff,
    kind: str,
    payload: Mapping[str, Any],
    cause: str,
    now: datetime,
) -> bool:
    """Put a message below the alert into the outbox; on its own where the alert has no place.

    Args:
        conn: In a transaction.
        handoff: What it is about.
        kind: `reminder`, `escalation`, `rise` or `outcome`.
        payload: With the `story`; the place of the alert is added here.
        cause: What it is said for; empty where there is only one of the kind.
        now: The moment.
    """
    place = place_of_alert(conn, handoff.id)
    message = NewMessage(SLACK, kind, {**payload, "alert": place})
    return follow_up(conn, handoff, message, cause, now)


def edit_alert(
    conn: Connection,
    handoff: Handoff,
    story: AlertStory,
    status: str,
    *,
    closed: bool,
    cause: str,
    now: datetime,
) -> bool:
    """Have the alert say what has happened since; nothing where no alert was delivered.

    Args:
        conn: In a transaction.
        handoff: Whose alert.
        story: As it is to be told now.
        status: What has happened, in one sentence.
        closed: Whether nothing is left to answer, so that the buttons go.
        cause: What the edit is for.
        now: The moment.
    """
    place = place_of_alert(conn, handoff.id)
    if place is None:
        return False
    payload = {"story": story.to_json(), "alert": place, "status": status, "closed": closed}
    return follow_up(conn, handoff, NewMessage(SLACK, ALERT_EDIT, payload), cause, now)


def tell_rise(conn: Connection, handoff: Handoff, story: AlertStory, now: datetime) -> bool:
    """Say in the thread that a lead has risen to the tier in `story`."""
    payload = {"story": story.to_json(), "before": handoff.tier}
    return say_in_thread(conn, handoff, RISE, payload, f"tier{story.tier}", now)


def tell_end(
    conn: Connection, handoff: Handoff, story: AlertStory, why: str, now: datetime
) -> bool:
    """Say in the thread what became of a lead, and strike the alert itself through."""
    say_in_thread(conn, handoff, OUTCOME, {"story": story.to_json(), "why": why}, "", now)
    return edit_alert(conn, handoff, story, why, closed=True, cause="ended", now=now)


def withdraw_task(conn: Connection, handoff: Handoff, why: str, now: datetime) -> bool:
    """Withdraw the task of a lead in the CRM, with a note of the reason."""
    payload = {
        "external_id": f"task:{handoff.id}",
        "closed_at": now.isoformat(),
        "closed_because": why,
    }
    return follow_up(conn, handoff, NewMessage(CRM, TASK_CLOSE, payload), "", now)
