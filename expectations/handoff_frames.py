"""The small frames that the suite about hand-offs judges, drawn from the ledger.

Hand-offs of the past week and those without a fate: an old fault that is mended must not hold
deliveries for ever. Of a story only lengths and counts go in, so that nothing personal reaches the
Data Docs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Row, or_, select

from expectations.frames import MAX_ROWS, Frames, without_addresses
from pql_platform.ledger.states import DEAD, DELIVERED, PENDING, SUPPRESSED
from pql_platform.ledger.tables import handoffs

_WEEK = timedelta(days=7)


def handoff_frames(conn: Connection, now: datetime) -> Frames:
    """Draw the frames of `HANDOFFS`; none while nobody was ever handed over.

    Args:
        conn: The ledger.
        now: The clock of the run, aware UTC.
    """
    if conn.execute(select(handoffs.c.id).limit(1)).first() is None:
        return {}
    rows = conn.execute(
        select(handoffs)
        .where(or_(handoffs.c.opened_at > now - _WEEK, handoffs.c.state == PENDING))
        .order_by(handoffs.c.opened_at.desc(), handoffs.c.id)
        .limit(MAX_ROWS)
    )
    judged = pd.DataFrame([_figures(row, now) for row in rows], columns=list(_COLUMNS))
    judged = judged.astype(_COLUMNS)
    return {
        "handoffs": judged.drop(columns=["program", "without_contact"]),
        "subjects": _subjects(conn, now),
        "week": _week(judged),
    }


# The type of each figure, because a column without values has none of its own.
_COLUMNS = {
    "handoff": "object",
    "program": "object",
    "state": "object",
    "told": "float64",
    "delivered": "float64",
    "escalates": "float64",
    "age_hours": "float64",
    "points_over_threshold": "float64",
    "hours_from_crossing": "float64",
    "hours_to_deadline": "float64",
    "hours_to_delivery": "float64",
    "length_of_account_name": "float64",
    "reasons": "float64",
    "addresses": "float64",
    "without_contact": "float64",
}


def _figures(row: Row[Any], now: datetime) -> dict[str, object]:
    story: Mapping[str, Any] = row.story
    contact: Mapping[str, Any] = story.get("contact") or {}
    account_name = story.get("account_name") or ""
    carried = row.level == "account" and (story.get("users_over_threshold") or 0) > 0
    return {
        "handoff": row.id,
        "program": row.program,
        "state": row.state,
        "told": float(row.state != SUPPRESSED),
        "delivered": float(row.state == DELIVERED),
        "escalates": float(bool(story.get("escalate_to"))),
        "age_hours": _hours(row.opened_at, now),
        "points_over_threshold": math.nan if carried else float(row.score - row.threshold),
        "hours_from_crossing": _hours(row.crossed_at, row.opened_at),
        "hours_to_deadline": _hours(row.opened_at, row.due_at),
        "hours_to_delivery": _hours(row.opened_at, row.delivered_at),
        "length_of_account_name": float(len(account_name.strip())),
        "reasons": float(_count_of_reasons(story)),
        "addresses": float(sum("@" in name for name in (account_name, contact.get("name") or ""))),
        "without_contact": float(not contact),
    }


def _count_of_reasons(story: Mapping[str, Any]) -> int:
    """Signals, and whatever else gave points; what took some away is no reason to call."""
    others = story.get("other_reasons") or ()
    given = [reason for reason in others if reason["category"] in ("compound", "spread")]
    return len(story.get("signals") or ()) + len(given)


def _hours(start: datetime, end: datetime | None) -> float:
    return math.nan if end is None else (end - start) / timedelta(hours=1)


def _subjects(conn: Connection, now: datetime) -> pd.DataFrame:
    """How often the same user or account was handed over, those with the most first."""
    columns = [handoffs.c.program, handoffs.c.level, handoffs.c.subject_id]
    rows = conn.execute(
        select(*columns).where(handoffs.c.opened_at > now - _WEEK, handoffs.c.state != SUPPRESSED)
    )
    crossings = pd.DataFrame(rows.all(), columns=["program", "level", "subject"])
    counted = crossings.value_counts().rename("times_in_a_week").reset_index().head(MAX_ROWS)
    return without_addresses(counted.astype({"subject": "object"}), "subject").astype(
        {"times_in_a_week": "float64"}
    )


def _week(judged: pd.DataFrame) -> pd.DataFrame:
    """One row per program: what became of the past week's hand-offs."""
    told = judged[(judged["told"] == 1) & (judged["age_hours"] <= _WEEK / timedelta(hours=1))]
    return (
        told.assign(dead=(told["state"] == DEAD).astype("float64"))
        .groupby("program", as_index=False)
        .agg(
            handoffs=("handoff", "size"),
            dead_share=("dead", "mean"),
            without_contact_share=("without_contact", "mean"),
        )
        .astype({"handoffs": "float64"})
    )
