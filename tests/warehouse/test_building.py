"""What a build computes, what it refuses, and how audits say so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pql_platform.errors import PqlError
from pql_platform.warehouse import building
from pql_platform.warehouse.building import build, run_audits
from pql_platform.warehouse.connection import open_warehouse, warehouse_lock
from pql_platform.warehouse.deployments import deployed_models
from pql_platform.warehouse.manifest import load_manifest
from pql_platform.warehouse.rescoring import read_clock, rescore


def test_a_build_computes_what_the_live_path_computed(warehouse, kit, small_world) -> None:
    kit.put(warehouse, small_world, "world.parquet")
    with open_warehouse(warehouse) as connection:
        kit.load(connection, warehouse)
        rescore(connection, kit.NOW)
        live = kit.tables(connection)
    build(warehouse, kit.NOW)
    with open_warehouse(warehouse) as connection:
        assert kit.tables(connection) == live
        assert read_clock(connection) == kit.NOW
    assert {name: len(found) for name, found in live.items() if not found} == {}


def test_a_row_that_breaks_a_promise_is_shown_with_the_audit_that_it_breaks(warehouse, kit) -> None:
    manifest = load_manifest(warehouse)
    with open_warehouse(warehouse) as connection:
        assert set(run_audits(connection, manifest).values()) == {None}
        connection.execute(
            f"INSERT INTO {physical(connection, 'scores.composites')}"  # noqa: S608
            " (program, level, subject_id, account_id, score, usage_depth, frequency,"
            "  feature_adoption, viral, compound, spread, negative, limited, categories_active)"
            " VALUES ('unit', 'account', 'acme', 'acme', 100.25, 0, 0, 0, 0, 0, 0, 0, 0, 0)"
        )
        broken = [promise for promise in run_audits(connection, manifest).values() if promise]
    assert [(promise.model, promise.audit, promise.rows) for promise in broken] == [
        ("scores.composites", "accepted_range", 1),
        ("scores.composites", "contributions_add_up_to_the_score", 1),
    ]
    assert "acme" in broken[1].examples[0]


def test_a_build_that_breaks_an_audit_fails_and_names_model_and_audit(warehouse, kit) -> None:
    rows = [kit.message("twice", timedelta(hours=1), user_id="ann")]
    kit.put(warehouse, rows, "once.parquet")
    with open_warehouse(warehouse) as connection:
        kit.load(connection, warehouse)
        connection.execute("INSERT INTO raw.events FROM raw.events")
    with pytest.raises(PqlError) as refused:
        build(warehouse, kit.NOW)
    assert "staging.messages" in str(refused.value)
    assert "each_message_once" in str(refused.value)
    assert refused.value.hint


def physical(connection, model: str) -> str:
    (table,) = (m.physical_table for m in deployed_models(connection) if m.model == model)
    return table


def test_nobody_loads_anything_between_the_steps_of_a_build(warehouse, kit, monkeypatch) -> None:
    turned_away = []
    rebuild = building.rebuild

    def rebuild_and_ask(*arguments, **named) -> None:
        for step in (lambda: None, lambda: rebuild(*arguments, **named)):
            step()
            # What got in here would be marked as scored, and its leads found only after midnight.
            with (
                pytest.raises(PqlError) as refusal,
                warehouse_lock(warehouse.home, wait_seconds=0),
            ):
                pass
            turned_away.append(refusal.value)

    monkeypatch.setattr(building, "rebuild", rebuild_and_ask)
    build(warehouse, None)
    assert len(turned_away) == 2
    with open_warehouse(warehouse) as connection:
        assert read_clock(connection) > kit.NOW
