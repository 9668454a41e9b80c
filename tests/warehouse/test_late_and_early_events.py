"""Events that come after their time restate the past on record; those before it wait for theirs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.rescoring import rescore

HOUR = timedelta(hours=1)
RESTATED = "SELECT load_id, messages, accounts FROM ops.restatements ORDER BY load_id"
PENDING = "SELECT COUNT(*) FROM ops.pending"
MADE = (
    "SELECT user_id, value FROM features.signals"
    " WHERE level = 'account' AND subject_id = 'acme' AND signal = 'made'"
)


@pytest.fixture
def line(warehouse, kit):
    """A warehouse of which acme is scored, and a function that loads messages into it."""
    with open_warehouse(warehouse) as connection:

        def load(name: str, *messages: dict) -> None:
            kit.put(warehouse, messages, f"{name}.parquet")
            kit.load(connection, warehouse)

        load("first", kit.message("a", 2 * HOUR, user_id="ann", group_id="acme"))
        rescore(connection, kit.NOW - HOUR)
        yield connection, load


def test_a_late_event_counts_and_is_recorded_as_a_restatement(line, kit) -> None:
    connection, load = line
    assert kit.rows(connection, RESTATED) == []
    load(
        "late",
        kit.message("late", 3 * HOUR, user_id="ann", group_id="acme"),
        kit.message("later", 50 * HOUR, user_id="bob", group_id="bolt"),
        kit.message("in_time", HOUR / 2, user_id="ann", group_id="acme"),
    )
    rescore(connection, kit.NOW)
    assert kit.rows(connection, RESTATED) == [(2, 2, 2)]
    assert kit.rows(
        connection, "SELECT recorded_at, first_occurred_at, first_received_at FROM ops.restatements"
    ) == [
        (
            kit.NOW.replace(tzinfo=None),
            (kit.NOW - 50 * HOUR).replace(tzinfo=None),
            (kit.NOW - 50 * HOUR).replace(tzinfo=None),
        )
    ]
    assert kit.rows(connection, MADE) == [("ann", 3)]


def test_an_event_that_was_received_late_restates_nothing(line, kit) -> None:
    connection, load = line
    received = kit.NOW - HOUR / 2
    load("slow", kit.message("slow", 9 * HOUR, user_id="ann", received_at=received))
    rescore(connection, kit.NOW)
    assert kit.rows(connection, RESTATED) == []
    assert kit.rows(connection, MADE) == [("ann", 2)]


def test_each_load_is_recorded_once_and_a_pass_without_one_records_nothing(line, kit) -> None:
    connection, load = line
    load("one", kit.message("b", 5 * HOUR, user_id="ann"))
    load("two", kit.message("c", 5 * HOUR, user_id="ann"))
    rescore(connection, kit.NOW)
    rescore(connection, kit.NOW + HOUR)
    assert kit.rows(connection, RESTATED) == [(2, 1, 1), (3, 1, 1)]


def test_a_future_event_counts_once_it_is_due(line, kit) -> None:
    connection, load = line
    load("ahead", kit.message("ahead", -HOUR, user_id="ann", group_id="acme"))
    assert rescore(connection, kit.NOW).scope == "touched"
    assert kit.rows(connection, MADE) == [("ann", 1)]
    assert kit.rows(connection, PENDING) == [(1,)]
    # Nothing is loaded from here on: time alone brings it in.
    assert rescore(connection, kit.NOW + HOUR / 2).scope == "nothing"
    assert rescore(connection, kit.NOW + HOUR).scope == "touched"
    assert kit.rows(connection, MADE) == [("ann", 2)]
    assert kit.rows(connection, PENDING) == [(0,)]
    assert rescore(connection, kit.NOW + 2 * HOUR).scope == "nothing"
    assert kit.rows(connection, RESTATED) == []


def test_an_event_that_is_received_in_the_future_waits_for_its_receipt(line, kit) -> None:
    connection, load = line
    load("ahead", kit.message("x", HOUR, user_id="ann", received_at=kit.NOW + 2 * HOUR))
    rescore(connection, kit.NOW)
    assert rescore(connection, kit.NOW + HOUR).scope == "nothing"
    assert rescore(connection, kit.NOW + 2 * HOUR).scope == "touched"
    assert kit.rows(connection, MADE) == [("ann", 2)]


def test_a_clock_that_goes_back_loses_no_event_that_was_already_due(line, kit) -> None:
    connection, load = line
    load("ahead", kit.message("ahead", -HOUR, user_id="ann", group_id="acme"))
    rescore(connection, kit.NOW + HOUR)
    assert kit.rows(connection, MADE) == [("ann", 2)]
    assert rescore(connection, kit.NOW).scope == "all"
    assert kit.rows(connection, MADE) == [("ann", 1)]
    assert kit.rows(connection, PENDING) == [(1,)]
    assert rescore(connection, kit.NOW + HOUR).scope == "touched"
    assert kit.rows(connection, MADE) == [("ann", 2)]


def test_a_future_event_of_somebody_new_brings_them_when_it_is_due(line, kit) -> None:
    connection, load = line
    load("ahead", kit.message("ahead", -HOUR, user_id="new", group_id="later"))
    rescore(connection, kit.NOW)
    known = "SELECT COUNT(*) FROM staging.accounts WHERE account_id = 'later'"
    assert kit.rows(connection, known) == [(0,)]
    rescore(connection, kit.NOW + HOUR)
    assert kit.rows(connection, known) == [(1,)]
