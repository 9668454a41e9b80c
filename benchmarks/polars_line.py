"""The same scores with Polars: lazy frames on its streaming engine, as somebody used to it writes.

Works from the same rules and takes the same shortcuts as floor.sql, as far as the days on which
signals occurred; what they are worth is in `polars_points`. Polars is an extra of the benchmarks.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa

from benchmarks.polars_points import score_table, values_of
from benchmarks.rules import SESSIONS, Rules, read_rules

_HALF_HOUR = 30 * 60 * 1_000_000
"""Microseconds."""


def score_with_polars(folder: Path, as_of: datetime) -> pa.Table:
    """Score every user and account from the inbox files of a folder.

    Args:
        folder: Holds inbox files.
        as_of: Aware instant; what was known by then counts.

    Returns:
        The score table.
    """
    rules = read_rules()
    now = as_of.astimezone(UTC).replace(tzinfo=None)
    known = pl.scan_parquet(folder / "*.parquet").filter(
        pl.col("received_at") <= now, pl.col("occurred_at") <= now
    )
    people, companies, half_hours, counted = pl.collect_all(
        [_people(known), _companies(known), *_behaviour(known, rules)], engine="streaming"
    )
    users = _users(people, half_hours, rules)
    accounts = _accounts(users, companies, half_hours)
    sessions = _sessions(_owned(half_hours, people, users))
    days = pl.concat([_owned(counted, people, users).select(sessions.columns), sessions])
    return score_table(values_of(days, now, rules), users, accounts, rules)


def _people(known: pl.LazyFrame) -> pl.LazyFrame:
    email = pl.col("traits").str.json_path_match("$.email").str.to_lowercase()
    return (
        known.filter(pl.col("type") == "identify")
        .group_by("user_id")
        .agg(
            pl.col("anonymous_id").max().alias("device"),
            pl.col("group_id").max(),
            email.str.split("@").list.get(1, null_on_oob=True).max().alias("email_domain"),
        )
    )


def _companies(known: pl.LazyFrame) -> pl.LazyFrame:
    domain = pl.col("traits").str.json_path_match("$.domain").str.to_lowercase()
    return (
        known.filter(pl.col("type") == "group")
        .group_by(pl.col("group_id").alias("account_id"))
        .agg(domain.max().alias("domain"))
    )


def _behaviour(known: pl.LazyFrame, rules: Rules) -> list[pl.LazyFrame]:
    """What each speaker did: by the half hour, and every counted event once by the day."""
    speaker = [
        pl.coalesce("user_id", "anonymous_id", "group_id").alias("speaker"),
        pl.when(pl.col("user_id").is_not_null())
        .then(1)
        .when(pl.col("anonymous_id").is_not_null())
        .then(2)
        .otherwise(3)
        .alias("voice"),
    ]
    events = (
        known.filter(pl.col("type").is_in(["track", "page", "screen"]))
        .join(pl.LazyFrame([vars(rule) for rule in rules.events]), on="event", how="left")
        .select(
            *speaker,
            *("message_id", "group_id", "occurred_at", "signal"),
            pl.col("is_core").fill_null(value=False),
        )
    )
    half_hours = events.group_by(
        "speaker",
        "voice",
        (pl.col("occurred_at").dt.epoch("us") // _HALF_HOUR).alias("half_hour"),
    ).agg(
        pl.col("group_id").max(),
        pl.col("occurred_at").min().alias("first_at"),
        pl.col("occurred_at").max().alias("last_at"),
        pl.col("is_core").any().alias("is_meaningful"),
    )
    counted = (
        events.filter(pl.col("signal").is_not_null())
        .unique(subset="message_id", keep="any")
        .group_by("speaker", "voice", "signal", pl.col("occurred_at").dt.date().alias("day"))
        .agg(pl.len().cast(pl.Int64).alias("occurrences"))
    )
    return [half_hours, counted]


def _users(people: pl.DataFrame, half_hours: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    seen = half_hours.filter(pl.col("voice") == 1).select(
        pl.col("speaker").alias("user_id"), "group_id"
    )
    company = pl.col("email_domain").filter(~pl.col("email_domain").is_in(rules.personal)).max()
    return (
        pl.concat([people.drop("device"), seen], how="diagonal")
        .group_by("user_id")
        .agg(
            pl.col("group_id").max(),
            pl.col("email_domain").max(),
            company.alias("company"),
        )
        .with_columns(
            pl.coalesce("group_id", "company", pl.concat_str(pl.lit("user:"), "user_id")).alias(
                "account_id"
            )
        )
    )


def _accounts(
    users: pl.DataFrame, companies: pl.DataFrame, half_hours: pl.DataFrame
) -> pl.DataFrame:
    alone = half_hours.filter(pl.col("voice") == 3).select(pl.col("speaker").alias("account_id"))
    return (
        pl.concat(
            [users.select("account_id", "email_domain"), companies, alone.unique()], how="diagonal"
        )
        .group_by("account_id")
        .agg(pl.col("domain").max(), pl.col("email_domain").min())
        .with_columns(pl.coalesce("domain", "email_domain").alias("email_domain"))
    )


def _owned(spoken: pl.DataFrame, people: pl.DataFrame, users: pl.DataFrame) -> pl.DataFrame:
    """Put account_id and user_id in place of the speaker; drop visitors who never signed up."""
    owners = pl.concat(
        [
            users.select("account_id", "user_id", speaker="user_id", voice=1),
            people.select("user_id", speaker="device", voice=2).join(
                users.select("user_id", "account_id"), on="user_id"
            ),
        ],
        how="diagonal",
    )
    return (
        spoken.join(owners, on=["speaker", "voice"], how="left")
        .with_columns(
            pl.when(pl.col("voice") == 3)
            .then(pl.col("speaker"))
            .otherwise(pl.col("account_id"))
            .alias("account_id")
        )
        .filter(pl.col("account_id").is_not_null())
    )


def _sessions(owned: pl.DataFrame) -> pl.DataFrame:
    """Meaningful sessions by user and day, in the columns of the counted events."""
    idle = pl.col("first_at") - pl.col("last_at").shift()
    starts = (pl.col("user_id") != pl.col("user_id").shift()) | (idle > pl.duration(minutes=30))
    return (
        owned.lazy()
        .filter(pl.col("user_id").is_not_null())
        # With and without a login in the same half hour: one stretch, so that none overlap.
        .group_by("account_id", "user_id", "half_hour")
        .agg(pl.col("first_at").min(), pl.col("last_at").max(), pl.col("is_meaningful").any())
        .sort("user_id", "first_at")
        .with_columns(starts.fill_null(value=True).cum_sum().alias("number"))
        .group_by("account_id", "user_id", "number")
        .agg(pl.col("first_at").min().dt.date().alias("day"), pl.col("is_meaningful").any())
        .filter("is_meaningful")
        .group_by("account_id", "user_id", pl.lit(SESSIONS).alias("signal"), "day")
        .agg(pl.len().cast(pl.Int64).alias("occurrences"))
        .collect(engine="streaming")
    )
