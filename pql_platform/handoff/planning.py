"""Each crossing as a hand-off with its owner, its deadline, its story and its messages.

Who crosses is `crossings.py`, why nobody is told of one `suppression.py`; writing is the ledger's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import duckdb
import pandas as pd
from sqlalchemy import Connection

from pql_platform.domain.qualification import Entry
from pql_platform.domain.story import AlertStory
from pql_platform.domain.tiering import TierRule
from pql_platform.handoff.by_model import Crosser, crosser
from pql_platform.handoff.messages import messages_of
from pql_platform.handoff.owners import Conversation, conversations, known_of, leads_given
from pql_platform.handoff.stories import Facts, Lead, tell, yesterdays_scores
from pql_platform.handoff.suppression import Silence
from pql_platform.handoff.updates import name_of, slack_of
from pql_platform.ledger.handoffs import NewHandoff, NewMessage
from pql_platform.ledger.keys import handoff_id
from pql_platform.program.sections import Rollout
from pql_platform.qualify.tiers import Thresholds, tier_rules
from pql_platform.qualify.versions import InForce
from pql_platform.team.assignment import Assignment, Known, Load, assign
from pql_platform.team.calendars import working_time_of
from pql_platform.team.schema import Queue, Team


@dataclass(frozen=True)
class Planned:
    """A crossing that is to be written: with its messages, or with why it sends none."""

    handoff: NewHandoff
    story: AlertStory
    messages: Sequence[NewMessage]
    assignment: Assignment


@dataclass(frozen=True)
class Owners:
    """What owners are chosen by: the team, what everybody has, and who speaks with whom."""

    team: Team | None
    load: Load
    known: Mapping[str, Known]
    conversations: Mapping[str, Sequence[Conversation]]

    @classmethod
    def read(
        cls,
        conn: Connection,
        program: str,
        entries: Sequence[Entry],
        team: Team | None,
        now: datetime,
    ) -> Owners:
        """Read it from the ledger, for the accounts that cross."""
        accounts = sorted({entry.subject.account_id or "" for entry in entries})
        return cls(
            team,
            leads_given(conn, now),
            known_of(conn, accounts, program) if accounts else {},
            conversations(conn, accounts, program) if accounts else {},
        )

    def choose(
        self, routed_to: str, account: str, reps: Sequence[str], now: datetime
    ) -> Assignment:
        """Who gets a lead; in a pilot its reps share them all."""
        team = self.team
        if reps and team is not None:
            queue = team.queues.get(routed_to)
            wanted = {name: (queue.members.get(name, 1) if queue else 1) for name in reps}
            routed_to = f"the pilot of {routed_to}"
            pilot = Queue(members=wanted, fallback=queue.fallback if queue else None)
            queues = {**team.queues, routed_to: pilot}
            team = team.model_copy(update={"queues": queues})
            return assign(team, routed_to, self.load, now)
        return assign(team, routed_to, self.load, now, self.known.get(account))


def plan(
    entries: Sequence[Entry],
    silent: Mapping[Crosser, Silence],
    rows: pd.DataFrame,
    warehouse: duckdb.DuckDBPyConnection,
    judge: InForce,
    owners: Owners,
    rollout: Rollout,
    *,
    as_of: datetime,
    run_id: str,
) -> Iterator[Planned]:
    """Every entry as a hand-off with its messages, or with the reason why it sends none.

    Args:
        entries: Who crosses.
        silent: The crossings that are only recorded.
        rows: pql.tiers by level and subject id.
        warehouse: For the facts of the stories.
        judge: What judged.
        owners: What owners are chosen by.
        rollout: How far the program reaches now.
        as_of: The clock of the pass.
        run_id: The run that found the crossings.
    """
    if not entries:
        return
    program, thresholds = judge.program, judge.thresholds
    facts = Facts(warehouse, program, {entry.subject.account_id or "" for entry in entries})
    told = {entry.subject.account_id or "" for entry in entries if crosser(entry) not in silent}
    yesterday = yesterdays_scores(warehouse, program, told, as_of)
    rules = {rule.tier: rule for rule in tier_rules(program)}
    reps = rollout.reps if rollout.stage == "pilot" else ()
    for entry in entries:
        silence = silent.get(crosser(entry))
        row = rows.loc[crosser(entry)]
        tier = rules[int(row["tier"])]
        to = _owner(entry, row, tier, silence, owners, reps, as_of)
        lead = _lead(entry, row, tier, program.program, thresholds, to.owner)
        story = _timed(tell(lead, facts, yesterday), row, tier, to, owners.team, as_of)
        silence = silence or _already_called(story, tier, owners.conversations)
        email = facts.email_of(story.contact.user_id) if story.contact else None
        messages = [] if silence else messages_of(story, tier, email, program.webhooks)
        if not silence and tier.contact_within is not None:
            owners.load.add(to.owner, as_of)
        time = working_time_of(owners.team, to.owner)
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
            opened_at=as_of,
            owner=lead.owner,
            owner_reason=to.reason,
            due_at=story.due_at,
            remind_at=tier.remind_at(as_of, time),
            story=story.to_json(),
            run_id=run_id,
            suppressed_because=silence.reason if silence else None,
            caused_by=silence.caused_by if silence else None,
        )
        yield Planned(new, story, messages, to)


def _owner(
    entry: Entry,
    row: pd.Series,
    tier: TierRule,
    silence: Silence | None,
    owners: Owners,
    reps: Sequence[str],
    as_of: datetime,
) -> Assignment:
    """Who gets it; nobody's turn is used up where nobody is asked to call."""
    if silence is not None or tier.contact_within is None:
        return Assignment(row["owner"], "the route names them")
    return owners.choose(row["owner"], entry.subject.account_id or "", reps, as_of)


def _already_called(
    story: AlertStory, tier: TierRule, speaking: Mapping[str, Sequence[Conversation]]
) -> Silence | None:
    """Whether somebody calls this very person for another program: then nobody else does."""
    if tier.contact_within is None or story.contact is None:
        return None
    for other in speaking.get(story.account_id, ()):
        if other.contact == story.contact.user_id:
            return Silence(
                f"the same contact is handed over for {other.program} ({other.handoff_id})"
            )
    return None


def _timed(
    story: AlertStory,
    row: pd.Series,
    tier: TierRule,
    to: Assignment,
    team: Team | None,
    as_of: datetime,
) -> AlertStory:
    return replace(
        story,
        due_at=tier.due_at(as_of, working_time_of(team, to.owner)),
        owner_name=name_of(team, to.owner),
        owner_slack=slack_of(team, to.owner),
        owner_reason=to.reason,
        routed_to=row["owner"],
        contact_within_minutes=tier.contact_within_minutes,
    )


def _lead(
    entry: Entry, row: pd.Series, tier: TierRule, program: str, thresholds: Thresholds, owner: str
) -> Lead:
    subject = entry.subject
    region = row["region"]
    return Lead(
        handoff_id=handoff_id(program, subject.level, subject.subject_id, entry.number),
        level=subject.level,
        subject_id=subject.subject_id,
        account_id=subject.account_id or "",
        score=subject.score,
        threshold=thresholds.of(subject.level),
        users_over=int(row["users_over"]),
        tier=tier,
        owner=owner,
        region=region if isinstance(region, str) else None,
        crossed_at=pd.Timestamp(row["last_signal_at"]).to_pydatetime().replace(tzinfo=UTC),
        version=thresholds.version,
    )
