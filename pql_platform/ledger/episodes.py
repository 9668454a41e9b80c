"""Episodes as the ledger knows them: which run, which ended last, and under whose name.

An episode is a hand-off seen from its subject. Writing a hand-off is `handoffs`; who enters and who
leaves is decided in `pql_platform.domain.qualification`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from pql_platform.domain.qualification import Episode
from pql_platform.ledger.handoffs import Handoff
from pql_platform.ledger.states import DELIVERED, PENDING
from pql_platform.ledger.tables import handoff_aliases, handoffs


def open_episodes(conn: Connection, program: str) -> list[Episode]:
    """The episodes that run now, of both levels."""
    query = select(handoffs).where(handoffs.c.program == program, handoffs.c.closed_at.is_(None))
    return [_episode(row) for row in conn.execute(query.order_by(handoffs.c.id))]


def last_closed(conn: Connection, program: str) -> list[Episode]:
    """The last ended episode of each subject, from which the cooldown counts."""
    newest = (
        select(
            handoffs.c.level,
            handoffs.c.subject_id,
            func.max(handoffs.c.episode).label("episode"),
        )
        .where(handoffs.c.program == program, handoffs.c.closed_at.is_not(None))
        .group_by(handoffs.c.level, handoffs.c.subject_id)
        .subquery()
    )
    query = (
        select(handoffs)
        .join(
            newest,
            (handoffs.c.level == newest.c.level)
            & (handoffs.c.subject_id == newest.c.subject_id)
            & (handoffs.c.episode == newest.c.episode),
        )
        .where(handoffs.c.program == program)
        .order_by(handoffs.c.id)
    )
    return [*(_episode(row) for row in conn.execute(query)), *_merged_away(conn, program)]


def _merged_away(conn: Connection, program: str) -> list[Episode]:
    """Episodes that go on under another subject's name: for their own, they ended with the merge.

    Should the merge be undone, the subject crosses with the next number and not with a known one.
    """
    query = (
        select(handoff_aliases, handoffs.c.opened_at, handoffs.c.account_id, handoffs.c.tier)
        .join(handoffs, handoff_aliases.c.handoff_id == handoffs.c.id)
        .where(handoff_aliases.c.program == program)
        .order_by(handoff_aliases.c.id)
    )
    return [
        Episode(
            id=row.handoff_id,
            level=row.level,
            subject_id=row.subject_id,
            account_id=row.account_id,
            opened_at=row.opened_at,
            closed_at=row.merged_at,
            number=row.episode,
            tier=row.tier,
        )
        for row in conn.execute(query)
    ]


def rename_subject(
    conn: Connection, handoff: Handoff, subject_id: str, account_id: str, now: datetime
) -> None:
    """Let a hand-off go on under the name of the subject that its own went up in."""
    conn.execute(
        insert(handoff_aliases).values(
            handoff_id=handoff.id,
            program=handoff.program,
            level=handoff.level,
            subject_id=handoff.subject_id,
            episode=handoff.episode,
            merged_at=now,
        )
    )
    conn.execute(
        update(handoffs)
        .where(handoffs.c.id == handoff.id)
        .values(
            subject_id=subject_id,
            account_id=account_id,
            episode=last_episode(conn, handoff.program, handoff.level, subject_id) + 1,
            story={**handoff.story, "account_id": account_id},
        )
    )


def last_episode(conn: Connection, program: str, level: str, subject_id: str) -> int:
    """The number of a subject's latest episode; 0 when it never had one."""
    numbers = [
        conn.execute(
            select(func.max(table.c.episode)).where(
                table.c.program == program,
                table.c.level == level,
                table.c.subject_id == subject_id,
            )
        ).scalar()
        for table in (handoffs, handoff_aliases)
    ]
    return max(number or 0 for number in numbers)


def nurtured_episodes(conn: Connection, program: str) -> frozenset[str]:
    """The running hand-offs that nobody is asked to call, by id."""
    query = select(handoffs.c.id).where(
        handoffs.c.program == program,
        handoffs.c.closed_at.is_(None),
        handoffs.c.state.in_((PENDING, DELIVERED)),
        handoffs.c.due_at.is_(None),
    )
    return frozenset(conn.execute(query).scalars())


def _episode(row: Row[Any]) -> Episode:
    return Episode(
        id=row.id,
        level=row.level,
        subject_id=row.subject_id,
        account_id=row.account_id,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        number=row.episode,
        tier=row.tier,
    )
