"""From tiers to the ledger: who crossed since the last pass, who left, and what each one sends.

Holds the tiers of the moment against the episodes in the ledger. The rules of an episode are in
`domain/qualification.py`; here every decision becomes a row, with its messages in one transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pandas as pd
from sqlalchemy import Connection, Engine

from pql_platform.domain.qualification import (
    Decisions,
    Episode,
    Leave,
    Level,
    Policy,
    Subject,
    decide,
)
from pql_platform.domain.wording import account_name
from pql_platform.handoff.answers import NOT_A_FIT_FOR
from pql_platform.handoff.by_model import digest_of, switch_of
from pql_platform.handoff.endings import adopt_merged, end_episodes, raise_tiers, vanished
from pql_platform.handoff.nurture import out_of_nurture
from pql_platform.handoff.planning import Owners, Planned, plan
from pql_platform.handoff.storms import calm, write_storm
from pql_platform.handoff.suppression import silences
from pql_platform.ledger.digests import write_digest
from pql_platform.ledger.engine import reading
from pql_platform.ledger.episodes import last_closed, nurtured_episodes, open_episodes
from pql_platform.ledger.feedback import misfits
from pql_platform.ledger.handoffs import open_handoff
from pql_platform.ledger.judged_passes import note_judge
from pql_platform.ledger.oncall import notify
from pql_platform.ledger.rollouts import rollout_of
from pql_platform.ledger.states import BY_MODEL
from pql_platform.program.schema import Program
from pql_platform.qualify.tiers import Thresholds, tier_rules
from pql_platform.qualify.versions import InForce
from pql_platform.team.schema import Team

LEVELS: tuple[Level, ...] = ("account", "user")
"""Accounts first: a user of an account that is handed over is not handed over again."""


@dataclass(frozen=True)
class Pass:
    """One pass over the accounts: when, how, by which run, and for which team."""

    as_of: datetime
    backfill: bool
    run_id: str
    team: Team | None = None


@dataclass
class Crossings:
    """What one pass changed in the ledger, as counts."""

    opened: int = 0
    left: int = 0
    risen: int = 0
    digested: int = 0
    suppressed: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Crossings) -> Crossings:
        return Crossings(
            self.opened + other.opened,
            self.left + other.left,
            self.risen + other.risen,
            self.digested + other.digested,
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
    rows = tiers.set_index(["level", "subject_id"], drop=False)
    now, team = this_pass.as_of, this_pass.team
    merged = _adopt(engine, warehouse, program, rows, now)
    with reading(engine) as conn:
        running = open_episodes(conn, program.program)
        nurtured = nurtured_episodes(conn, program.program)
        ended = last_closed(conn, program.program)
        switch = switch_of(conn, judge)
        rollout = rollout_of(conn, program)
        unfit = misfits(conn, program.program, now - NOT_A_FIT_FOR)
    decisions = {
        level: _decide(level, rows, running, ended, merged, program, thresholds, now)
        for level in LEVELS
    }
    rules = {rule.tier: rule for rule in tier_rules(program)}
    decisions = {
        level: out_of_nurture(decisions[level], level, running, nurtured, rows, rules)
        for level in LEVELS
    }
    ending = {leave.episode.id for level in LEVELS for leave in decisions[level].leave}
    going_on = [episode for episode in running if episode.id not in ending]
    entries = [entry for level in LEVELS for entry in decisions[level].enter]
    silent = silences(
        warehouse,
        program,
        entries,
        {episode.subject_id for episode in going_on if episode.level == "account"},
        unfit,
        rollout,
        as_of=now,
        backfill=this_pass.backfill,
        switch=switch,
    )
    with reading(engine) as conn:
        owners = Owners.read(conn, program.program, entries, team, now)
    planned = list(
        plan(
            entries,
            silent,
            rows,
            warehouse,
            judge,
            owners,
            rollout,
            as_of=now,
            run_id=this_pass.run_id,
        )
    )
    by_model = [one.handoff for one in planned if one.handoff.caused_by == BY_MODEL]
    digest = digest_of(switch, by_model, now) if switch else None
    crossings = Crossings()
    with engine.begin() as conn:
        for level in LEVELS:
            crossings.left += end_episodes(
                conn, decisions[level].leave, team, now, tell=not this_pass.backfill
            )
        if not this_pass.backfill:
            crossings.risen = raise_tiers(conn, going_on, rows, rules, team, now)
        _open(conn, program, planned, now, crossings)
        if digest is not None:
            write_digest(conn, program.program, thresholds.version, digest, now)
        note_judge(conn, program.program, thresholds.version)
    return crossings


def _adopt(
    engine: Engine,
    warehouse: duckdb.DuckDBPyConnection,
    program: Program,
    rows: pd.DataFrame,
    now: datetime,
) -> Mapping[str, str]:
    """Hand-offs of subjects that went up in others, by id; most passes have none to write."""
    with reading(engine) as conn:
        if not vanished(open_episodes(conn, program.program), rows):
            return {}
    with engine.begin() as conn:
        return adopt_merged(conn, warehouse, open_episodes(conn, program.program), rows, now)


def _open(
    conn: Connection,
    program: Program,
    planned: Sequence[Planned],
    now: datetime,
    crossings: Crossings,
) -> None:
    """Write hand-offs with their messages, and tell people of those that nobody can take."""
    to_write, listed = calm(conn, planned, program.threshold.alerts_per_hour, now)
    ids = {}
    for one in to_write:
        ids[id(one)] = open_handoff(conn, one.handoff, one.messages)
        if one.handoff.suppressed_because:
            crossings.suppressed[one.handoff.suppressed_because] += 1
        else:
            crossings.opened += 1
        if one.assignment.nobody and not one.handoff.suppressed_because:
            notify(
                conn,
                cause=f"nobody:{one.handoff.owner}",
                title=f"A lead has nobody to call it: {account_name(one.story)}",
                body=f"{one.assignment.nobody}. Hand-off {ids[id(one)]} keeps the owner "
                f"{one.handoff.owner}: name somebody in the team file.",
                severity="critical",
                now=now,
            )
    if listed:
        write_storm(conn, program.program, [(ids[id(one)], one) for one in listed], now)
        crossings.digested = len(listed)


def _decide(
    level: Level,
    rows: pd.DataFrame,
    running: Iterable[Episode],
    ended: Iterable[Episode],
    merged: Mapping[str, str],
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
    ended_with_it = tuple(
        Leave(
            episode,
            f"merged into {merged[episode.id]}"
            if episode.id in merged
            else f"the {level} no longer exists",
        )
        for episode in mine
        if episode.subject_id in gone
    )
    return replace(decisions, leave=decisions.leave + ended_with_it)


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
