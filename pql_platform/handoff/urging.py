"""Deadlines of the first contact: the reminder, the escalation, and the breach as it is reported.

Asks the CRM first whether somebody has been in contact. What is due is `ledger/deadlines.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, Engine

from pql_platform.domain.delivery import DeliveryFailure
from pql_platform.domain.grammar import counted, span
from pql_platform.domain.story import AlertStory
from pql_platform.domain.wording import account_name, owner_name
from pql_platform.handoff.answers import CRM_SOURCE, note_contact
from pql_platform.handoff.updates import SLACK, name_of, say_in_thread, slack_of, story_of
from pql_platform.ledger.deadlines import DueStep, due_steps, untold
from pql_platform.ledger.engine import reading
from pql_platform.ledger.follow_ups import follow_up
from pql_platform.ledger.handoffs import Handoff, NewMessage
from pql_platform.ledger.oncall import notify
from pql_platform.ledger.states import BREACH, ESCALATION
from pql_platform.team.routes import MANAGER
from pql_platform.team.schema import Team


class Contacts(Protocol):
    """A CRM that knows of contacts."""

    def contacted(self, task_ids: Sequence[str]) -> Mapping[str, tuple[datetime, str]]:
        """When and by whom the tasks with these external ids were completed; absent if not.

        Raises:
            DeliveryFailure: It could not be asked.
        """
        ...


def urge(engine: Engine, team: Team | None, crm: Contacts | None, now: datetime) -> Counter[str]:
    """Write what has come due of every deadline into the outbox.

    Args:
        engine: The ledger.
        team: Who is whose manager.
        crm: Asked for contacts nobody reported; None where there is none.
        now: The moment.

    Returns:
        Messages written, by kind; `contacted` counts the contacts that the CRM knew of.
    """
    done: Counter[str] = Counter()
    with reading(engine) as conn:
        steps, silent = due_steps(conn, now), untold(conn, now)
    if not steps and not silent:
        return done
    contacted, unanswered = _seen_in_crm(crm, [step.handoff for step in steps])
    with engine.begin() as conn:
        if unanswered is not None:
            _page_unanswered(conn, unanswered, now)
        for handoff in {step.handoff.id: step.handoff for step in steps}.values():
            if handoff.id in contacted:
                at, by = contacted[handoff.id]
                done["contacted"] += note_contact(
                    conn, handoff, at, by, CRM_SOURCE, f"crm:{handoff.id}", team, now
                )
        for step in steps:
            if step.handoff.id not in contacted:
                done[step.kind] += _take(conn, step, team, now)
        _page_untold(conn, silent, now)
    return done


def _seen_in_crm(
    crm: Contacts | None, handoffs: Sequence[Handoff]
) -> tuple[Mapping[str, tuple[datetime, str]], str | None]:
    """The contacts that the CRM knows of, and why it could not be asked.

    A needless escalation is better than none, so a CRM that does not answer stops nothing (F18).
    """
    if crm is None or not handoffs:
        return {}, None
    ids = {f"task:{handoff.id}": handoff.id for handoff in handoffs}
    try:
        seen = crm.contacted(list(ids))
    except DeliveryFailure as failure:
        return {}, failure.reason
    return {ids[task]: contact for task, contact in seen.items() if task in ids}, None


def _page_unanswered(conn: Connection, why: str, now: datetime) -> None:
    notify(
        conn,
        cause="contacts",
        title="the CRM does not say who was contacted",
        body=f"It said: {why}. Deadlines go on without it, so leads may be escalated that "
        "somebody has spoken to. `pql contacted HANDOFF --by WHO` records a contact.",
        severity="warning",
        now=now,
    )


def _take(conn: Connection, step: DueStep, team: Team | None, now: datetime) -> bool:
    handoff = step.handoff
    story = story_of(handoff, team)
    # One of each per deadline: it may have been put off, or begun anew for another owner.
    cause = handoff.due_at.isoformat() if handoff.due_at else ""
    if step.kind == BREACH:
        payload = _breach(handoff, story, now)
        return follow_up(conn, handoff, NewMessage(SLACK, BREACH, payload), cause, now)
    told: dict[str, Any] = {"story": story.to_json()}
    if step.kind == ESCALATION:
        to = _told_to(team, handoff, story)
        asked = {"escalate_to": name_of(team, to) or to}
        told = {"story": {**story.to_json(), **asked}, "mention": slack_of(team, to)}
    return say_in_thread(conn, handoff, step.kind, told, cause, now)


def _told_to(team: Team | None, handoff: Handoff, story: AlertStory) -> str | None:
    """Whoever is above the owner now, not above who it was at the crossing (F16)."""
    if story.escalate_to != MANAGER or team is None:
        return story.escalate_to
    return team.manager_of(handoff.owner or story.owner) or team.fallback or MANAGER


def _breach(handoff: Handoff, story: AlertStory, now: datetime) -> dict[str, Any]:
    """The report of a missed deadline: a failure of the process, not of the lead (item 115)."""
    allowed = ""
    if handoff.due_at is not None:
        allowed = f" {span(handoff.due_at - handoff.opened_at)} after the hand-off"
    return {
        "cause": f"breach:{handoff.id}",
        "title": f"Response time missed: {account_name(story)}, tier {handoff.tier}",
        "body": "\n".join(
            [
                f"Nobody has reported a contact by the deadline{allowed}. "
                f"Owner: {owner_name(story)}.",
                "This is a failure of the process, not of the lead: look at the owner's load and "
                "absence, at the route, and at what the alert said.",
                f"Hand-off {handoff.id} of {handoff.program}. A contact that was made is recorded "
                f"by `pql contacted {handoff.id} --by WHO`.",
            ]
        ),
        "severity": "warning",
        "since": now.isoformat(),
    }


def _page_untold(conn: Connection, silent: Sequence[Handoff], now: datetime) -> None:
    """Tell the people on call of leads whose alert has not arrived while their time runs."""
    late = [handoff for handoff in silent if handoff.due_at is not None and handoff.due_at <= now]
    for handoffs, cause, severity, what in (
        (late, "untold:late", "critical", "have missed their deadline before their alert arrived"),
        (silent, "untold", "error", "have half of their time gone before their alert arrived"),
    ):
        if not handoffs:
            continue
        named = ", ".join(f"{one.account_id or one.subject_id} ({one.id})" for one in handoffs[:10])
        more = f" and {len(handoffs) - 10} more" if len(handoffs) > 10 else ""
        notify(
            conn,
            cause=cause,
            title=f"{counted(len(handoffs), 'lead')} {what}",
            body=f"{named}{more}. Tell their owners by another way, then see `pql doctor` for what "
            "holds the messages.",
            severity=severity,
            now=now,
        )
