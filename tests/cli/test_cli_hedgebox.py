"""Data that nobody here made: PostHog's Hedgebox simulation, through the command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
EVENTS = REPOSITORY.parent / "shared" / "data" / "hedgebox_500" / "events.ndjson.gz"
PROGRAM = REPOSITORY / "programs" / "examples" / "hedgebox.yaml"

pytestmark = pytest.mark.skipif(
    not EVENTS.exists(), reason="shared/data/hedgebox_500 is not beside the repository"
)


@pytest.fixture(scope="module")
def hedgebox(
    tmp_path_factory: pytest.TempPathFactory, kit_of_commands: Any
) -> Iterator[dict[str, Any]]:
    """The answers of `pql ingest` and `pql run`, in an environment that stays for this module."""
    home = tmp_path_factory.mktemp("hedgebox") / "home"
    with kit_of_commands(home, PROGRAM) as run:
        yield {
            "ingest": run("ingest", EVENTS, "--json").json,
            "again": run("ingest", EVENTS, "--json").json,
            "run": run("run", "--as-of", "2024-07-01T00:00:00Z", "--json").json,
            "scores": run("scores", "--json").json,
            "handoffs": run("handoffs", "--json").json,
        }


def test_every_record_is_taken_in_once(hedgebox: dict[str, Any]) -> None:
    assert hedgebox["ingest"].keys() == {"accepted", "stored", "duplicates", "quarantined"}
    assert hedgebox["ingest"]["accepted"] == 42_568 == sum(hedgebox["ingest"].values()) / 2
    assert hedgebox["again"]["stored"] == 0
    assert hedgebox["again"]["accepted"] == 42_568


def test_accounts_users_and_converted_accounts_are_those_of_the_data(
    hedgebox: dict[str, Any],
) -> None:
    assert hedgebox["run"].keys() == {"users", "accounts", "converted", "pqls", "handoffs"}
    assert hedgebox["run"].items() >= {"accounts": 184, "users": 303, "converted": 30}.items()


def test_each_user_and_each_account_is_scored_once(hedgebox: dict[str, Any]) -> None:
    rows = hedgebox["scores"]
    assert Counter(row["level"] for row in rows) == {"account": 184, "user": 303}
    assert len({(row["level"], row["id"]) for row in rows}) == len(rows)
    assert {row["as_of"] for row in rows} == {"2024-07-01T00:00:00Z"}


def test_leads_are_found_and_each_is_handed_over_once(hedgebox: dict[str, Any]) -> None:
    qualified = sum(row["qualified"] for row in hedgebox["scores"] if row["level"] == "account")
    assert hedgebox["run"]["pqls"] == qualified > 0
    told = [row for row in hedgebox["handoffs"] if row["state"] == "DELIVERED"]
    assert len(told) == hedgebox["run"]["handoffs"] > 0
    assert len({row["subject"] for row in told}) == len(told)
