"""What becomes of leads that were handed over: they end, they rise, they merge with others.

Decided on every pass from the scores; told in the thread of the alert and in the CRM. Who crosses
is `crossings.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import duckdb
import pandas as pd
from sqlalchemy import Connection, exists, select

from pql_platform.domain.qualification import Episode, Leave
from pql_platform.domain.tiering import TierRule
from pql_platform.handoff.nurture import ROSE
from pql_platform.handoff.updates import story_of, tell_end, tell_rise, withdraw_task
from pql_platform.ledger.episodes import rename_subject
from pql_platform.ledger.follow_ups import change_handoff, place_of_alert
from pql_platform.ledger.handoffs import Handoff, close_episodes, find_handoff, record_outcome
from pql_platform.ledger.states import DELIVERED, IN_FLIGHT, PENDING
from pql_platform.ledger.tables import outbox
from pql_platform.team.calendars import working_time_of
from pql_platform.team.schema import Team
from pql_platform.warehouse import statements

CONVERTED = "converted"
EXPIRED = "expired"
RISEN = "risen"

_BOUGHT = "no longer eligible: already pays"
"""The reason of an episode of new business that ends with the purchase."""


def end_episodes(
    conn: Connection, leaves: Iterable[Leave], team: Team | None, now: datetime, *, tell: bool
) -> int:
    """End episodes, and tell whoever was told of their beginning.

    Args:
        conn: In a transaction.
        leaves: Which end, and why.
        team: Who is who.
        now: The moment.
        tell: False in a pass that tells nobody anything.

    Returns:
        How many ended.
    """
    count = 0
    for leave in leaves:
        close_episodes(conn, [leave.episode.id], now, leave.reason)
        count += 1
        if not tell:
            continue
        handoff = find_handoff(conn, leave.episode.id)
        if handoff.state in (DELIVERED, PENDING):
            _tell(conn, handoff, leave.reason, team, now)
        elif _task_exists(conn, handoff.id):
            withdraw_task(conn, handoff, leave.reason, now)
    return count


def _tell(
    conn: Connection, handoff: Handoff, reason: str, team: Team | None, now: datetime
) -> None:
    bought = reason == _BOUGHT
    if handoff.outcome is None:
        risen = reason.startswith(ROSE)
        record_outcome(conn, handoff.id, CONVERTED if bought else RISEN if risen else EXPIRED)
    why = "They bought" if bought else f"Not a lead any more: {reason}"
    if place_of_alert(conn, handoff.id) is not None:
        tell_end(conn, handoff, story_of(handoff, team), why, now)
    # A conversation that has begun is the rep's to end.
    if (bought or handoff.contacted_at is None) and _task_exists(conn, handoff.id):
        withdraw_task(conn, handoff, why, now)


def _task_exists(conn: Connection, handoff_id: str) -> bool:
    task = exists().where(
        outbox.c.handoff_id == handoff_id,
        outbox.c.kind == "crm_task",
        outbox.c.state.in_((DELIVERED, *IN_FLIGHT)),
    )
    return bool(conn.execute(select(task)).scalar())


def raise_tiers(
    conn: Connection,
    running: Iterable[Episode],
    rows: pd.DataFrame,
    rules: Mapping[int, TierRule],
    team: Team | None,
    now: datetime,
) -> int:
    """Tell of leads that have risen to a more urgent tier since they were handed over.

    Args:
        conn: In a transaction.
        running: The episodes that go on.
        rows: pql.tiers by level and subject id.
        rules: The tiers of the program.
        team: Whose working time a deadline is in.
        now: The moment.

    Returns:
        How many rose.
    """
    risen = 0
    for episode in running:
        key = (episode.level, episode.subject_id)
        if key not in rows.index or not rows.at[key, "qualified"]:
            continue
        tier = rules[int(rows.at[key, "tier"])]
        if tier.tier < episode.tier:
            risen += _rise(conn, find_handoff(conn, episode.id), rows.loc[key], tier, team, now)
    return risen


def _rise(
    conn: Connection,
    handoff: Handoff,
    row: pd.Series,
    tier: TierRule,
    team: Team | None,
    now: datetime,
) -> bool:
    if place_of_alert(conn, handoff.id) is None:
        # In a digest, or not told yet: then there is nothing to add to.
        return False
    story = story_of(handoff, team)
    due_at, remind_at = handoff.due_at, handoff.remind_at
    if tier.contact_within is not None and handoff.contacted_at is None:
        time = working_time_of(team, story.owner)
        sooner = time.deadline(now, tier.contact_within)
        if due_at is None or sooner < due_at:
            due_at, remind_at = sooner, time.halfway(now, tier.contact_within)
    story = replace(
        story,
        tier=tier.tier,
        tier_reason=tier.reason,
        escalate_to=tier.escalate_to,
        due_at=due_at,
        contact_within_minutes=tier.contact_within_minutes,
    )
    told = replace(story, score=Decimal(row["score"]))
    new = tell_rise(conn, handoff, told, now)
    change_handoff(
        conn,
        handoff.id,
        {
            "tier": tier.tier,
            "due_at": due_at,
            "remind_at": remind_at,
            "story": {**handoff.story, **story.to_json()},
        },
    )
    return new


def vanished(running: Iterable[Episode], rows: pd.DataFrame) -> list[Episode]:
    """The episodes of subjects that are scored no more."""
    present = set(rows.index)
    return [one for one in running if (one.level, one.subject_id) not in present]


def adopt_merged(
    conn: Connection,
    warehouse: duckdb.DuckDBPyConnection,
    running: Collection[Episode],
    rows: pd.DataFrame,
    now: datetime,
) -> dict[str, str]:
    """Let hand-offs whose subject went up in another one go on under that one's name.

    A merge is no crossing: whoever was told of one of the two is not told of the other. Where the
    survivor has a hand-off of its own, that one goes on and the other ends with the pass.

    Args:
        conn: In a transaction.
        warehouse: Says where the contact of a vanished account is now.
        running: The episodes of the program that run.
        rows: pql.tiers by level and subject id.
        now: The moment.

    Returns:
        By the id of each hand-off whose subject merged: the survivor.
    """
    present = set(rows.index)
    gone = vanished(running, rows)
    handoffs = {one.id: find_handoff(conn, one.id) for one in gone}
    survivors = _survivors(warehouse, list(handoffs.values()))
    held = {(one.level, one.subject_id) for one in running}
    for episode in gone:
        survivor = survivors.get(episode.id)
        if survivor is None or (episode.level, survivor) in held:
            continue
        key = (episode.level, survivor)
        if key not in present:
            continue
        held.add(key)
        rename_subject(conn, handoffs[episode.id], survivor, rows.at[key, "account_id"], now)
    return survivors


def _survivors(
    warehouse: duckdb.DuckDBPyConnection, handoffs: Collection[Handoff]
) -> dict[str, str]:
    """Where the person of each hand-off is now: the user they became, or their account."""
    people = {
        one.id: one.subject_id
        if one.level == "user"
        else (one.story.get("contact") or {}).get("user_id")
        for one in handoffs
    }
    known = sorted({person for person in people.values() if person is not None})
    if not known:
        return {}
    now = statements.query(warehouse, "people_now", users=known).set_index("user_id")
    levels = {one.id: one.level for one in handoffs}
    found = {}
    for id_, person in people.items():
        if person is not None and person in now.index:
            column = "merged_into" if levels[id_] == "user" else "account_id"
            survivor = now.at[person, column]
            if isinstance(survivor, str):
                found[id_] = survivor
    return {
        one.id: found[one.id]
        for one in handoffs
        if one.id in found and found[one.id] != one.subject_id
    }
