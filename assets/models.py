"""The SQLMesh models as Dagster assets: one asset per model, its audits as asset checks.

A thin integration: keys, lineage of tables and columns, and audits come from the manifest, so that
starting a process does not import SQLMesh. What the models compute is in
`pql_platform/warehouse/sqlmesh`; that a changed program is rebuilt, in `sensors/programs.py`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import duckdb

from assets.ingestion import WAREHOUSE_POOL
from pql_platform.resources import ScoringPass, Warehouse
from pql_platform.warehouse.building import build, run_audits
from pql_platform.warehouse.deployments import is_deployed
from pql_platform.warehouse.manifest import ModelManifest, load_manifest
from pql_platform.warehouse.rescoring import rescore

RAW_INPUTS = {"raw.clock", "raw.personal_email_domains"}
"""Written by the pass itself; they are parameters of the models, not data to show."""

LOADED_WITH_EVENTS = {"raw.links"}
"""Filled by the same load as raw.events, out of the same messages: one asset."""


def asset_key(model: str) -> dg.AssetKey:
    """The key of a table is its schema and name, everywhere."""
    return dg.AssetKey(model.split("."))


def check_name(model: ModelManifest, position: int) -> str:
    """The name of an audit's check; numbered only where a model uses an audit twice."""
    audit = model.audits[position].name
    repeats = [other.name for other in model.audits].count(audit)
    return audit if repeats == 1 else f"{audit}_{position + 1}"


def build_model_assets(manifest: Sequence[ModelManifest]) -> dg.AssetsDefinition:
    """Return one definition that holds an asset for each model of the manifest."""

    @dg.multi_asset(
        name="sqlmesh_models",
        specs=[_spec(model) for model in manifest],
        check_specs=[
            dg.AssetCheckSpec(
                check_name(model, position),
                asset=asset_key(model.name),
                blocking=True,
                description=f"SQLMesh audit {audit.name}: no row breaks it.",
            )
            for model in manifest
            for position, audit in enumerate(model.audits)
        ],
        can_subset=True,
        pool=WAREHOUSE_POOL,
    )
    def sqlmesh_models(
        context: dg.AssetExecutionContext, warehouse: Warehouse, scoring_pass: ScoringPass
    ) -> Iterator[Any]:
        # The file may have changed since this process put its definitions together, and the tiers
        # read it anew: a changed program must not be judged by scores of the old one.
        current = load_manifest(warehouse.settings)
        selected = [
            model for model in current if asset_key(model.name) in context.selected_asset_keys
        ]
        with warehouse.get_connection(checkpoint=False) as connection:
            rebuild = scoring_pass.rebuild or not is_deployed(connection, current)
        if rebuild:
            names = [model.name for model in selected]
            build(warehouse.settings, scoring_pass.given_moment, names)
            scope = "rebuilt with SQLMesh"
        # The tiers come next and write too: one checkpoint for both.
        with warehouse.get_connection(checkpoint=rebuild) as connection:
            if not rebuild:
                rescored = rescore(connection, scoring_pass.moment)
                scope = f"{rescored.scope}: {rescored.accounts} accounts"
            for model in selected:
                yield dg.MaterializeResult(
                    asset_key=asset_key(model.name),
                    metadata={
                        **_row_count(connection, model, rebuild),
                        "scope": scope,
                        # Dagster shows lineage where a materialization says it, and only a rebuild
                        # can change it: live passes, one every few seconds, do without.
                        **({"dagster/column_lineage": _lineage(model)} if rebuild else {}),
                    },
                    data_version=None,
                )
            wanted = [
                model
                for model in selected
                if any(
                    key.asset_key == asset_key(model.name)
                    for key in context.selected_asset_check_keys
                )
            ]
            results = run_audits(connection, wanted)
        for model in wanted:
            for position in range(len(model.audits)):
                broken = results[model.name, position]
                yield dg.AssetCheckResult(
                    asset_key=asset_key(model.name),
                    check_name=check_name(model, position),
                    passed=broken is None,
                    severity=dg.AssetCheckSeverity.ERROR,
                    metadata={
                        "broken_rows": broken.rows if broken else 0,
                        "examples": dg.MetadataValue.json(
                            [[str(value) for value in row] for row in broken.examples]
                            if broken
                            else []
                        ),
                    },
                )

    return sqlmesh_models


def _row_count(
    connection: duckdb.DuckDBPyConnection, model: ModelManifest, rebuild: bool
) -> dict[str, int]:
    """The number of rows; a table knows its own, and no lead waits for a view to be computed."""
    if model.kind == "view" and not rebuild:
        return {}
    (rows,) = connection.execute(
        f"SELECT COUNT(*) FROM {model.name}"  # noqa: S608 - a name of the manifest
    ).fetchone() or (0,)
    return {"dagster/row_count": rows}


def _upstream_key(table: str) -> dg.AssetKey:
    return asset_key("raw.events" if table in LOADED_WITH_EVENTS else table)


def _spec(model: ModelManifest) -> dg.AssetSpec:
    schema = model.name.partition(".")[0]
    return dg.AssetSpec(
        key=asset_key(model.name),
        deps=list(
            dict.fromkeys(
                _upstream_key(name) for name in model.depends_on if name not in RAW_INPUTS
            )
        ),
        description=model.description,
        group_name=schema,
        owners=[f"team:{model.owner}"],
        kinds={"duckdb", "sqlmesh"},
        code_version=model.fingerprint,
        metadata={
            "grain": ", ".join(model.grain),
            "dagster/column_schema": dg.TableSchema(
                columns=[
                    dg.TableColumn(name=name, type=kind, description=says)
                    for name, kind, says in model.columns
                ]
            ),
            "dagster/column_lineage": _lineage(model),
        },
    )


def _lineage(model: ModelManifest) -> dg.TableColumnLineage:
    """From which columns of which assets each column is computed; constants are from nowhere."""
    found = {
        column: [
            dg.TableColumnDep(asset_key=key, column_name=name)
            for key, name in dict.fromkeys(
                (_upstream_key(source.table), source.column)
                for source in sources
                if source.table not in RAW_INPUTS
            )
        ]
        for column, sources in model.lineage
    }
    return dg.TableColumnLineage({column: deps for column, deps in found.items() if deps})
