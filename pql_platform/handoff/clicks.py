"""What a click in Slack does: an answer to an alert, or a decision about a version.

One handler for both ways in. A click is believed only on the message that the ledger delivered, so
that nothing forged, copied or left over from another installation counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine, select

from pql_platform.adapters.slack_buttons import APPROVE, REJECT, owner_mark
from pql_platform.adapters.slack_clicks import Click
from pql_platform.errors import PqlError
from pql_platform.handoff.answers import SLACK_SOURCE, answer
from pql_platform.ledger.engine import reading
from pql_platform.ledger.feedback import Feedback
from pql_platform.ledger.follow_ups import place_of_alert
from pql_platform.ledger.proposals import place_of_proposal
from pql_platform.ledger.states import FEEDBACK_ACTIONS, NOT_A_FIT, SNOOZE, WRONG_OWNER
from pql_platform.ledger.tables import handoffs
from pql_platform.ledger.versions import find_version
from pql_platform.qualify.promotion import promote_version
from pql_platform.settings import Settings
from pql_platform.team.load import load_team
from pql_platform.team.schema import Person, Team

STRANGE: Final = "This button belongs to no message of this installation."


@dataclass(frozen=True)
class Effect:
    """What a click did, and what whoever clicked is told."""

    changed: bool
    says: str


def take_click(settings: Settings, engine: Engine, click: Click, now: datetime) -> Effect:
    """Do what a click asks for; the same click again changes nothing.

    Args:
        settings: The installation.
        engine: The ledger.
        click: From `read_click`.
        now: The moment.

    Raises:
        PqlError: The team file is refused; nothing was recorded.
    """
    # Outside the try: while the file is refused nothing is recorded, and the click is seen to fail.
    team = load_team(settings.team)
    try:
        if click.handoff_id is not None:
            with engine.begin() as conn:
                return _answered(conn, click, click.handoff_id, team, now)
        if click.version_id is not None:
            return _decided(settings, engine, click, click.version_id, team, now)
    except PqlError as error:
        return Effect(False, str(error))
    return Effect(False, STRANGE)


def _answered(
    conn: Connection, click: Click, handoff_id: str, team: Team | None, now: datetime
) -> Effect:
    place = place_of_alert(conn, handoff_id)
    if click.action not in FEEDBACK_ACTIONS or not _is_on(click, place):
        return Effect(False, STRANGE)
    if click.action == WRONG_OWNER:
        # Pressed twice, or before the alert says whose it is now: said of whom the alert named.
        owner = conn.execute(select(handoffs.c.owner).where(handoffs.c.id == handoff_id)).scalar()
        if owner is not None and click.value != owner_mark(owner):
            return Effect(False, f"It went to {owner} already.")
    given = Feedback(
        handoff_id=handoff_id,
        event_key=_event_key(click, handoff_id),
        action=click.action,
        detail=click.value if click.action in (NOT_A_FIT, SNOOZE) else None,
        source=SLACK_SOURCE,
        given_by=_name(click, team),
        given_at=now,
    )
    done = answer(conn, given, team, now)
    return Effect(done.changed, done.says)


def _is_on(click: Click, place: dict[str, object] | None) -> bool:
    """Whether the click is on the very message that was delivered."""
    return (
        place is not None
        and place.get("channel") == click.channel
        and place.get("ts") == click.message_ts
    )


def _event_key(click: Click, handoff_id: str) -> str:
    """What makes two clicks the same: the message, the action, and what it was said about.

    A snooze may be asked for again later, so there each hundred seconds count; a wrong owner is
    said once of each owner.
    """
    about = click.value
    if click.action == SNOOZE:
        about = f"{click.value}:{click.action_ts.partition('.')[0][:-2]}"
    return f"{SLACK_SOURCE}:{handoff_id}:{click.action}:{about}"[:200]


def _person(click: Click, team: Team | None) -> tuple[str, Person] | None:
    people = team.people.items() if team is not None else ()
    return next(((name, one) for name, one in people if one.slack == click.user_id), None)


def _name(click: Click, team: Team | None) -> str:
    """Who clicked: their name in the team file, else what Slack calls them."""
    known = _person(click, team)
    return known[0] if known is not None else f"{click.user_name} ({click.user_id})"


def _decided(
    settings: Settings,
    engine: Engine,
    click: Click,
    version_id: str,
    team: Team | None,
    now: datetime,
) -> Effect:
    with reading(engine) as conn:
        version = find_version(conn, version_id)
        proposal = place_of_proposal(conn, version.program, version_id) if version else None
    is_decision = click.action in (APPROVE, REJECT)
    if proposal is None or not is_decision or not _is_on(click, proposal.place):
        return Effect(False, STRANGE)
    known = _person(click, team)
    if known is None or not known[1].approves:
        return Effect(
            False,
            "Only people with `approves: true` in the team file decide about versions here; "
            f"`pql promote {version_id}` is the other way.",
        )
    by = known[0]
    if click.action != APPROVE:
        return Effect(False, f"{by} leaves {version_id} a challenger; nothing changes.")
    why = f"approved in Slack by {by}: {proposal.reason}"
    # Against the version that it was held against: what came since was not judged (F67).
    promote_version(settings, version_id, by=by, why=why, now=now, expected=proposal.champion)
    return Effect(True, f"{version_id} is live, made so by {by}. `pql rollback` takes it back.")
