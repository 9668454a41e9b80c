"""The same models give the same rows on DuckDB, Postgres and Spark."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.engines


def differing(world, engine: str) -> dict[str, tuple[list, list]]:
    """For each model that differs: rows only of this engine, and rows only of DuckDB."""
    there, here = world.computed[engine], world.computed["duckdb"]
    return {
        model: (
            [row for row in there[model] if row not in set(rows)][:3],
            [row for row in rows if row not in set(there[model])][:3],
        )
        for model, rows in here.items()
        if rows != there[model]
    }


def test_postgres_computes_what_duckdb_computes(on_postgres, world) -> None:
    assert differing(world, "postgres") == {}


def test_spark_computes_what_duckdb_computes(on_spark, world) -> None:
    assert differing(world, "spark") == {}


def test_every_model_has_rows_to_compare(on_postgres, world) -> None:
    empty = {name for name, rows in world.computed["duckdb"].items() if not rows}
    # Only the awkward history has people with two user ids.
    assert empty <= {"staging.merged_users"}
    assert {row[1] for row in world.computed["duckdb"]["scores.composites"]} == {"user", "account"}
