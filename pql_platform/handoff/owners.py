"""Who owns a lead, from what the ledger knows: who has how many, and who speaks with whom already.

Choosing is `team/assignment.py`; here is only what it is chosen by.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from pql_platform.ledger.crm_tables import crm_companies
from pql_platform.ledger.states import DELIVERED, PENDING
from pql_platform.ledger.tables import handoffs
from pql_platform.team.assignment import Known, Load

_LATELY = timedelta(days=28)
"""How far back it is known who waits longest; of days, only that of `now` counts."""


def leads_given(conn: Connection, now: datetime) -> Load:
    """What everybody got lately, of all programs."""
    query = select(handoffs.c.owner, handoffs.c.opened_at).where(
        handoffs.c.state.in_((PENDING, DELIVERED)),
        handoffs.c.opened_at > now - _LATELY,
        handoffs.c.due_at.is_not(None),
        handoffs.c.owner.is_not(None),
    )
    load = Load()
    for owner, opened_at in conn.execute(query):
        load.add(owner, opened_at)
    return load


@dataclass(frozen=True)
class Conversation:
    """A hand-off of another program that somebody is speaking with an account about."""

    handoff_id: str
    program: str
    owner: str | None
    contact: str | None


def conversations(
    conn: Connection, accounts: Collection[str], program: str
) -> dict[str, list[Conversation]]:
    """The open hand-offs of other programs by account, the latest last."""
    query = (
        select(
            handoffs.c.account_id,
            handoffs.c.id,
            handoffs.c.program,
            handoffs.c.owner,
            handoffs.c.story,
        )
        .where(
            handoffs.c.account_id.in_(accounts),
            handoffs.c.program != program,
            handoffs.c.state.in_((PENDING, DELIVERED)),
            handoffs.c.closed_at.is_(None),
            # Where nobody is asked to call, nobody speaks with them.
            handoffs.c.due_at.is_not(None),
        )
        .order_by(handoffs.c.opened_at, handoffs.c.id)
    )
    found: dict[str, list[Conversation]] = {}
    for row in conn.execute(query):
        contact = (row.story.get("contact") or {}).get("user_id")
        one = Conversation(row.id, row.program, row.owner, contact)
        found.setdefault(row.account_id, []).append(one)
    return found


def known_of(conn: Connection, accounts: Collection[str], program: str) -> dict[str, Known]:
    """Who speaks with each account already: by another program's hand-off, or by the CRM."""
    speaking = conversations(conn, accounts, program)
    owned = {
        row.external_id: row.account_owner
        for row in conn.execute(
            select(crm_companies.c.external_id, crm_companies.c.account_owner).where(
                crm_companies.c.external_id.in_(accounts),
                crm_companies.c.account_owner.is_not(None),
            )
        )
    }
    return {
        account: Known(
            conversation=speaking[account][-1].owner if account in speaking else None,
            program=speaking[account][-1].program if account in speaking else None,
            crm=owned.get(account),
        )
        for account in {*speaking, *owned}
    }
