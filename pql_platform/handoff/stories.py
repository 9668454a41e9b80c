"""The facts that go with a lead, gathered from the warehouse as they stand at the crossing.

Gathers only: wording is `domain/wording.py`, deciding who crosses is `crossings.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import duckdb
import pandas as pd

from pql_platform.domain.points import SINGLE_USER_CAP, SPREAD
from pql_platform.domain.reason_wording import PERSON, TEAM
from pql_platform.domain.story import AlertStory, Contact, OtherReason, SignalFact
from pql_platform.domain.tiering import TierRule
from pql_platform.program.playbooks import JOINED
from pql_platform.program.schema import Program
from pql_platform.program.signals import CATEGORIES, Signal
from pql_platform.warehouse import statements
from pql_platform.warehouse.rescoring import as_known_at


@dataclass(frozen=True)
class Lead:
    """One crossing, before its facts are gathered."""

    handoff_id: str
    level: str
    subject_id: str
    account_id: str
    score: Decimal
    threshold: Decimal
    users_over: int
    tier: TierRule
    owner: str
    region: str | None
    crossed_at: datetime
    version: str


class Facts:
    """What the warehouse knows of some accounts of one program."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, program: Program, accounts: Collection[str]
    ) -> None:
        self.program = program
        wanted = {"program": program.program, "accounts": sorted(accounts)}
        self.accounts = statements.query(connection, "story_accounts", **wanted).set_index(
            "account_id"
        )
        self.people = statements.query(connection, "story_people", **wanted)
        self.reasons = statements.query(connection, "story_reasons", **wanted)

    def reasons_of(self, level: str, subject_id: str) -> pd.DataFrame:
        """The contributions of one user or account, most points first."""
        mine = (self.reasons["level"] == level) & (self.reasons["subject_id"] == subject_id)
        return self.reasons[mine]

    def email_of(self, user_id: str) -> str | None:
        """The address of one person, for the CRM."""
        addresses = self.people.loc[self.people["user_id"] == user_id, "email"]
        return None if addresses.empty else _text(addresses.iloc[0])


def yesterdays_scores(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    accounts: Collection[str],
    as_of: datetime,
) -> dict[tuple[str, str], Decimal]:
    """Scores of those accounts and their users a day before, as they were known then.

    Returns:
        By level and subject id; absent where the subject was not known yet.
    """
    if not accounts:
        return {}
    with as_known_at(connection, as_of - timedelta(days=1), accounts):
        rows = connection.execute(
            "SELECT level, subject_id, score FROM live.scores.composites WHERE program = ?",
            [program.program],
        ).fetchall()
    return {(level, subject_id): score for level, subject_id, score in rows}


def tell(
    lead: Lead,
    facts: Facts,
    yesterday: Mapping[tuple[str, str], Decimal],
) -> AlertStory:
    """Put the story of one lead together."""
    program = facts.program
    account = facts.accounts.loc[lead.account_id]
    reasons = facts.reasons_of(lead.level, lead.subject_id)
    signals = {signal.name: signal for signal in program.signals}
    contact = _contact(lead, facts)
    return AlertStory(
        handoff_id=lead.handoff_id,
        program=program.program,
        motion=program.motion,
        level=lead.level,
        account_id=lead.account_id,
        account_name=_text(account["name"]),
        employees=_whole(account["employees"]),
        industry=_text(account["industry"]),
        plan=_text(account["plan"]),
        country=_text(account["country"]),
        region=lead.region,
        segment=_text(account["segment"]),
        users=int(account["users"]),
        active_users=int(account["active_users"]),
        users_over_threshold=lead.users_over,
        signed_up_on=_moment(account["first_seen_at"]).date(),
        contact=contact,
        score=lead.score,
        threshold=lead.threshold,
        yesterday_score=yesterday.get((lead.level, lead.subject_id)),
        categories={
            category: _points(reasons.loc[reasons["category"] == category, "points"].sum())
            for category in CATEGORIES
        },
        category_weights={
            category: Decimal(program.weights.get(category, 0)) for category in CATEGORIES
        },
        signals=tuple(
            _signal_fact(signals[row["signal"]], row, lead)
            for row in reasons.to_dict("records")
            if row["signal"] in signals
        ),
        other_reasons=tuple(
            _other_reason(program, row)
            for row in reasons.to_dict("records")
            if row["signal"] not in signals
        ),
        tier=lead.tier.tier,
        tier_reason=lead.tier.reason,
        playbook=JOINED.join(
            program.playbook("account" if lead.level == "account" else "user", lead.tier.tier)
        ),
        owner=lead.owner,
        escalate_to=lead.tier.escalate_to,
        crossed_at=lead.crossed_at,
        due_at=None,
        half_life_days=program.half_life_days,
        version=lead.version,
        value_metric=program.value_metric,
        analytics_url=_link(program.links.analytics, lead.account_id, contact),
        crm_url=_link(program.links.crm, lead.account_id, contact),
    )


def _signal_fact(signal: Signal, row: Mapping[str, Any], lead: Lead) -> SignalFact:
    first_at = _moment(row["first_at"])
    actor = "" if lead.level == "user" else TEAM if signal.counts_team else PERSON
    return SignalFact(
        name=signal.name,
        category=signal.category,
        says=signal.says_one if signal.says_one and row["value"] == 1 else signal.says,
        value=Decimal(str(round(row["value"], 2))),
        threshold=Decimal(signal.threshold),
        window_days=signal.window_days,
        points=_points(row["points"]),
        max_points=_points(row["max_points"]),
        speakable=signal.speakable,
        first_time=bool(row["occurrences_ever"] == 1)
        and lead.crossed_at - first_at < timedelta(days=signal.window_days),
        occurrences_ever=int(row["occurrences_ever"]),
        last_at=_moment(row["last_at"]) if actor != PERSON else None,
        actor=actor,
        user_id=_text(row["user_id"]),
        person=_text(row["person"]),
        last_on=_moment(row["last_on"]).date() if actor == PERSON else None,
        counts=signal.measure == "count",
    )


def _other_reason(program: Program, row: Mapping[str, Any]) -> OtherReason:
    value = None
    if row["category"] == SPREAD:
        value = Decimal(int(row["value"]))
    elif row["signal"] == SINGLE_USER_CAP:
        value = program.account_rule.single_user_cap
    return OtherReason(row["signal"], row["category"], _points(row["points"]), value)


def _contact(lead: Lead, facts: Facts) -> Contact | None:
    people = facts.people[facts.people["account_id"] == lead.account_id]
    if lead.level == "user":
        people = people[people["user_id"] == lead.subject_id]
    if people.empty:
        return None
    best = people.iloc[0]
    return Contact(
        user_id=best["user_id"],
        name=_text(best["name"]),
        title=_text(best["title"]),
        # Of a private mailbox the provider says nothing about the person.
        email_domain=None if lead.account_id.startswith("user:") else _text(best["email_domain"]),
        signed_up_on=_moment(best["first_seen_at"]).date(),
        score=_points(best["score"]),
    )


def _link(template: str | None, account_id: str, contact: Contact | None) -> str | None:
    if template is None:
        return None
    user_id = contact.user_id if contact else ""
    return template.format(account_id=quote(account_id, safe=""), user_id=quote(user_id, safe=""))


def _points(value: float) -> Decimal:
    # Quarter points are exact in binary, so this loses nothing.
    return Decimal(value)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)


def _moment(value: Any) -> datetime:
    moment: datetime = pd.Timestamp(value).to_pydatetime()
    return moment.replace(tzinfo=UTC)
