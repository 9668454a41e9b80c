"""What is said of the past: by the definition of then, and the same for ever after."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from sqlalchemy import update

from pql_platform.intake.files import take_in_records
from pql_platform.ledger.calibrated import programs_in_force
from pql_platform.ledger.engine import open_ledger
from pql_platform.ledger.tables import model_versions
from pql_platform.passes import run_job
from pql_platform.qualify.tiers import read_subjects
from pql_platform.qualify.versions import recalibrate
from pql_platform.settings import Settings, load_settings
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.rescoring import read_clock

pytestmark = pytest.mark.usefixtures("runs_in_memory")

BEFORE_ANY_PASS = "2026-02-20T12:00:00Z"

Ask = Callable[..., Any]


def live_pass(**options: Any) -> Any:
    return run_job(load_settings(), "live_pass", rebuild=False, **options)


def take_in(settings: Settings, messages: Iterable[dict[str, Any]]) -> None:
    take_in_records(list(messages), settings.inbox, now=datetime.now(UTC), label="test")


def change_program(
    settings: Settings, path: Path, patch: pytest.MonkeyPatch, *changes: tuple[str, str]
) -> None:
    """From now on the program file is one with these pieces of its text replaced."""
    text = settings.programs.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    patch.setenv("PQL_PROGRAMS", str(path))


def some_ids(pql: Ask) -> list[str]:
    """The best account, and the best and an average user."""
    [account, *_] = pql("scores", "--level", "account", "--json").json
    users = pql("scores", "--level", "user", "--json").json
    return [account["id"], users[0]["id"], users[len(users) // 3]["id"]]


def answers(pql: Ask, ids: list[str], instants: list[str]) -> dict[tuple[str, ...], Any]:
    asked = [("scores", "--as-of", at) for at in instants]
    asked += [("explain", name, "--as-of", at) for name in ids for at in instants]
    return {command: pql(*command, "--json") for command in asked}


def test_the_past_stays_as_it_was_whatever_arrives_and_whatever_is_redefined(
    company: Any,
    today: Settings,
    pql: Ask,
    clock: time_machine.Traveller,
    crossing_session: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    full = datetime.fromisoformat(company.full.metadata["pql/tiers"]["as_of"])
    live = datetime.fromisoformat(company.live.metadata["pql/tiers"]["as_of"])
    instants = [BEFORE_ANY_PASS, (full + timedelta(hours=6)).isoformat(), live.isoformat()]
    ids = some_ids(pql)
    before = answers(pql, ids, instants)
    assert {row["version"] for row in before["scores", "--as-of", instants[1]].json} == {
        "boards-v1"
    }
    # At the first instant not everybody had come yet: that, too, stays as it was.
    known = {answer.code for asked, answer in before.items() if asked[-1] == instants[-1]}
    assert known == {0}
    at_present = pql("scores", "--json").json

    # A person of the past is merged into another, and a team starts to work hard.
    merged = ids[2]
    now = datetime.now(UTC)
    alias = {"type": "alias", "userId": "somebody_new", "previousId": merged, "messageId": "alias"}
    take_in(today, [{**alias, "timestamp": now.isoformat(), "receivedAt": now.isoformat()}])
    crossing_session(today)
    live_pass()
    assert answers(pql, ids, instants) == before

    # Then all is redefined: points, tiers, words, and what makes an account.
    clock.shift(timedelta(hours=1))
    change_program(
        today,
        tmp_path / "boards.yaml",
        monkeypatch,
        ("half_life_days: 7", "half_life_days: 3"),
        ("usage_depth: 35, frequency: 25", "usage_depth: 25, frequency: 35"),
        ("score_at_least: 65", "score_at_least: 30"),
        ("created {value} boards", "made {value} boards"),
        ("owner: inside-sales", "owner: nobody"),
        ("users_over_threshold: 3", "users_over_threshold: 2"),
    )
    live_pass()
    redefined = pql("scores", "--json").json
    assert {row["version"] for row in redefined} == {"boards-v2"}
    assert {row["id"]: row["score"] for row in redefined} != {
        row["id"]: row["score"] for row in at_present
    }
    assert answers(pql, ids, instants) == before

    # What is said of a time after the change is said by the new definition, yesterday by the old.
    explained = pql("explain", ids[0], "--json").json
    assert explained["version"] == "boards-v2"
    [words] = [
        item["says"] for item in explained["contributions"] if item["signal"] == "boards_created"
    ]
    assert words.startswith("made ")
    day_before = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    then = pql("explain", ids[0], "--as-of", day_before, "--json").json
    assert then["version"] == "boards-v1"
    assert abs(explained["yesterday"] - then["score"]) <= 1
    said = "had been merged into somebody_new by"
    assert said in pql("explain", merged).err


def test_the_last_pass_is_the_same_from_the_copy_and_computed_anew(
    company: Any, today: Settings, pql: Ask, crossing_session: Callable[..., Path]
) -> None:
    published = {(row["level"], row["id"]): row for row in pql("scores", "--json").json}
    at = company.live.metadata["pql/tiers"]["as_of"]
    crossing_session(today)
    live_pass()
    computed = pql("scores", "--as-of", at, "--json").json
    assert {(row["level"], row["id"]): row for row in computed} == published


def test_what_came_late_changes_the_past_and_is_said_to_have(
    company: Any, today: Settings, pql: Ask
) -> None:
    at = company.full.metadata["pql/tiers"]["as_of"]
    known = datetime.fromisoformat(at) - timedelta(hours=1)
    user = pql("scores", "--level", "user", "--as-of", at, "--json").json[-1]["id"]
    before = pql("explain", user, "--as-of", at, "--json").json
    assert (before["restated"], before["final"], before["notes"]) == (False, True, [])
    messages = [
        {
            "messageId": f"late-{number}",
            "type": "track",
            "event": "Board Created",
            "userId": user,
            "timestamp": (known - timedelta(minutes=number)).isoformat(),
            "receivedAt": known.isoformat(),
        }
        for number in range(3)
    ]
    take_in(today, messages)
    live_pass()
    after = pql("explain", user, "--as-of", at, "--json").json
    assert after["score"] > before["score"]
    assert sum(item["points"] for item in after["contributions"]) == after["score"]
    assert (after["restated"], after["final"]) == (True, True)
    assert "came late" in " ".join(after["notes"])
    # What was said at the time stands in the history.
    assert after["history"] == before["history"]
    rows = pql("scores", "--as-of", at, "--json").json
    assert {row["restated"] for row in rows} == {True}
    assert "came late" in " ".join(pql("scores", "--as-of", at).out.split())
    # Neither the present nor a time at which they were not known yet is restated.
    assert not pql("explain", user, "--json").json["restated"]
    earlier = (known - timedelta(hours=1)).isoformat()
    assert not pql("explain", user, "--as-of", earlier, "--json").json["restated"]


def test_a_time_that_no_pass_has_gone_over_may_still_change(today: Settings, pql: Ask) -> None:
    user = pql("scores", "--level", "user", "--json").json[0]["id"]
    answer = pql("explain", user, "--as-of", datetime.now(UTC).isoformat(), "--json").json
    assert answer["final"] is False
    assert "No pass has gone over this time yet" in answer["notes"][0]


def test_a_change_of_words_and_tiers_alone_is_a_version_with_the_same_thresholds(
    today: Settings,
    pql: Ask,
    clock: time_machine.Traveller,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = pql("scores", "--json").json
    old = before[0]["as_of"]
    change_program(
        today,
        tmp_path / "boards.yaml",
        monkeypatch,
        (
            "{tier: 1, when: {score_at_least: 80, segment: enterprise}",
            "{tier: 1, when: {score_at_least: 1}",
        ),
        ("{tier: 2, when: {score_at_least: 65}", "{tier: 2, when: {score_at_least: 0.5}"),
    )
    result = live_pass()
    after = pql("scores", "--json").json
    assert result.metadata["scores/composites"]["scope"] != "rebuilt with SQLMesh"
    assert {row["version"] for row in after} == {"boards-v2"}
    assert {(row["level"], row["threshold"]) for row in after} == {
        (row["level"], row["threshold"]) for row in before
    }
    assert {row["tier"] for row in after if row["qualified"]} == {1}
    # No further version while the file stays as it is.
    live_pass()
    assert {row["version"] for row in pql("scores", "--json").json} == {"boards-v2"}
    past = pql("scores", "--as-of", old, "--json").json
    assert {row["tier"] for row in past} == {row["tier"] for row in before}
    assert {row["version"] for row in past} == {"boards-v1"}


def test_a_version_that_kept_no_program_is_judged_by_the_file_of_today_and_says_so(
    company: Any, today: Settings, pql: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = company.full.metadata["pql/tiers"]["as_of"]
    [best, *_] = pql("scores", "--json").json
    engine = open_ledger(today.ledger_url)
    with engine.begin() as conn:
        conn.execute(update(model_versions).values(program_text=None))
    engine.dispose()
    rows = pql("scores", "--as-of", at, "--json").json
    assert {(row["version"], row["program_kept"]) for row in rows} == {("boards-v1", False)}
    answer = pql("explain", best["id"], "--as-of", at, "--json").json
    note = "boards-v1 kept no program: judged by the program file of today instead."
    assert (answer["program_kept"], answer["notes"]) == (False, [note])
    # From the next pass on there is a version that keeps it, with the same thresholds.
    live_pass()
    [row, *_] = pql("scores", "--json").json
    assert (row["version"], row["threshold"]) == ("boards-v2", best["threshold"])
    change_program(
        today, tmp_path / "other.yaml", monkeypatch, ("program: boards", "program: docs")
    )
    assert "no program file is called boards" in pql("scores", "--as-of", at).err


def test_a_new_version_counts_from_the_next_pass_on(today: Settings, pql: Ask) -> None:
    row = pql("scores", "--level", "account", "--json").json[0]
    engine = open_ledger(today.ledger_url)
    with engine.begin() as conn, open_warehouse(today) as connection:
        now = read_clock(connection) + timedelta(microseconds=1)
        [loaded] = programs_in_force(today)
        subjects = read_subjects(connection, loaded.program)
        recalibrate(conn, loaded.program, subjects, now, by="test", reason="drawn anew")
    engine.dispose()
    present = pql("explain", row["id"], "--json").json
    assert (present["version"], present["threshold"]) == ("boards-v1", row["threshold"])
    live_pass()
    assert pql("explain", row["id"], "--json").json["version"] == "boards-v2"
    past = pql("explain", row["id"], "--as-of", row["as_of"], "--json").json
    assert past["version"] == "boards-v1"


def test_each_pass_leaves_what_it_said_otherwise_in_the_history(
    company: Any, today: Settings, pql: Ask, crossing_session: Callable[..., Path]
) -> None:
    def history() -> list[tuple[Any, ...]]:
        with open_warehouse(today) as connection:
            return connection.execute(
                "SELECT as_of, subject_id, score FROM pql.score_history ORDER BY ALL"
            ).fetchall()

    rows = pql("scores", "--json").json
    first = history()
    assert len({at for at, _, _ in first}) == 2
    assert {name for _, name, _ in first} >= {row["id"] for row in rows}
    crossing_session(today, account="ws_history")
    live_pass()
    added = sorted(set(history()) - set(first))
    assert {name for _, name, _ in added} == {"ws_history", "ws_history_person"}
    assert len(history()) == len(first) + 2
    answer = pql("explain", "ws_history", "--json").json
    assert [day["score"] for day in answer["history"]] == [answer["score"]]
    assert [day["day"] for day in answer["history"]] == [answer["as_of"][:10]]
    busy = pql("explain", rows[0]["id"], "--json").json
    assert [day["day"] for day in busy["history"]] == ["2026-03-03", "2026-03-04"]
    assert busy["history"][-1]["score"] == busy["score"]
