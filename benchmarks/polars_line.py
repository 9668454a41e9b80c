"""The same scores with Polars: lazy frames on its streaming engine, as somebody used to it writes.

Works from the same rules and takes the same shortcuts as floor.sql. Polars is an extra of the
benchmarks; nothing else imports it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa

from benchmarks.rules import SESSIONS, Rules, read_rules
from benchmarks.scores import SCHEMA

_STRENGTH_DIGITS = 9
"""Decimals to which the strengths of two users are compared, as the platform does."""

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
    valued = _valued(days, now, rules)
    return _scores(_points(valued, rules), _engaged(valued), users, accounts, rules)


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


def _valued(days: pl.DataFrame, now: datetime, rules: Rules) -> pl.DataFrame:
    """Each user's value of each signal; an account's own doings have no user."""
    days_ago = (pl.lit(now.date()) - pl.col("day")).dt.total_days()
    in_window = pl.col("occurrences").filter(pl.col("days_ago") < pl.col("window_days"))
    return (
        days.with_columns(days_ago.alias("days_ago"))
        .join(_signal_rules(rules), on="signal")
        .group_by("account_id", "user_id", "signal")
        .agg(
            in_window.sum().cast(pl.Float64).alias("value"),
            pl.col("days_ago").min().alias("days_since_last"),
        )
    )


def _signal_rules(rules: Rules) -> pl.DataFrame:
    return pl.DataFrame([vars(rule) for rule in rules.signals])


def _decay(rules: Rules) -> pl.Expr:
    return pl.lit(0.5).pow(pl.col("days_since_last") / rules.program.half_life_days)


def _signals(valued: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """The value of each signal for each user, and for each account that of its best user."""
    share = pl.min_horizontal("value", "threshold") / pl.col("threshold")
    best = ["strength", "value", "days_since_last"]
    of_accounts = (
        valued.join(_signal_rules(rules), on="signal")
        .with_columns((share * _decay(rules)).round(_STRENGTH_DIGITS).alias("strength"))
        .sort(best, descending=[True, True, False])
        .group_by("account_id", "signal", "counts_team")
        .agg(
            pl.col("value").first(),
            pl.col("days_since_last").first(),
            pl.col("value").sum().alias("team_value"),
            pl.col("days_since_last").min().alias("team_days"),
        )
        .select(
            pl.lit("account").alias("level"),
            pl.col("account_id").alias("subject_id"),
            "signal",
            pl.when("counts_team").then("team_value").otherwise("value").alias("value"),
            pl.when("counts_team")
            .then("team_days")
            .otherwise("days_since_last")
            .alias("days_since_last"),
        )
    )
    of_users = valued.filter(pl.col("user_id").is_not_null()).select(
        pl.lit("user").alias("level"),
        pl.col("user_id").alias("subject_id"),
        *of_accounts.columns[2:],
    )
    return pl.concat([of_users, of_accounts])


def _points(valued: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """What every user and account earns by signals and compounds."""
    signals = _signals(valued, rules)
    measured = pl.col("max_points") * 4 * pl.min_horizontal("value", "threshold")
    earned = (
        signals.join(_signal_rules(rules), on="signal")
        .group_by("level", "subject_id")
        .agg(((measured / pl.col("threshold") * _decay(rules)).floor() / 4).sum().alias("points"))
    )
    compounds = (
        signals.join(pl.DataFrame([vars(rule) for rule in rules.compounds]), on="signal")
        .filter(pl.col("value") >= pl.col("at_least"))
        .group_by("level", "subject_id", "compound", "points", "conditions")
        .len()
        .filter(pl.col("len") == pl.col("conditions"))
        .select("level", "subject_id", "points")
    )
    return pl.concat([earned, compounds]).group_by("level", "subject_id").agg(pl.sum("points"))


def _engaged(valued: pl.DataFrame) -> pl.DataFrame:
    return (
        valued.filter(pl.col("value") > 0, pl.col("user_id").is_not_null())
        .group_by("account_id")
        .agg(pl.col("user_id").n_unique().cast(pl.Int64).alias("engaged"))
    )


def _scores(
    points: pl.DataFrame,
    engaged: pl.DataFrame,
    users: pl.DataFrame,
    accounts: pl.DataFrame,
    rules: Rules,
) -> pa.Table:
    program = rules.program
    further = pl.min_horizontal(pl.col("engaged") - 1, program.spread_users - 1)
    spread = (4 * program.spread_points * further / (program.spread_users - 1)).floor() / 4
    teams = accounts.join(engaged, on="account_id", how="left").select(
        pl.lit("account").alias("level"),
        pl.col("account_id").alias("subject_id"),
        "email_domain",
        pl.when(pl.col("engaged") > 1).then(spread).otherwise(0.0).alias("spread"),
        pl.when(pl.col("engaged") > 1)
        .then(100.0)
        .otherwise(program.single_user_cap)
        .alias("highest"),
    )
    persons = users.select(
        pl.lit("user").alias("level"),
        pl.col("user_id").alias("subject_id"),
        "email_domain",
        pl.lit(0.0).alias("spread"),
        pl.lit(100.0).alias("highest"),
    )
    penalised = pl.col("email_domain").str.contains(rf"\.({'|'.join(rules.penalised)})$")
    penalty = pl.when(penalised).then(program.penalty_points).otherwise(0.0)
    total = pl.col("points").fill_null(0.0) + pl.col("spread") + penalty
    score = pl.max_horizontal(pl.min_horizontal(total, "highest"), pl.lit(0.0))
    return (
        pl.concat([persons, teams])
        .join(points, on=["level", "subject_id"], how="left")
        .select("level", "subject_id", score.cast(pl.Decimal(9, 2)).alias("score"))
        .to_arrow()
        .cast(SCHEMA)
    )
