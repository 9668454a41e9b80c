"""Discovery on whole products: the demo product, whose truth is planted, and data of others."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from pql_platform.calibration.discovery import Discovery, discover
from pql_platform.cli import discover as command
from pql_platform.demo.simulator import simulate
from pql_platform.demo.truth import AccountTruth
from pql_platform.errors import PqlError
from pql_platform.program.load import load_program

REPOSITORY = Path(__file__).parents[2]
HEDGEBOX = REPOSITORY.parent / "shared" / "data" / "hedgebox_500" / "events.ndjson.gz"
EXAMPLE = REPOSITORY / "programs" / "examples" / "hedgebox.yaml"
END = datetime(2026, 3, 2, tzinfo=UTC)
CAUSES = {
    "Board Shared",
    "Teammate Invited",
    "Integration Connected",
    "Export Limit Reached",
    "Board Limit Reached",
    "Premium Feature Tried",
}
OUTSIDERS = ("student", "competitor", "staff", "test")


@pytest.fixture(scope="module")
def boards() -> Discovery:
    """What discovery says of the demo product; identities are taken from the truth here."""
    events: list[tuple[str, str, str, str]] = []
    truth: list[AccountTruth] = []
    for chunk in simulate(accounts=1000, days=180, seed=12, end=END):
        owners = {user: one.account for one in chunk.truth for user in one.users}
        events += _known_events(chunk.lines, owners)
        truth += chunk.truth
    connection = _tables(
        pd.DataFrame(events, columns=["account", "event", "happened", "received"]), truth
    )
    program = load_program(REPOSITORY / "programs" / "boards.yaml").program
    return discover(connection, program, END)


def _known_events(lines: bytes, owners: dict[str, str]) -> Iterator[tuple[str, str, str, str]]:
    seen: set[str] = set()
    for line in io.BytesIO(lines):
        try:
            message = orjson.loads(line)
            account = owners[message["userId"]]
            name = message["event"] if message["type"] == "track" else f"page:{message['name']}"
        except (orjson.JSONDecodeError, KeyError, TypeError):
            continue  # spoilt on purpose, anonymous, or no event
        times = message.get("timestamp"), message.get("receivedAt")
        if message.get("messageId") not in seen and all(isinstance(time, str) for time in times):
            seen.add(message["messageId"])
            yield account, name, *times


def _tables(events: pd.DataFrame, truth: list[AccountTruth]) -> duckdb.DuckDBPyConnection:
    links = {one.account: number for number, one in enumerate(truth)}
    subjects = pd.DataFrame(
        {
            "account_id": [one.account for one in truth],
            "link_id": range(len(truth)),
            "first_seen_at": _naive([one.signed_up_at for one in truth]),
            "converted_at": _naive([one.converted_at for one in truth]),
            "segment": [one.segment for one in truth],
            "excluded_as": pd.Series(
                [one.kind if one.kind in OUTSIDERS else None for one in truth], dtype="string"
            ),
            "plan": ["trial" if one.kind == "trial_team" else "free" for one in truth],
        }
    )
    events = events.assign(link_id=events["account"].map(links))
    connection = duckdb.connect()
    connection.register("events_seen", events)
    connection.register("accounts", subjects)
    connection.execute(
        """
        CREATE SCHEMA raw; CREATE SCHEMA staging; CREATE SCHEMA features;
        CREATE TABLE raw.events AS
        SELECT 'track' AS type, event, link_id, happened::TIMESTAMP AS occurred_at,
          received::TIMESTAMP AS received_at, NULL::TEXT AS properties
        FROM events_seen;
        CREATE TABLE staging.owners AS SELECT link_id, account_id FROM accounts;
        CREATE TABLE staging.account_traits AS
        SELECT account_id, 'plan' AS trait, plan AS value, first_seen_at::TIMESTAMP AS valid_from
        FROM accounts;
        CREATE TABLE features.subjects AS
        SELECT 'boards' AS program, 'account' AS level, account_id AS subject_id,
          first_seen_at::TIMESTAMP AS first_seen_at, converted_at::TIMESTAMP AS converted_at,
          segment, excluded_as
        FROM accounts;
        """
    )
    return connection


def _naive(moments: list[datetime | None]) -> pd.DatetimeIndex:
    return pd.to_datetime(moments, utc=True).tz_localize(None)


def test_the_planted_causes_are_signals_and_one_of_them_is_the_aha_moment(
    boards: Discovery,
) -> None:
    signals = {each.event for each in boards.findings if each.verdict == "signal"}
    assert signals >= CAUSES
    assert boards.aha is not None
    assert boards.aha.event in CAUSES


def test_logins_help_articles_and_mere_boards_are_no_signals(boards: Discovery) -> None:
    verdicts = {each.event: each.verdict for each in boards.findings}
    for event in ("Logged In", "Help Article Viewed", "Board Created", "page:Home"):
        assert verdicts[event] in {"vanity", "weak"}, event
    assert verdicts["Subscription Started"] == "leak"


@pytest.fixture(scope="module")
def hedgebox(
    tmp_path_factory: pytest.TempPathFactory, kit_of_commands: Any
) -> Iterator[Callable[..., Any]]:
    """`pql discover` on PostHog's Hedgebox simulation, loaded and scored as of July 2024."""
    if not HEDGEBOX.exists():
        pytest.skip("shared/data/hedgebox_500 is not beside the repository")
    app = typer.Typer()
    app.command()(command.discover)
    with kit_of_commands(tmp_path_factory.mktemp("hedgebox") / "home", EXAMPLE) as run:
        run("ingest", HEDGEBOX)
        run("run", "--mode", "backfill", "--as-of", "2024-07-01T00:00:00Z")
        yield lambda *arguments: CliRunner().invoke(app, arguments)


