"""What a rep's answer changes: the clock, the owner, the outcome, and what the alert says.

One handler for every way in (buttons, CRM, command): each answer is written down first, and one
that was written down before changes nothing. Reading a click is the listener's business.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from pql_platform.domain.answers import LONGEST_SNOOZE, NOT_A_FIT_REASONS, SNOOZES
from pql_platform.domain.grammar import moment
from pql_platform.domain.story import AlertStory
from pql_platform.errors import PqlError
from pql_platform.handoff.messages import task_message
from pql_platform.handoff.owners import known_of, leads_given
from pql_platform.handoff.updates import (
    edit_alert,
    name_of,
    slack_of,
    story_of,
    withdraw_task,
)
from pql_platform.ledger.feedback import Feedback, list_feedback, record_feedback
from pql_platform.ledger.follow_ups import change_handoff, follow_up
from pql_platform.ledger.handoffs import (
    Handoff,
    close_episodes,
    find_handoff,
    record_contact,
    record_outcome,
)
from pql_platform.ledger.states import CONTACTED, NOT_A_FIT, SNOOZE, WRONG_OWNER
from pql_platform.team.assignment import Assignment, assign
from pql_platform.team.calendars import working_time_of
from pql_platform.team.schema import Team

SLACK_SOURCE: Final = "slack"
CRM_SOURCE: Final = "crm"
COMMAND_SOURCE: Final = "command"

_DETAILS: Final[Mapping[str, Collection[str]]] = {NOT_A_FIT: NOT_A_FIT_REASONS, SNOOZE: SNOOZES}

NOT_A_FIT_FOR: Final = timedelta(days=90)
"""How long a subject that was said not to fit does not cross again."""


@dataclass(frozen=True)
class Answered:
    """What came of an answer.

    Attributes:
        changed: Whether it changed anything.
        says: What to tell whoever answered, in one or two sentences.
    """

    changed: bool
    says: str


def answer(conn: Connection, given: Feedback, team: Team | None, now: datetime) -> Answered:
    """Take an answer: write it down, and do what it asks for.

    Args:
        conn: In a transaction of the ledger.
        given: The answer; `detail` is the reason of `not_a_fit` or one of `SNOOZES`.
        team: Who can take over.
        now: The moment.

    Raises:
        PqlError: There is no such hand-off, or the detail is none that can be.
    """
    handoff = find_handoff(conn, given.handoff_id)
    # Whose it was says who need not be asked again.
    detail = handoff.owner if given.action == WRONG_OWNER else _checked(given)
    if not record_feedback(conn, replace(given, detail=detail)):
        return Answered(False, "That was recorded before.")
    if given.action == CONTACTED:
        first = _contacted(conn, handoff, given.given_at, given.given_by, team, now)
        return Answered(
            first, "Recorded, the clock has stopped." if first else "A contact counts already."
        )
    if given.action == NOT_A_FIT:
        return _not_a_fit(conn, handoff, given, detail or "", team, now)
    if handoff.closed_at is not None:
        return Answered(False, f"This lead is none any more: {handoff.reason or 'it ended'}.")
    if given.action == SNOOZE:
        return _snooze(conn, handoff, given, SNOOZES[detail or "1d"][1], team, now)
    return _reassign(conn, handoff, given, team, now)


def note_contact(
    conn: Connection,
    handoff: Handoff,
    at: datetime,
    by: str,
    source: str,
    event_key: str,
    team: Team | None,
    now: datetime,
) -> bool:
    """Record a contact that another system knows of; whether it was the first.

    Args:
        conn: In a transaction.
        handoff: The lead.
        at: When the contact was.
        by: Who had it.
        source: `crm` or `command`.
        event_key: Identity of the contact.
        team: Who is who.
        now: The moment.
    """
    given = Feedback(handoff.id, event_key, CONTACTED, None, source, by, at)
    return record_feedback(conn, given) and _contacted(conn, handoff, at, by, team, now)


def _checked(given: Feedback) -> str | None:
    known = _DETAILS.get(given.action)
    if known is None:
        return given.detail
    if given.detail not in known:
        raise PqlError(
            f"{given.detail!r} is no answer", field="detail", hint=f"One of {', '.join(known)}"
        )
    return given.detail


def _contacted(
    conn: Connection, handoff: Handoff, at: datetime, by: str, team: Team | None, now: datetime
) -> bool:
    if not record_contact(conn, handoff.id, at, by):
        return False
    says = f"Contacted by {by}, {moment(at, now)}"
    edit_alert(conn, handoff, story_of(handoff, team), says, closed=False, cause=CONTACTED, now=now)
    return True


def _not_a_fit(
    conn: Connection,
    handoff: Handoff,
    given: Feedback,
    detail: str,
    team: Team | None,
    now: datetime,
) -> Answered:
    reason = NOT_A_FIT_REASONS[detail]
    record_outcome(conn, handoff.id, f"not a fit: {reason.lower()}")
    close_episodes(conn, [handoff.id], now, f"not a fit: {reason.lower()}")
    says = f"Not a fit, says {given.given_by}: {reason.lower()}"
    edit_alert(conn, handoff, story_of(handoff, team), says, closed=True, cause=NOT_A_FIT, now=now)
    withdraw_task(conn, handoff, says, now)
    return Answered(
        True, f"Recorded: {reason.lower()}. They will not be alerted for {NOT_A_FIT_FOR.days} days."
    )


def _snooze(
    conn: Connection,
    handoff: Handoff,
    given: Feedback,
    length: timedelta,
    team: Team | None,
    now: datetime,
) -> Answered:
    if handoff.contacted_at is not None:
        return Answered(False, "A contact counts already, so nothing will remind you.")
    story = story_of(handoff, team)
    last = handoff.opened_at + LONGEST_SNOOZE
    until = min(now + length, last)
    if until <= now or story.contact_within_minutes is None:
        return Answered(False, f"It cannot wait longer than {LONGEST_SNOOZE.days} days.")
    within = timedelta(minutes=story.contact_within_minutes)
    time = working_time_of(team, story.owner)
    due_at = time.deadline(until, within)
    changes = {"snoozed_until": until, "remind_at": until, "due_at": due_at}
    change_handoff(conn, handoff.id, changes)
    later = replace(story, due_at=due_at)
    says = f"Snoozed by {given.given_by} until {moment(until, now)}"
    edit_alert(conn, handoff, later, says, closed=False, cause=given.event_key, now=now)
    follow_up(conn, handoff, task_message(later), f"due:{due_at.isoformat()}", now)
    return Answered(True, f"Snoozed until {moment(until, now)}; contact is due then.")


def _reassign(
    conn: Connection, handoff: Handoff, given: Feedback, team: Team | None, now: datetime
) -> Answered:
    if team is None:
        return Answered(
            False, "Recorded. There is no team file, so somebody has to reassign it by hand."
        )
    given_to = _somebody_else(conn, handoff, team, now)
    if given_to.owner == handoff.owner or given_to.nobody:
        return Answered(False, "Recorded. Nobody else can take it now: ask your manager.")
    story = _under(handoff, given_to, team, now)
    change_handoff(
        conn,
        handoff.id,
        {
            "owner": given_to.owner,
            "owner_reason": given_to.reason,
            "due_at": story.due_at,
            "remind_at": _half(team, given_to.owner, story, now),
            "story": {**handoff.story, **story.to_json()},
        },
    )
    changed = find_handoff(conn, handoff.id)
    says = f"{given.given_by} says it is not theirs; it goes to {given_to.owner}"
    edit_alert(conn, changed, story, says, closed=False, cause=given.event_key, now=now)
    follow_up(conn, changed, task_message(story), f"owner:{given.event_key}", now)
    return Answered(True, f"It goes to {given_to.owner} ({given_to.reason}).")


def _somebody_else(conn: Connection, handoff: Handoff, team: Team, now: datetime) -> Assignment:
    """Who would get the lead if nobody whose it is said not to be were there."""
    queue = str(handoff.story.get("routed_to") or handoff.owner)
    known = known_of(conn, [handoff.account_id or ""], handoff.program).get(
        handoff.account_id or ""
    )
    refused = {one.detail for one in list_feedback(conn, handoff.id) if one.action == WRONG_OWNER}
    left = {name: person for name, person in team.people.items() if name not in refused}
    others = team.model_copy(update={"people": left})
    return assign(others, queue, leads_given(conn, now), now, known)


def _under(handoff: Handoff, to: Assignment, team: Team, now: datetime) -> AlertStory:
    """The story as it is for another owner, whose clock begins now."""
    story = replace(
        story_of(handoff, team),
        owner=to.owner,
        owner_name=name_of(team, to.owner),
        owner_slack=slack_of(team, to.owner),
        owner_reason=to.reason,
    )
    if story.contact_within_minutes is None:
        return story
    within = timedelta(minutes=story.contact_within_minutes)
    return replace(story, due_at=working_time_of(team, to.owner).deadline(now, within))


def _half(team: Team, owner: str, story: AlertStory, now: datetime) -> datetime | None:
    if story.contact_within_minutes is None:
        return None
    return working_time_of(team, owner).halfway(
        now, timedelta(minutes=story.contact_within_minutes)
    )
