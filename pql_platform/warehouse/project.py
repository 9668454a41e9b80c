"""The SQLMesh project: its configuration, and the one way in which it is rebuilt.

SQLMesh is imported inside the functions: it takes 2 to 4 s, and the alert path, which imports this
package, never needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pql_platform.errors import PqlError
from pql_platform.ledger.calibrated import programs_in_force
from pql_platform.program.schema import Program
from pql_platform.settings import Settings, load_settings
from pql_platform.warehouse.definition import compile_variables
from pql_platform.warehouse.gateways import gateway_config

if TYPE_CHECKING:
    from sqlmesh import Context
    from sqlmesh.core.config import Config
    from sqlmesh.core.plan import Plan

PROJECT = Path(__file__).parent / "sqlmesh"


def sqlmesh_config(
    settings: Settings | None = None, programs: Sequence[Program] | None = None
) -> Config:
    """Return the SQLMesh configuration for the home of these settings.

    Args:
        settings: Where everything is; the environment's by default.
        programs: The definition; None means the programs in force.
    """
    from sqlmesh.core.config import Config, LinterConfig, ModelDefaultsConfig
    from sqlmesh.core.config.format import FormatConfig

    settings = settings or load_settings()
    if programs is None:
        programs = [loaded.program for loaded in programs_in_force(settings)]
    return Config(
        gateways={settings.gateway: gateway_config(settings)},
        default_gateway=settings.gateway,
        model_defaults=ModelDefaultsConfig(dialect="duckdb", start="2020-01-01", cron="@daily"),
        variables=compile_variables(programs),
        linter=LinterConfig(
            enabled=True,
            rules=[
                "noselectstar",
                "invalidselectstarexpansion",
                "ambiguousorinvalidcolumn",
                "nomissingaudits",
                "nomissingunittest",
                "nomissingexternalmodels",
                "nomissingowner",
                "nomissinggrain",
                "nomissingcolumndescriptions",
                "nomissingcolumnunits",
            ],
        ),
        format=FormatConfig(append_newline=True),
        cache_dir=str(settings.home / "sqlmesh_cache"),
        disable_anonymized_analytics=True,
    )


def open_context(settings: Settings, programs: Sequence[Program] | None = None) -> Context:
    """Return a SQLMesh context; the caller closes it and, to touch data, holds the lock.

    Args:
        settings: Where everything is.
        programs: The definition; None means the programs in force.
    """
    from sqlmesh import Context

    return Context(paths=[str(PROJECT)], config=sqlmesh_config(settings, programs))


def listen() -> list[str]:
    """Have SQLMesh say nothing, and return the list into which it puts what failed."""
    from sqlmesh.core.console import NoopConsole, set_console

    failures: list[str] = []

    class FailureConsole(NoopConsole):
        def log_failed_models(self, errors: Any) -> None:
            for error in errors:
                # What failed is a snapshot, named "catalog"."schema"."model", or a step of one.
                snapshot = getattr(error.node, "snapshot_name", getattr(error.node, "name", ""))
                model = ".".join(part.strip('"') for part in str(snapshot).split(".")[-2:])
                failures.append(f"{model}: {' '.join(str(error.__cause__ or error).split())}")

    set_console(FailureConsole())
    return failures


def plan(context: Context, **options: Any) -> Plan:
    """Plan and apply without questions; options are those of SQLMesh's own plan."""
    return context.plan(
        auto_apply=True,
        no_prompts=True,
        # `make check` lints and tests the project; a deploy only runs it.
        skip_tests=True,
        skip_linter=True,
        **options,
    )


def rebuild(
    settings: Settings,
    models: Collection[str] | None = None,
    after: Callable[[Context], Any] | None = None,
) -> None:
    """Plan what changed and recompute the models (all, or these and what reads them).

    The caller holds the warehouse lock where the warehouse is the DuckDB file.

    Args:
        settings: Where the warehouse is.
        models: Names such as `features.signals`; None means every model.
        after: Called with the context once all is computed.

    Raises:
        PqlError: A model or one of its audits failed, and which.
    """
    from sqlmesh.utils.errors import SQLMeshError

    failures = listen()
    context = open_context(settings)
    try:
        # A plan that restates ignores changed definitions, so those are deployed first.
        built = {snapshot.name for snapshot in plan(context).new_snapshots}
        stale = [
            model.name
            for fqn, model in context.models.items()
            if not model.kind.is_external
            and fqn not in built
            and (models is None or model.name in models)
        ]
        if stale:
            plan(context, restate_models=stale)
        if after is not None:
            after(context)
    except SQLMeshError as error:
        raise PqlError(
            f"The models were not rebuilt: {next(iter(failures), str(error))}",
            hint="Mend the model or the data and run `pql run` again; events are safe",
        ) from error
    finally:
        context.close()