def test_what_the_upgrade_brings_about_is_called_a_leak(hedgebox: Callable[..., Any]) -> None:
    answer = orjson.loads(hedgebox("--json").stdout)
    verdicts = {each["event"]: each["verdict"] for each in answer["events"]}
    assert verdicts["paid_bill"] == "leak"
    assert verdicts["page:Account Billing"] == "leak"
    assert verdicts["upgraded_plan"] == "leak"


def test_invitations_that_only_business_accounts_can_send_are_not_called_harmful(
    hedgebox: Callable[..., Any],
) -> None:
    answer = orjson.loads(hedgebox("--json").stdout)
    [invited] = [each for each in answer["events"] if each["event"] == "invited_team_member"]
    assert invited["verdict"] in {"confounded", "unsupported"}
    assert "less often" not in invited["reason"]


def test_the_answer_for_machines_has_one_row_per_event_and_only_finite_numbers(
    hedgebox: Callable[..., Any],
) -> None:
    answer = orjson.loads(hedgebox("--json").stdout)
    assert answer.keys() == {"aha", "events"}
    assert max(Counter(each["event"] for each in answer["events"]).values()) == 1
    splits = [split for each in answer["events"] for split in each["splits"]]
    assert splits
    assert all(split["property"] and split["value"] for split in splits)
    for each in [*answer["events"], *splits]:
        assert 0 <= each["lift_low"] <= each["lift"] <= each["lift_high"]
        assert 0 <= each["q_value"] <= 1
        assert each["reason"].endswith(".")


def test_people_read_who_was_compared_and_how_sure_it_is(hedgebox: Callable[..., Any]) -> None:
    said = hedgebox()
    assert said.exit_code == 0
    text = " ".join(said.output.split())
    assert "24 accounts that converted" in text
    assert "Left out: 77 too young" in text
    assert "below 100" in text


def test_the_past_is_answered_from_what_was_known_then(hedgebox: Callable[..., Any]) -> None:
    answer = orjson.loads(hedgebox("--json", "--as-of", "2024-06-20T00:00:00Z").stdout)
    now = orjson.loads(hedgebox("--json").stdout)
    sizes = [max(each["n_other"] for each in found["events"]) for found in (answer, now)]
    assert sizes[0] < sizes[1]


def test_an_unknown_program_is_refused_with_the_names_there_are(
    hedgebox: Callable[..., Any],
) -> None:
    refused = hedgebox("--program", "hegdebox").exception
    assert isinstance(refused, PqlError)
    assert "Name one of hedgebox" in str(refused)
