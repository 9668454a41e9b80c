"""What is stored against what the events give: a tampered row is found, and nothing else is."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pql_platform.warehouse import comparison
from pql_platform.warehouse.comparison import (
    Difference,
    compare_with_rebuilt,
    unsettled_because,
)
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.deployments import deployed_models
from pql_platform.warehouse.rescoring import rescore, set_clock


@pytest.fixture
def scored(warehouse, kit, small_world):
    """An open warehouse that holds a small world, scored by a live pass."""
    kit.put(warehouse, small_world, "world.parquet")
    with open_warehouse(warehouse) as connection:
        kit.load(connection, warehouse)
        rescore(connection, kit.NOW)
        yield connection


def physical(connection, model: str) -> str:
    return next(one.physical_table for one in deployed_models(connection) if one.model == model)


def tamper(connection, model: str, change: str, where: str) -> None:
    connection.execute(f"UPDATE {physical(connection, model)} SET {change} WHERE {where}")  # noqa: S608


def test_untouched_tables_equal_their_rebuild(scored, kit) -> None:
    found = compare_with_rebuilt(scored, turn=0)
    assert (found.differing, found.examples) == (0, ())
    assert found.accounts == found.population == 3
    assert found.as_of == kit.NOW


def test_a_score_that_was_tampered_with_is_named_with_both_scores(scored) -> None:
    [(right,)] = scored.execute(
        "SELECT score FROM scores.composites WHERE level = 'account' AND subject_id = 'acme'"
    ).fetchall()
    tamper(
        scored, "scores.composites", "score = 99.75", "level = 'account' AND subject_id = 'acme'"
    )
    found = compare_with_rebuilt(scored, turn=0)
    assert found.differing == 1
    assert found.examples == (
        Difference("acme", ("scores.composites",), "unit", Decimal("99.75"), right),
    )


@pytest.mark.parametrize(
    ("model", "change", "where"),
    [
        ("scores.contributions", "points = points + 0.25", "subject_id = 'bob'"),
        ("features.subjects", "segment = 'other'", "subject_id = 'bob'"),
    ],
)
def test_a_wrong_reason_or_fact_counts_even_where_the_score_is_right(
    model, change, where, scored
) -> None:
    tamper(scored, model, change, where)
    found = compare_with_rebuilt(scored, turn=0)
    assert [(one.account_id, one.tables) for one in found.examples] == [
        ("bolt.example.com", (model,))
    ]
    [bolt] = found.examples
    assert bolt.stored == bolt.rebuilt is not None


def test_accounts_that_are_lost_or_invented_are_found_too(scored) -> None:
    for model in comparison.COMPARED:
        scored.execute(f"DELETE FROM {physical(scored, model)} WHERE account_id = 'acme'")  # noqa: S608
    tamper(scored, "scores.composites", "account_id = 'ghost'", "account_id = 'cs.mit.edu'")
    found = compare_with_rebuilt(scored, turn=0)
    assert {one.account_id for one in found.examples} == {"acme", "cs.mit.edu", "ghost"}
    acme = next(one for one in found.examples if one.account_id == "acme")
    assert acme.stored is None
    assert acme.rebuilt is not None
    assert set(acme.tables) == set(comparison.COMPARED)


def test_in_turns_every_account_is_compared_once_and_a_fault_found_in_its_turn(scored) -> None:
    tamper(scored, "scores.composites", "score = 99.75", "account_id = 'acme'")
    turns = [compare_with_rebuilt(scored, turn, most_accounts=1) for turn in range(3)]
    assert sum(turn.accounts for turn in turns) == 3
    assert [turn.population for turn in turns] == [3, 3, 3]
    named = [[one.account_id for one in turn.examples] for turn in turns]
    assert sorted(named) == [[], [], ["acme"]]
    assert compare_with_rebuilt(scored, 3, most_accounts=1) == turns[0]


def test_only_the_first_differing_accounts_are_listed_and_all_are_counted(
    scored, monkeypatch
) -> None:
    monkeypatch.setattr(comparison, "EXAMPLES", 2)
    tamper(scored, "scores.composites", "score = score + 1", "level = 'account'")
    found = compare_with_rebuilt(scored, turn=0)
    assert found.differing == 3
    assert [one.account_id for one in found.examples] == ["acme", "bolt.example.com"]


def test_tables_between_two_states_of_the_events_are_not_for_comparison(
    warehouse, scored, kit
) -> None:
    assert unsettled_because(scored) is None
    # Known at the time of the tables, loaded after: a rebuild sees it and they do not.
    kit.put(warehouse, [kit.message("late", kit.NOW, user_id="ann")], "late.parquet")
    kit.load(scored, warehouse)
    assert unsettled_because(scored) == "1 of the loads are not scored yet"
    assert compare_with_rebuilt(scored, turn=0).differing > 0
    rescore(scored, kit.NOW)
    assert unsettled_because(scored) is None
    assert compare_with_rebuilt(scored, turn=0).differing == 0
    set_clock(scored, kit.NOW.replace(hour=11))
    assert unsettled_because(scored) == "a rebuild has begun or has failed"
