"""The frames about features and scores, drawn from a serving copy in which one thing went wrong."""

from __future__ import annotations

import duckdb
import pytest

from expectations.account_frames import features_frames, scores_frames
from pql_platform.program.schema import Program

Serving = duckdb.DuckDBPyConnection


def test_accounts_come_with_their_share_of_all_users(
    serving: Serving, programs: list[Program]
) -> None:
    serving.execute("UPDATE features.subjects SET users = 1200 WHERE subject_id = 'a7'")

    largest = features_frames(serving, programs)["accounts"].iloc[0]

    assert largest["account_id"] == "a7"
    assert largest["share_of_users"] == 1200 / (1200 + 399 * 3)
    assert largest["all_accounts"] == 400


def test_ids_that_are_addresses_keep_only_the_domain(
    serving: Serving, programs: list[Program]
) -> None:
    serving.execute(
        "UPDATE features.subjects SET account_id = 'user:Jane.Doe@Acme.example', users = 9"
        " WHERE subject_id = 'a7'"
    )
    serving.execute(
        "UPDATE features.signals SET account_id = 'user:Jane.Doe@Acme.example', value = 99"
        " WHERE subject_id = 'a7'"
    )

    frames = features_frames(serving, programs)

    assert frames["accounts"].iloc[0]["account_id"] == "user:…@Acme.example"
    assert frames["accounts"].iloc[0]["id_in_lower_case"] == "user:…@acme.example"
    assert set(frames["signals"]["busiest_account"]) == {"user:…@Acme.example"}


def test_conversions_are_counted_in_the_last_week_and_the_four_before(
    serving: Serving, programs: list[Program]
) -> None:
    serving.execute(
        "UPDATE features.subjects"
        " SET converted_at = TIMESTAMP '2026-09-30 12:00' - REPLACE(subject_id, 'a', '')::INT"
        " * INTERVAL 1 DAY WHERE REPLACE(subject_id, 'a', '')::INT < 60"
    )

    (row,) = features_frames(serving, programs)["conversions"].to_dict("records")

    assert row == {"program": "boards", "before": 28, "last_week": 7}


def test_facts_compare_new_accounts_with_older_ones(
    serving: Serving, programs: list[Program]
) -> None:
    serving.execute(
        "UPDATE features.subjects SET employees = NULL"
        " WHERE first_seen_at > TIMESTAMP '2026-09-02 12:00'"
    )
    serving.execute("UPDATE features.subjects SET country = NULL")

    facts = features_frames(serving, programs)["facts"].set_index("fact")

    assert facts.loc["head count", "known_kept"] == 0
    assert facts.loc["industry", "known_kept"] == 1
    assert facts.loc["country", "older_known_share"] == 0
    assert facts["known_kept"].isna().to_dict()["country"]
    assert facts.loc["plan", "new_accounts"] + facts.loc["plan", "older_accounts"] == 400


def test_a_signal_that_nobody_shows_is_counted_although_it_has_no_row(
    serving: Serving, programs: list[Program]
) -> None:
    serving.execute("DELETE FROM features.signals WHERE signal = 'invites'")
    serving.execute("UPDATE features.signals SET days_since_last = 90 WHERE signal = 'limits'")

    signals = features_frames(serving, programs)["signals"].set_index("signal")

    assert signals["accounts_showing_it"].to_dict() == {
        "boards_created": 400,
        "integrations": 400,
        "invites": 0,
        "limits": 0,
        "sessions": 400,
    }
    assert set(signals["active_accounts"]) == {400}
    assert signals.loc["boards_created", "busiest_per_day"] == pytest.approx(5 / 14)


def test_a_signal_is_fed_while_it_occurred_at_some_account_in_30_days(
    serving: Serving, programs: list[Program]
) -> None:
    serving.execute(
        "UPDATE features.signals SET last_at = TIMESTAMP '2026-08-31 12:00:00'"
        " WHERE signal = 'limits' OR subject_id <> 'a1'"
    )
    serving.execute("DELETE FROM features.signals WHERE signal = 'invites'")

    signals = features_frames(serving, programs)["signals"].set_index("signal")

    assert signals["accounts_fed"].to_dict() == {
        "boards_created": 1,
        "integrations": 1,
        "invites": 0,
        "limits": 0,
        "sessions": 1,
    }
    assert set(signals["history_days"]) == {399 / 6 + 0.5}


def test_values_that_are_no_numbers_are_counted_for_users_too(
    serving: Serving, programs: list[Program]
) -> None:
    serving.execute(
        "UPDATE features.signals SET value = 'NaN', level = 'user'"
        " WHERE signal = 'limits' AND subject_id IN ('a1', 'a2')"
    )
    serving.execute(
        "UPDATE features.signals SET value = '-Infinity'"
        " WHERE signal = 'limits' AND subject_id = 'a3'"
    )
    serving.execute(
        "UPDATE features.signals SET value = NULL WHERE signal = 'invites' AND subject_id = 'a4'"
    )

    signals = features_frames(serving, programs)["signals"].set_index("signal")

    assert signals.loc["limits", "no_numbers"] == 3
    assert signals.loc["invites", "no_numbers"] == 1
    assert signals.loc["sessions", "no_numbers"] == 0


@pytest.mark.parametrize(("profile", "found"), [("trial", 0.0), ("freemium", 400.0), ("any", None)])
def test_accounts_on_the_plans_of_a_program_are_counted_where_it_asks_for_plans(
    profile: str, found: float | None, serving: Serving, programs: list[Program]
) -> None:
    asking = [program.model_copy(update={"profile": profile}) for program in programs]

    (row,) = features_frames(serving, asking)["profiles"].to_dict("records")

    assert row["active_accounts"] == 400
    on_its_plans = row["accounts_on_its_plans"]
    assert (None if on_its_plans != on_its_plans else on_its_plans) == found


def test_scores_are_summed_up_per_program_and_level(
    serving: Serving, programs: list[Program]
) -> None:
    (row,) = scores_frames(serving, programs)["programs"].to_dict("records")

    assert row == {
        "program": "boards",
        "level": "account",
        "subjects": 400,
        "with_points": 398,
        "different_scores": 200,
        "mean_score": 199 / 8,
        "full_share": 0,
        "no_numbers": 0,
        "active_accounts": 400,
        "active_zero_share": 2 / 400,
        "unjudged": 0,
        "judged_by_another_score": 0,
    }


def test_tiers_that_do_not_follow_the_scores_are_counted(
    serving: Serving, programs: list[Program]
) -> None:
    serving.execute("DELETE FROM pql.tiers WHERE subject_id = 'a1'")
    serving.execute("UPDATE pql.tiers SET score = 99 WHERE subject_id IN ('a2', 'a3')")

    (row,) = scores_frames(serving, programs)["programs"].to_dict("records")

    assert (row["unjudged"], row["judged_by_another_score"]) == (1, 2)


def test_a_category_without_points_is_counted_as_none(
    serving: Serving, programs: list[Program]
) -> None:
    serving.execute("DELETE FROM scores.contributions WHERE category = 'viral'")

    categories = scores_frames(serving, programs)["categories"].set_index("category")

    assert categories["accounts_earning"].to_dict() == {
        "feature_adoption": 400,
        "frequency": 400,
        "usage_depth": 400,
        "viral": 0,
    }


def test_there_is_nothing_to_judge_without_accounts(
    serving: Serving, programs: list[Program]
) -> None:
    serving.execute("DELETE FROM features.subjects")
    serving.execute("DELETE FROM scores.composites")

    assert features_frames(serving, programs) == {}
    assert scores_frames(serving, programs) == {}
