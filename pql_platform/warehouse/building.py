"""The full build: SQLMesh plans what changed, recomputes, and the result becomes what is deployed.

The slow and thorough way (seconds, every audit); `rescoring` is the fast one. Both use the same
queries, and a check holds their results equal.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb

from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_held_warehouse, warehouse_lock
from pql_platform.warehouse.deployments import record_deployment
from pql_platform.warehouse.manifest import ModelManifest, load_manifest
from pql_platform.warehouse.ordering import keep_in_order
from pql_platform.warehouse.project import rebuild
from pql_platform.warehouse.rescoring import mark_current, set_clock

if TYPE_CHECKING:
    from sqlmesh import Context


@dataclass(frozen=True)
class BrokenPromise:
    """An audit that does not hold: how many rows break it, and the first of them."""

    model: str
    audit: str
    rows: int
    examples: tuple[tuple[object, ...], ...]


def build(
    settings: Settings, as_of: datetime | None, models: Collection[str] | None = None
) -> None:
    """Deploy the current definition and compute every model (or these) as of an instant.

    One turn at the warehouse from beginning to end: what another pass loads in between would count
    as scored and never be.

    Args:
        settings: The installation.
        as_of: Aware instant; None means the moment at which the turn has come, since a clock read
            before the wait would stand behind the passes that were waited for.
        models: Names such as `features.signals`; None means every model.

    Raises:
        PqlError: A model or an audit failed; the message names it.
    """
    manifest = load_manifest(settings)
    physical_tables: dict[str, str] = {}
    with warehouse_lock(settings.home):
        moment = as_of or datetime.now(UTC)
        with open_held_warehouse(settings) as connection:
            keep_in_order(connection)
            set_clock(connection, moment)
        rebuild(settings, models, after=lambda context: physical_tables.update(_physical(context)))
        with open_held_warehouse(settings) as connection:
            connection.execute("BEGIN")
            record_deployment(connection, manifest, physical_tables, moment)
            mark_current(connection)
            connection.execute("COMMIT")


def _physical(context: Context) -> dict[str, str]:
    """Model name to `catalog.schema.table` of the version that production shows."""
    return {
        snapshot.model.name: snapshot.table_name()
        for snapshot in context.snapshots.values()
        if snapshot.is_model
        and not snapshot.model.kind.is_external
        and not snapshot.model.kind.is_view
    }


def run_audits(
    connection: duckdb.DuckDBPyConnection, manifest: Collection[ModelManifest]
) -> dict[tuple[str, int], BrokenPromise | None]:
    """Run every audit of every model; None where it holds, by model and position of the audit."""
    results: dict[tuple[str, int], BrokenPromise | None] = {}
    for model in manifest:
        for position, audit in enumerate(model.audits):
            # The query is rendered from the SQLMesh project, never from input.
            (rows,) = connection.execute(
                f"SELECT COUNT(*) FROM ({audit.query}) AS broken"  # noqa: S608
            ).fetchone() or (0,)
            examples = connection.execute(audit.query).fetchmany(5) if rows else []
            results[model.name, position] = (
                BrokenPromise(model.name, audit.name, rows, tuple(examples)) if rows else None
            )
    return results
