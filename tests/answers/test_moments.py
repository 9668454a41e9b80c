"""How an answer about an instant stands: what came late, and whether more can come."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from pql_platform.answers.moments import Restated, restated_since, standing
from pql_platform.program.load import load_program
from pql_platform.qualify.tiers import Thresholds
from pql_platform.qualify.versions import InForce

PROGRAM = load_program(Path(__file__).parents[2] / "programs" / "boards.yaml").program
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def judged(kept: bool = True) -> InForce:
    return InForce(PROGRAM, Thresholds("boards-v1", Decimal(60), Decimal(50)), kept)


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse whose last pass was at noon, and took in nothing late."""
    with duckdb.connect() as opened:
        opened.execute("ATTACH ':memory:' AS warehouse")
        opened.execute("USE warehouse")
        opened.execute("CREATE SCHEMA raw")
        opened.execute("CREATE TABLE raw.clock AS SELECT TIMESTAMP '2026-03-02 12:00' AS as_of")
        yield opened


@pytest.fixture
def restated(warehouse: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Two loads with late messages: taken in at noon and at eleven."""
    warehouse.execute("CREATE SCHEMA ops")
    warehouse.execute(
        """
        CREATE TABLE ops.restatements AS
        FROM (VALUES
          (2, TIMESTAMP '2026-03-02 12:00', 3::BIGINT, 1::BIGINT,
            TIMESTAMP '2026-03-01 09:00', TIMESTAMP '2026-03-02 09:00'),
          (1, TIMESTAMP '2026-03-02 11:00', 40::BIGINT, 7::BIGINT,
            TIMESTAMP '2026-03-02 10:30', TIMESTAMP '2026-03-02 10:00')
        ) AS late (load_id, recorded_at, messages, accounts, first_occurred_at, first_received_at)
        """
    )
    return warehouse


def test_only_what_was_known_at_an_instant_and_taken_in_after_it_restates_it(restated) -> None:
    late = Restated(3, 1, NOON)
    both = Restated(43, 8, NOON)
    found = {
        at: restated_since(restated, NOON + at * HOUR)
        for at in (-3.5, -3, -2, -1.5, -1.25, -1, -0.5, 0, 1)
    }
    assert found == {
        -3.5: None,
        -3: late,
        -2: late,  # received by then, but said to have happened later
        -1.5: both,
        -1.25: both,
        -1: late,
        -0.5: late,
        0: None,
        1: None,
    }


def test_a_warehouse_that_records_no_restatements_has_none(warehouse) -> None:
    assert restated_since(warehouse, NOON) is None


def test_an_answer_that_stands_as_it_was_said_needs_no_note(restated) -> None:
    stands = standing(restated, [judged()], NOON)
    assert stands.fields == {"restated": False, "final": True, "program_kept": True}
    assert stands.notes == ()


def test_each_thing_that_a_reader_must_know_is_one_sentence(restated) -> None:
    late = standing(restated, [judged()], NOON - HOUR)
    assert late.fields["restated"] and late.fields["final"]
    assert late.notes == (
        "Up to 3 messages about 1 account came late, the last taken in at 2026-03-02 12:00 UTC: "
        "they count here, and did not yet count in what was said at the time.",
    )
    early = standing(restated, [judged(kept=False)], NOON + HOUR)
    assert early.fields == {"restated": False, "final": False, "program_kept": False}
    assert early.notes == (
        "No pass has gone over this time yet: what still arrives may change it.",
        "boards-v1 kept no program: judged by the program file of today instead.",
    )
