"""Ways to make an account's score of its users', computed at any past instant of a warehouse.

Some are programs of their own (`VARIANTS`), scored side by side by the platform's models; the
others are made of its user scores. Also who bought afterwards, and people who join. Nothing is
judged here.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
from ruamel.yaml import YAML

from pql_platform.intake.files import take_in, take_in_records
from pql_platform.program.schema import Program
from pql_platform.settings import Settings, load_settings
from pql_platform.warehouse.building import build
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.loading import load_inbox
from pql_platform.warehouse.rescoring import as_known_at, live_schemas

OURS = "best_user_spread_cap"

_NO_LIMITS = {"spread_points": 0, "single_user_cap": 100}
VARIANTS: dict[str, tuple[dict[str, int], str | None]] = {
    OURS: ({}, None),
    "best_user": (_NO_LIMITS, None),
    "team": (_NO_LIMITS, "team"),
    "team_spread": ({"single_user_cap": 100}, "team"),
}
"""Name of a program -> what it changes in account_rule, and the account_value of every signal."""

FROM_USERS = ("best_score", "mean_of_three", "sum_of_three", "sum_of_users")
"""Made of whole user scores; see `from_users`."""

ALTERNATIVES = (OURS, "best_user", *FROM_USERS, "team", "team_spread", "users")
"""Columns of `scores_at`; `users` is the number of users alone, as a yardstick."""

NEWCOMERS = 10


@dataclass(frozen=True)
class Joining:
    """What people do who join an account: one event each, in turn, so long before the instant."""

    title: str
    events: tuple[str, ...]
    ago: timedelta


def joinings(program: Program) -> tuple[Joining, ...]:
    """People who only log in, and people who do one core action each, long ago or yesterday."""
    work = program.meaningful_events
    return (
        Joining("10 idle people join", ("Logged In",), timedelta(days=1)),
        Joining("10 who did one thing 3 weeks ago", work, timedelta(days=21)),
        Joining("10 who did one thing yesterday", work, timedelta(days=1)),
    )


def prepare(program: Path, events: Path, end: datetime, folder: Path) -> Settings:
    """Load a history into a new warehouse that scores every variant of the program.

    Args:
        program: The program file.
        events: Its product's events.
        end: Aware instant, the end of the history.
        folder: Where the warehouse and the program files go; created.
    """
    settings = _settings_of(folder / "home", folder / "programs")
    write_variants(program, settings.programs)
    take_in(events, settings.inbox, now=end)
    with open_warehouse(settings) as connection:
        load_inbox(connection, settings, end)
    build(settings, end)
    return settings


def write_variants(program: Path, folder: Path) -> None:
    """Write one program file per entry of `VARIANTS`, each under its own name."""
    yaml = YAML(typ="safe")
    folder.mkdir(parents=True)
    for name, (rule, account_value) in VARIANTS.items():
        written = yaml.load(program.read_text(encoding="utf-8"))
        written["program"] = name
        written["account_rule"] = {**written.get("account_rule", {}), **rule}
        if account_value:
            for signal in written["signals"]:
                signal["account_value"] = account_value
        with (folder / f"{name}.yaml").open("w", encoding="utf-8") as file:
            yaml.dump(written, file)


def scores_at(
    connection: duckdb.DuckDBPyConnection, date: datetime, accounts: Iterable[str] | None = None
) -> pd.DataFrame:
    """The accounts as they were known at an instant, whatever was received later.

    Returns:
        By account_id: the columns `ALTERNATIVES`, `is_paying` and `is_excluded`.
    """
    with as_known_at(connection, date, accounts), live_schemas(connection):
        scores = connection.execute(
            "SELECT program, level, account_id, score::DOUBLE AS score FROM scores.composites"
        ).df()
        facts = connection.execute(
            "SELECT account_id, users::DOUBLE AS users, is_paying,"
            " excluded_as IS NOT NULL AS is_excluded"
            " FROM features.subjects WHERE level = 'account' AND program = ?",
            [OURS],
        ).df()
    accounts_only = scores[scores["level"] == "account"]
    by_program = accounts_only.pivot(index="account_id", columns="program", values="score")
    # The four programs differ at account level only.
    made = from_users(scores[(scores["level"] == "user") & (scores["program"] == OURS)])
    table = (
        facts.set_index("account_id").join(by_program.reindex(columns=list(VARIANTS))).join(made)
    )
    # Where all people are anonymous there is no user to take a score from.
    return table.fillna(dict.fromkeys(FROM_USERS, 0.0))


def from_users(users: pd.DataFrame) -> pd.DataFrame:
    """Account scores made of whole user scores: the columns `FROM_USERS`, by account_id.

    Args:
        users: Columns `account_id` and `score`, one row per user.
    """
    scores = users.sort_values("score", ascending=False).groupby("account_id")["score"]
    best_three = scores.head(3).groupby(users["account_id"])
    columns = (scores.max(), best_three.mean(), best_three.sum(), scores.sum())
    return pd.DataFrame(dict(zip(FROM_USERS, columns, strict=True)))


def outcomes(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Accounts at the end of the history, by account_id: `first_seen_at` and `converted_at`."""
    found = connection.execute(
        "SELECT account_id, first_seen_at, converted_at FROM features.subjects"
        " WHERE level = 'account' AND program = ?",
        [OURS],
    ).df()
    return found.set_index("account_id")


