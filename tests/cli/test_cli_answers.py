"""The answers of each command: what machines rely on, and the same in a form for people."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from pql_platform.cli.explain import sparkline
from pql_platform.passes import run_job
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_serving

COMMANDS = {
    *("demo", "ingest", "run", "scores", "explain", "handoffs", "doctor", "dev"),
    *("breakers", "challenger", "contacted", "recalibrate"),
    *("init", "discover", "calibrate", "backtest", "versions", "promote", "rollback", "diff"),
}

# The public interface; a row may say more than this.
SCORE = set("id level score categories threshold qualified tier version as_of".split())
EXPLANATION = set(
    "score yesterday history contributions counterfactual version restated final program_kept"
    " notes".split()
)
CONTRIBUTION = {"signal", "category", "user_id", "value", "points", "says"}
HANDOFF = set(
    "id account level tier crossed_at state reason owner due_at delivered_at contacted_at"
    " outcome".split()
)
FINAL = {"DELIVERED", "SUPPRESSED", "WITHDRAWN", "DEAD"}

pytestmark = pytest.mark.usefixtures("runs_in_memory")


def is_utc(text: str) -> bool:
    return text.endswith("Z") and datetime.fromisoformat(text).tzinfo is not None


def test_every_command_explains_itself(pql: Any) -> None:
    overview = pql("--help")
    assert overview.code == 0
    for command in COMMANDS:
        assert command in overview.out
        answer = pql(command, "--help")
        assert answer.code == 0, command
        assert f"pql {command}" in answer.out
        assert answer.err == ""


@pytest.mark.parametrize("command", sorted(COMMANDS - {"dev"}))
def test_every_command_that_answers_has_json_for_machines(command: str, pql: Any) -> None:
    assert "--json" in pql(command, "--help").out


def test_the_demo_says_what_it_made(company: Any) -> None:
    answer = company.demo.json
    assert answer.keys() == {"accounts", "events", "pqls", "alerts", "report"}
    assert answer["accounts"] == 150
    assert answer["events"] > 10_000
    assert answer["pqls"] == company.live.metadata["pql/tiers"]["qualified_accounts"]
    assert answer["alerts"] == company.live.metadata["slack/alerts"]["delivered"]


def test_scores_name_each_user_and_account_once_best_first(today: Settings, pql: Any) -> None:
    rows = pql("scores", "--json").json
    assert len({(row["level"], row["id"]) for row in rows}) == len(rows) > 300
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    for row in rows:
        assert row.keys() >= SCORE
        assert row["level"] in ("account", "user")
        assert 0 <= row["score"] <= 100
        assert math.isfinite(row["score"]) and row["score"] * 4 == int(row["score"] * 4)
        assert set(row["categories"]) == {"usage_depth", "frequency", "feature_adoption", "viral"}
        assert (row["tier"] in (1, 2, 3)) is row["qualified"]
        assert is_utc(row["as_of"])
    accounts = pql("scores", "--level", "account", "--json").json
    assert accounts == [row for row in rows if row["level"] == "account"]


@pytest.mark.parametrize("level", ["account", "user"])
def test_an_explanation_adds_up_to_the_score_that_scores_show(
    level: str, today: Settings, pql: Any
) -> None:
    rows = pql("scores", "--level", level, "--json").json
    for row in (rows[0], rows[len(rows) // 4]):
        answer = pql("explain", row["id"], "--json").json
        assert answer.keys() >= EXPLANATION
        assert answer["score"] == row["score"]
        assert sum(item["points"] for item in answer["contributions"]) == row["score"]
        assert all(item.keys() == CONTRIBUTION for item in answer["contributions"])
        assert answer["yesterday"] is None or 0 <= answer["yesterday"] <= 100
        assert answer["history"][-1] == {"day": row["as_of"][:10], "score": row["score"]}
        assert (answer["restated"], answer["final"], answer["notes"]) == (False, True, [])
        assert answer["counterfactual"].endswith(".")
        assert {answer[key] == row[key] for key in ("id", "level", "qualified", "version")} == {
            True
        }


def test_an_explanation_says_who_earned_the_points(today: Settings, pql: Any) -> None:
    rows = pql("scores", "--json").json
    people = {row["id"] for row in rows if row["level"] == "user"}
    [account] = [row["id"] for row in rows if row["level"] == "account"][:1]
    earned = pql("explain", account, "--json").json["contributions"]
    doers = {item["signal"]: item["user_id"] for item in earned}
    assert doers["boards_created"] in people
    assert {doers.get("team_spread"), doers.get("team_project"), doers.get("cap")} == {None}
    user = doers["boards_created"]
    alone = pql("explain", user, "--json").json
    assert {item["user_id"] for item in alone["contributions"]} <= {user, None}
    assert {item["value"] for item in alone["contributions"] if item["signal"] == "boards_created"}


def test_an_explanation_has_words_for_the_spread_and_for_one_person_alone(
    today: Settings, pql: Any
) -> None:
    with open_serving(today) as connection:
        found = dict(
            connection.execute(
                "SELECT signal, MIN(subject_id) FROM scores.contributions"
                " WHERE signal IN ('team_spread', 'single_user_cap') GROUP BY signal"
            ).fetchall()
        )
    said = {
        signal: next(
            item
            for item in pql("explain", account, "--json").json["contributions"]
            if item["signal"] == signal
        )
        for signal, account in found.items()
    }
    spread = said["team_spread"]
    assert spread["says"] == f"{spread['value']:.0f} of its people use it"
    assert (spread["category"], spread["user_id"]) == ("spread", None)
    if "single_user_cap" in said:
        alone = said["single_user_cap"]
        assert alone["says"] == "one person alone can score 75 at most"
        assert alone["category"] == "limit"


@pytest.mark.parametrize(
    ("scores", "bars"),
    [([], ""), ([0, 12.25, 12.5, 50, 87.5, 99.75, 100], "▁▁▂▅███"), ([30], "▃")],
)
def test_a_sparkline_has_one_scale_from_0_to_100(scores: list[float], bars: str) -> None:
    assert sparkline([Decimal(str(score)) for score in scores]) == bars


def test_an_explanation_of_the_past_is_that_of_the_past(
    company: Any, today: Settings, pql: Any
) -> None:
    as_of = company.full.metadata["pql/tiers"]["as_of"]
    then = pql("scores", "--level", "account", "--as-of", as_of, "--json").json[0]
    answer = pql("explain", then["id"], "--as-of", as_of, "--json").json
    assert (answer["score"], answer["threshold"]) == (then["score"], then["threshold"])
    assert answer["as_of"] == then["as_of"]


def test_handoffs_tell_the_fate_of_each_crossing(today: Settings, pql: Any) -> None:
    rows = pql("handoffs", "--json").json
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        assert row.keys() >= HANDOFF
        assert row["state"] in FINAL
        assert (row["reason"] is not None) == (row["state"] != "DELIVERED")
        assert is_utc(row["crossed_at"])
        assert (row["delivered_at"] is not None) == (row["state"] == "DELIVERED")
        if row["delivered_at"]:
            assert is_utc(row["delivered_at"]) and row["delivered_at"] >= row["crossed_at"]


def test_a_company_that_holds_nothing_back_has_no_breakers(today: Settings, pql: Any) -> None:
    assert pql("breakers", "--json").json == []
    assert "Nothing holds deliveries" in pql("breakers").out


def test_a_recalibration_of_too_short_a_history_keeps_the_champion_and_says_so(
    today: Settings, pql: Any
) -> None:
    made = pql("recalibrate", "--json").json
    assert made.keys() == {"boards (refused)"}
    said = made["boards (refused)"]
    assert (said["action"], said["champion"]) == ("refused", "boards-v1")
    assert said["title"] == "boards was not calibrated: boards-v1 stays live"
    assert "boards-v1 stays live" in pql("recalibrate").out
    result = run_job(today, "live_pass", rebuild=False)
    assert result.metadata["pql/tiers"]["versions"] == "boards-v1"
    # The deliveries of that pass carry the message to those who decide.
    [message] = today.alerts.glob("*-proposal-*.json")
    assert said["title"] in message.read_text(encoding="utf-8")


TABLES: dict[str, tuple[list[str], str]] = {
    "scores": (["scores"], "scored, "),
    "explain": (["explain", "{id}"], "points (yesterday"),
    "handoffs": (["handoffs"], "crossings"),
}


@pytest.mark.parametrize("command", TABLES)
def test_people_get_the_same_as_a_table(
    command: str, today: Settings, pql: Callable[..., Any]
) -> None:
    best = pql("scores", "--level", "account", "--json").json[0]["id"]
    arguments, said = TABLES[command]
    answer = pql(*(argument.format(id=best) for argument in arguments))
    assert (answer.code, answer.err) == (0, "")
    assert said in " ".join(answer.out.split())
    assert command != "explain" or "Closing scores: " in answer.out
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.out)
