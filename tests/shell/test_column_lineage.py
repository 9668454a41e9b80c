"""From which columns a column comes, as Dagster is told it: from a score back to the messages."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

Column = tuple[str, str]


@pytest.fixture(scope="module")
def lineage(definitions: dg.Definitions) -> dict[Column, set[Column]]:
    """The columns that each column of a model names as its sources."""
    found: dict[Column, set[Column]] = {}
    for spec in definitions.resolve_all_asset_specs():
        if "dagster/column_lineage" in spec.metadata:
            value = spec.metadata["dagster/column_lineage"]
            assert isinstance(value, dg.TableColumnLineage)
            for column, sources in value.deps_by_column.items():
                found[spec.key.to_user_string(), column] = {
                    (source.asset_key.to_user_string(), source.column_name) for source in sources
                }
    return found


def all_behind(column: Column, lineage: dict[Column, set[Column]]) -> set[Column]:
    behind: set[Column] = set()
    todo = [column]
    while todo:
        new = lineage.get(todo.pop(), set()) - behind
        behind |= new
        todo += new
    return behind


def test_a_score_comes_from_points_and_through_to_the_messages(
    lineage: dict[Column, set[Column]],
) -> None:
    assert lineage["scores/composites", "score"] == {("scores/contributions", "points")}
    behind = all_behind(("scores/composites", "score"), lineage)
    assert {
        ("features/signals", "value"),
        ("features/signal_days", "day"),
        ("staging/messages", "occurred_at"),
        ("raw/events", "occurred_at"),
    } <= behind


def test_what_a_column_does_not_need_is_not_named(lineage: dict[Column, set[Column]]) -> None:
    assert lineage["scores/composites", "last_signal_at"] == {("features/signals", "last_at")}
    behind = all_behind(("staging/users", "title"), lineage)
    assert ("raw/events", "traits") in behind
    assert ("raw/events", "properties") not in behind


def test_every_source_is_a_column_that_exists(
    lineage: dict[Column, set[Column]], definitions: dg.Definitions
) -> None:
    columns = {
        (spec.key.to_user_string(), column.name)
        for spec in definitions.resolve_all_asset_specs()
        if "dagster/column_schema" in spec.metadata
        for column in spec.metadata["dagster/column_schema"].columns
    }
    models = {table for table, _ in columns}
    named = set().union(*lineage.values())
    assert {column for column in named if column[0] in models} <= columns
    assert lineage.keys() <= columns
    assert {table for table, _ in named} - models == {"raw/events"}
    # Only what is counted or constant comes from no column.
    assert len(lineage) > 0.8 * len(columns)


def test_a_rebuild_says_it_with_each_table_and_a_live_pass_does_not(company: Any) -> None:
    full = company.full.metadata["scores/composites"]
    assert full["dagster/column_lineage"] is not None
    assert "dagster/column_lineage" not in company.live.metadata["scores/composites"]
