"""Putting the events in the order of accounts changes where they lie, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pql_platform.warehouse import ordering
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.ordering import keep_in_order
from pql_platform.warehouse.rescoring import as_known_at, rescore

EVENTS = "SELECT * EXCLUDE (cluster) FROM raw.events ORDER BY message_id"
LINKS = "SELECT * EXCLUDE (cluster) FROM raw.links ORDER BY link_id"


@pytest.fixture(autouse=True)
def worth_ordering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "SMALLEST", 1)


@pytest.fixture
def loaded(warehouse, kit, small_world):
    """The small world, loaded and scored, not in order yet."""
    kit.put(warehouse, small_world, "world.parquet")
    with open_warehouse(warehouse) as connection:
        kit.load(connection, warehouse)
        rescore(connection, kit.NOW)
        yield connection


def test_no_row_is_lost_and_no_score_changes(loaded, warehouse, kit) -> None:
    before = kit.tables(loaded), kit.rows(loaded, EVENTS), kit.rows(loaded, LINKS)
    assert keep_in_order(loaded)
    assert (kit.tables(loaded), kit.rows(loaded, EVENTS), kit.rows(loaded, LINKS)) == before
    assert kit.rows(loaded, "SELECT COUNT(*) FROM raw.events WHERE cluster IS NULL") == [(0,)]
    assert rescore(loaded, kit.NOW + timedelta(days=1)).scope == "all"
    assert rescore(loaded, kit.NOW).scope == "all"
    assert kit.tables(loaded) == before[0]


def test_the_events_of_an_account_lie_together(loaded, kit) -> None:
    keep_in_order(loaded)
    clusters = [cluster for (cluster,) in kit.rows(loaded, "SELECT cluster FROM raw.events")]
    assert clusters == sorted(clusters)
    assert len(set(clusters)) > 2
    of_acme = kit.rows(
        loaded,
        "SELECT DISTINCT cluster FROM raw.events"
        " WHERE user_id = 'ann' OR anonymous_id = 'd1' OR group_id = 'acme'",
    )
    assert len(of_acme) == 1


def test_what_comes_after_is_found_beside_what_is_in_order(
    loaded, warehouse, kit, monkeypatch
) -> None:
    late = [
        kit.message("late1", timedelta(hours=1), event="Board Created", user_id="ann"),
        kit.message("late2", timedelta(hours=1), event="Board Created", user_id="new"),
        kit.message("late3", timedelta(hours=1), type="alias", user_id="ann", previous_id="new"),
    ]
    keep_in_order(loaded)
    kit.put(warehouse, late, "late.parquet")
    kit.load(loaded, warehouse)
    assert rescore(loaded, kit.NOW + timedelta(minutes=1)).scope == "touched"
    ordered = kit.tables(loaded)
    with as_known_at(loaded, kit.NOW + timedelta(minutes=1)):
        assert kit.tables(loaded, "live") == ordered
    monkeypatch.setattr(ordering, "TOLERATED", 0.0)
    assert keep_in_order(loaded)
    assert kit.rows(loaded, "SELECT COUNT(*) FROM raw.events WHERE cluster IS NULL") == [(0,)]
    assert kit.tables(loaded) == ordered


def test_what_is_in_order_is_left_as_it_is(loaded, warehouse, kit, monkeypatch) -> None:
    assert keep_in_order(loaded)
    assert not keep_in_order(loaded)
    few = [kit.message("late", timedelta(hours=1), user_id="ann")]
    kit.put(warehouse, few, "few.parquet")
    kit.load(loaded, warehouse)
    assert not keep_in_order(loaded), "less than a quarter is out of order"
    monkeypatch.setattr(ordering, "TOLERATED", 0.0)
    assert keep_in_order(loaded)


def test_a_small_warehouse_is_not_put_in_order(loaded, monkeypatch) -> None:
    monkeypatch.setattr(ordering, "SMALLEST", 100)
    assert not keep_in_order(loaded)


def test_a_crash_inside_leaves_everything_as_it_was(loaded, warehouse, kit, monkeypatch) -> None:
    before = kit.rows(loaded, EVENTS), kit.rows(loaded, LINKS)
    run = ordering.statements.run

    def crash(connection, name, **values):
        run(connection, name, **values)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ordering.statements, "run", crash)
        with pytest.raises(KeyboardInterrupt):
            keep_in_order(loaded)
    assert (kit.rows(loaded, EVENTS), kit.rows(loaded, LINKS)) == before
    assert kit.rows(loaded, "SELECT COUNT(*) FROM raw.events WHERE cluster IS NOT NULL") == [(0,)]
    assert keep_in_order(loaded)