def to_be_won(
    scores: pd.DataFrame, outcome: pd.DataFrame, date: datetime, horizon: timedelta
) -> pd.DataFrame:
    """The accounts that could still be won at an instant, and whether they `bought` in time.

    Left out: who pays already, known by then or not; who is on an exclusion list; who has no row
    in `outcome`, because later messages showed the account to be another.

    Args:
        scores: What `scores_at` returned for `date`.
        outcome: What `outcomes` returned; the history must go on for `horizon` after `date`.
        date: Aware instant.
        horizon: How long after it a purchase counts.
    """
    converted_at = outcome["converted_at"].reindex(scores.index)
    start = naive(date)
    bought = (converted_at > start) & (converted_at <= start + horizon)
    left_out = scores["is_paying"] | scores["is_excluded"] | (converted_at <= start)
    return scores.assign(bought=bought, date=date)[~left_out & scores.index.isin(outcome.index)]


def changes(
    settings: Settings, home: Path, joining: Joining, accounts: Sequence[str], date: datetime
) -> pd.DataFrame:
    """By how much each score of some accounts changes when people join them.

    Args:
        settings: A prepared warehouse; it is not changed.
        home: Where a copy goes, for as long as this takes.
        joining: What they do.
        accounts: Whom they join.
        date: The instant of both scores.
    """
    shutil.copytree(settings.home, home, ignore=shutil.ignore_patterns("sqlmesh*", "archive"))
    copy = _settings_of(home, settings.programs)
    columns = list(ALTERNATIVES)
    with open_warehouse(copy) as connection:
        before = scores_at(connection, date, accounts)[columns]
        messages = newcomers(joining, accounts, date)
        take_in_records(messages, copy.inbox, now=date, label="newcomers")
        load_inbox(connection, copy, date)
        after = scores_at(connection, date, accounts)[columns]
    shutil.rmtree(home)
    return after - before


def newcomers(
    joining: Joining, accounts: Iterable[str], date: datetime
) -> Iterator[dict[str, Any]]:
    """The messages of `NEWCOMERS` people in each account."""
    for account in accounts:
        for number in range(NEWCOMERS):
            at = (date - joining.ago + timedelta(minutes=number)).isoformat()
            person = f"newcomer-{number}-{account}"
            yield {
                "messageId": person,
                "type": "track",
                "event": joining.events[number % len(joining.events)],
                "userId": person,
                "timestamp": at,
                "receivedAt": at,
                "context": {"groupId": account},
            }


def naive(moment: datetime) -> pd.Timestamp:
    """An aware instant as the warehouse writes it: UTC without saying so."""
    return pd.Timestamp(moment.astimezone(UTC).replace(tzinfo=None))


def _settings_of(home: Path, programs: Path) -> Settings:
    settings = load_settings().model_copy(update={"home": home, "programs": programs})
    settings.prepare_home()
    return settings
