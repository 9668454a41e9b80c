"""A question about the past is answered with the models that were in force then."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.deployments import deployed_models, is_deployed, record_deployment
from pql_platform.warehouse.manifest import load_manifest
from pql_platform.warehouse.rescoring import as_known_at, live_schemas, rescore

CHANGED_AT = timedelta(days=2)
"""Before NOW: when the second definition was deployed."""


@pytest.fixture
def redeployed(warehouse, kit, small_world):
    """A warehouse whose second definition gives 7.77 points for every reason."""
    kit.put(warehouse, small_world, "world.parquet")
    models = load_manifest(warehouse)
    tables = {}
    with open_warehouse(warehouse) as connection:
        kit.load(connection, warehouse)
        rescore(connection, kit.NOW - CHANGED_AT)
        tables = {model.model: model.physical_table for model in deployed_models(connection)}
        another = [
            replace(
                model,
                query=f"SELECT * REPLACE (7.77 AS points) FROM ({model.query})",  # noqa: S608
                fingerprint="another",
            )
            if model.name == "scores.contributions"
            else model
            for model in models
        ]
        record_deployment(connection, another, tables, kit.NOW - CHANGED_AT)
        yield connection, models, another, tables


def points_at(connection, moment) -> set[float]:
    with as_known_at(connection, moment, ["acme"]), live_schemas(connection):
        rows = connection.execute("SELECT points FROM scores.contributions").fetchall()
    return {float(points) for (points,) in rows}


def test_the_past_is_computed_by_the_deployment_of_its_time(redeployed, kit) -> None:
    connection, *_ = redeployed
    assert points_at(connection, kit.NOW) == {7.77}
    assert points_at(connection, kit.NOW - CHANGED_AT) == {7.77}
    before = points_at(connection, kit.NOW - CHANGED_AT - timedelta(seconds=1))
    assert before
    assert 7.77 not in before


def test_before_the_first_deployment_the_first_one_answers(redeployed, kit) -> None:
    connection, models, *_ = redeployed
    first = deployed_models(connection, datetime(2000, 1, 1, tzinfo=UTC))
    assert [model.query for model in first] == [model.query for model in models]


def test_a_moment_in_another_zone_is_the_same_moment(redeployed, kit) -> None:
    connection, *_ = redeployed
    moment = kit.NOW - CHANGED_AT
    elsewhere = moment.astimezone(timezone(timedelta(hours=-9)))
    assert deployed_models(connection, elsewhere) == deployed_models(connection, moment)
    earlier = (moment - timedelta(seconds=1)).astimezone(timezone(timedelta(hours=9)))
    assert deployed_models(connection, earlier) != deployed_models(connection, moment)


def test_the_live_path_computes_with_the_latest(redeployed, kit) -> None:
    connection, _, another, _ = redeployed
    assert is_deployed(connection, another)
    rescore(connection, kit.NOW)
    assert kit.rows(connection, "SELECT DISTINCT points::DOUBLE FROM scores.contributions") == [
        (7.77,)
    ]


def test_the_same_models_once_more_are_no_new_deployment(redeployed, kit) -> None:
    connection, models, another, tables = redeployed
    moved = {name: f"{table}_moved" for name, table in tables.items() if table}
    record_deployment(connection, another, moved, kit.NOW)
    assert kit.rows(connection, "SELECT MAX(deployment) FROM ops.models") == [(2,)]
    assert {model.physical_table for model in deployed_models(connection)} == {
        None,
        *moved.values(),
    }
    record_deployment(connection, models, tables, kit.NOW)
    assert kit.rows(connection, "SELECT MAX(deployment) FROM ops.models") == [(3,)]
    assert points_at(connection, kit.NOW - timedelta(seconds=1)) == {7.77}
    assert 7.77 not in points_at(connection, kit.NOW)


def test_two_deployments_at_one_instant_leave_the_later_in_force(redeployed, kit) -> None:
    connection, models, _, tables = redeployed
    record_deployment(connection, models, tables, kit.NOW - CHANGED_AT)
    assert 7.77 not in points_at(connection, kit.NOW)
