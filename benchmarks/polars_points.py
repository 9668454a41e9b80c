"""What the days of the Polars contender are worth: values in windows, points, scores.

From days and occurrences on; how they are found in the inbox files is `polars_line`.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pyarrow as pa

from benchmarks.rules import Rules
from benchmarks.scores import SCHEMA

_STRENGTH_DIGITS = 9
"""Decimals to which the strengths of two users are compared, as the platform does."""


def values_of(days: pl.DataFrame, now: datetime, rules: Rules) -> pl.DataFrame:
    """Return each user's value of each signal; an account's own doings have no user.

    Args:
        days: account_id, user_id, signal, day and occurrences.
        now: The clock, naive UTC.
        rules: Windows of the signals.
    """
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


def score_table(
    valued: pl.DataFrame, users: pl.DataFrame, accounts: pl.DataFrame, rules: Rules
) -> pa.Table:
    """Return the score of every user and account.

    Args:
        valued: From `values_of`.
        users: user_id and email_domain.
        accounts: account_id and email_domain.
        rules: What values are worth.
    """
    program = rules.program
    further = pl.min_horizontal(pl.col("engaged") - 1, program.spread_users - 1)
    spread = (4 * program.spread_points * further / (program.spread_users - 1)).floor() / 4
    teams = accounts.join(_engaged(valued), on="account_id", how="left").select(
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
        .join(_points(valued, rules), on=["level", "subject_id"], how="left")
        .select("level", "subject_id", score.cast(pl.Decimal(9, 2)).alias("score"))
        .to_arrow()
        .cast(SCHEMA)
    )
