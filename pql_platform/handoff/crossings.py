"""From tiers to the ledger: who crossed since the last pass, who left, and what each one sends.

Holds the tiers of the moment against the episodes in the ledger. The rules of an episode are in
`domain/qualification.py`; here every decision becomes a row, with its messages in one transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pandas as pd
from sqlalchemy import Connection, Engine

from pql_platform.domain.qualification import (
    Decisions,
    Entry,
    Episode,
    Leave,
    Level,
    Policy,
    Subject,
    decide,
)
from pql_platform.domain.tiering import TierRule
from pql_platform.handoff.by_model import Crosser, crosser, digest_of, switch_of
from pql_platform.handoff.messages import messages_of
from pql_platform.handoff.stories import Facts, Lead, tell, yesterdays_scores
from pql_platform.handoff.suppression import Silence, silences
from pql_platform.ledger.digests import write_digest
from pql_platform.ledger.engine import reading
from pql_platform.ledger.handoffs import (
    NewHandoff,
    close_episodes,
    last_closed,
    open_episodes,
    open_handoff,
)
from pql_platform.ledger.judged_passes import note_judge
from pql_platform.ledger.keys import handoff_id
from pql_platform.ledger.states import BY_MODEL
from pql_platform.program.schema import Program
from pql_platform.qualify.tiers import Thresholds, tier_rules
from pql_platform.qualify.versions import InForce

LEVELS: tuple[Level, ...] = ("account", "user")
"""Accounts first: a user of an account that is handed over is not handed over again."""


@dataclass(frozen=True)
class Pass:
    """One pass over the accounts: when, how, and by which run."""

    as_of: datetime
    backfill: bool
    run_id: str


@dataclass
class Crossings:
    """What one pass changed in the ledger, as counts."""

    opened: int = 0
    left: int = 0
    suppressed: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Crossings) -> Crossings:
        return Crossings(
            self.opened + other.opened,
            self.left + other.left,
            self.suppressed + other.suppressed,
        )


def record_crossings(
    engine: Engine,
    warehouse: duckdb.DuckDBPyConnection,
    judge: InForce,
    tiers: pd.DataFrame,
    this_pass: Pass,
) -> Crossings:
    """Open a hand-off for each subject that crossed, and end the episodes of those that left.

    Args:
        engine: The ledger.
        warehouse: For the facts of the stories, and for what another version would have said.
        judge: What judged the tiers.
        tiers: pql.tiers of this program.
        this_pass: When and how.
    """
    program, thresholds = judge.program, judge.thresholds
    with reading(engine) as conn:
        running = open_episodes(conn, program.program)
        ended = last_closed(conn, program.program)
        switch = switch_of(conn, judge)
    rows = tiers.set_index(["level", "subject_id"], drop=False)
    decisions = {
        level: _decide(level, rows, running, ended, program, thresholds, this_pass.as_of)
        for level in LEVELS
    }
    accounts_held = {episode.subject_id for episode in running if episode.level == "account"}
    accounts_held -= {leave.episode.subject_id for leave in decisions["account"].leave}
    entries = [entry for level in LEVELS for entry in decisions[level].enter]
    silent = silences(
        warehouse,
        program,
        entries,
        accounts_held,
        as_of=this_pass.as_of,
        backfill=this_pass.backfill,
        switch=switch,
    )
    planned = list(_plan(entries, silent, rows, warehouse, judge, this_pass))
    by_model = [new for new, _ in planned if new.caused_by == BY_MODEL]
    digest = digest_of(switch, by_model, this_pass.as_of) if switch else None
    crossings = Crossings()
    with engine.begin() as conn:
        for level in LEVELS:
            crossings.left += _close(conn, decisions[level].leave, this_pass.as_of)
        for new, messages in planned:
            open_handoff(conn, new, messages)
            if new.suppressed_because:
                crossings.suppressed[new.suppressed_because] += 1
            else:
                crossings.opened += 1
        if digest is not None:
            write_digest(conn, program.program, thresholds.version, digest, this_pass.as_of)
        note_judge(conn, program.program, thresholds.version)
    return crossings


def _decide(
    level: Level,
    rows: pd.DataFrame,
    running: Iterable[Episode],
    ended: Iterable[Episode],
    program: Program,
    thresholds: Thresholds,
    now: datetime,
) -> Decisions:
    mine = [episode for episode in running if episode.level == level]
    known = {episode.subject_id for episode in mine}
    here = rows[(rows["level"] == level) & (rows["qualified"] | rows["subject_id"].isin(known))]
    decisions = decide(
        [_subject(level, row, program) for row in here.to_dict("records")],
        mine,
        [episode for episode in ended if episode.level == level],
        Policy(
            enter=thresholds.of(level),
            leave_margin=program.threshold.leave_margin,
            cooldown=timedelta(days=program.threshold.cooldown_days),
        ),
        now,
    )
    gone = known - set(here["subject_id"])
    vanished = tuple(
        Leave(episode, f"the {level} no longer exists")
        for episode in mine
        if episode.subject_id in gone
    )
    return replace(decisions, leave=decisions.leave + vanished)


def _subject(level: Level, row: dict[str, Any], program: Program) -> Subject:
    return Subject(
        level=level,
        subject_id=row["subject_id"],
        account_id=row["account_id"],
        score=Decimal(row["score"]),
        eligible=bool(row["eligible"]),
        reason_not_eligible=None if row["eligible"] else row["reason"],
        carried_by_users=level == "account"
        and row["users_over"] >= program.account_rule.users_over_threshold,
    )


def _plan(
    entries: list[Entry],
    silent: Mapping[Crosser, Silence],
    rows: pd.DataFrame,
    warehouse: duckdb.DuckDBPyConnection,
    judge: InForce,
    this_pass: Pass,
) -> Iterator[tuple[NewHandoff, list[Any]]]:
    """Every entry as a hand-off with its messages, or with the reason why it sends none."""
    if not entries:
        return
    program, thresholds = judge.program, judge.thresholds
    accounts = {entry.subject.account_id or "" for entry in entries}
    facts = Facts(warehouse, program, accounts)
    told = {entry.subject.account_id or "" for entry in entries if crosser(entry) not in silent}
    yesterday = yesterdays_scores(warehouse, program, told, this_pass.as_of)
    rules = {rule.tier: rule for rule in tier_rules(program)}
    for entry in entries:
        silence = silent.get(crosser(entry))
        row = rows.loc[crosser(entry)]
        tier = rules[int(row["tier"])]
        lead = _lead(entry, row, tier, program, thresholds)
        due_at = tier.due_at(this_pass.as_of)
        story = replace(tell(lead, facts, yesterday), due_at=due_at)
        email = facts.email_of(story.contact.user_id) if story.contact else None
        new = NewHandoff(
            program=program.program,
            motion=program.motion,
            level=entry.subject.level,
            subject_id=lead.subject_id,
            account_id=lead.account_id,
            tier=tier.tier,
            episode=entry.number,
            score=lead.score,
            threshold=lead.threshold,
            version_id=thresholds.version,
            paying=bool(row["is_paying"]),
            crossed_at=lead.crossed_at,
            opened_at=this_pass.as_of,
            owner=lead.owner,
            due_at=due_at,
            story=story.to_json(),
            run_id=this_pass.run_id,
            suppressed_because=silence.reason if silence else None,
            caused_by=silence.caused_by if silence else None,
        )
        yield new, [] if new.suppressed_because else messages_of(story, tier, email)


def _lead(entry: Entry, row: Any, tier: TierRule, program: Program, thresholds: Thresholds) -> Lead:
    subject = entry.subject
    region = row["region"]
    return Lead(
        handoff_id=handoff_id(program.program, subject.level, subject.subject_id, entry.number),
        level=subject.level,
        subject_id=subject.subject_id,
        account_id=subject.account_id or "",
        score=subject.score,
        threshold=thresholds.of(subject.level),
        users_over=int(row["users_over"]),
        tier=tier,
        owner=row["owner"],
        region=region if isinstance(region, str) else None,
        crossed_at=pd.Timestamp(row["last_signal_at"]).to_pydatetime().replace(tzinfo=UTC),
        version=thresholds.version,
    )


def _close(conn: Connection, leaves: Iterable[Leave], now: datetime) -> int:
    count = 0
    for leave in leaves:
        close_episodes(conn, [leave.episode.id], now, leave.reason)
        count += 1
    return count
