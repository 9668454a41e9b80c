"""Challengers: another definition computed beside production, in a SQLMesh environment of its own.

What both definitions compute alike is not computed again: the challenger reads production's tables.
It is computed once, as of the instant of production's tables, and no pass brings it up to date.
How its scores differ from production is in `score_differences`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pql_platform.errors import PqlError
from pql_platform.ledger.calibrated import programs_in_force
from pql_platform.program.load import load_programs, program_text
from pql_platform.program.schema import Program
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import warehouse_lock
from pql_platform.warehouse.deployments import deployed_models
from pql_platform.warehouse.project import listen, open_context, plan
from pql_platform.warehouse.rescoring import ROLL_UPS

if TYPE_CHECKING:
    from sqlmesh import Context
    from sqlmesh.core.snapshot import Snapshot, SnapshotTableInfo

NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
"""What SQLMesh and DuckDB take as part of a schema's name without changing it."""

PRODUCTION = "prod"


@dataclass(frozen=True)
class Challenger:
    """A definition that is computed beside production.

    Attributes:
        name: Its name, and that of its environment.
        as_of: The instant that it and its comparison with production are computed for, aware UTC.
        recomputed: Models that have tables of their own, in the order in which they are computed.
        shared: Models whose tables are production's.
        tables: Where to read each model, by its name: a view of the environment or of production.
    """

    name: str
    as_of: datetime
    recomputed: tuple[str, ...]
    shared: tuple[str, ...]
    tables: Mapping[str, str]


def plan_challenger(settings: Settings, programs: Path, name: str) -> Challenger:
    """Compute another definition beside production.

    A program of the challenger takes the place of production's program of the same name; the others
    stay. Planned again under its name, it is computed anew.

    Args:
        settings: Where the warehouse and the programs of production are.
        programs: Program file or folder of the challenger.
        name: Lower-case letters, digits and `_`, at most 31.

    Raises:
        PqlError: The name or a program is refused, the challenger computes what production does,
            nothing is deployed yet, or a model or an audit failed.
    """
    check_name(name)
    folder = _write_programs(settings, programs, name)
    # As they are written: what production has calibrated is none of the challenger's.
    written = [loaded.program for loaded in load_programs(folder)]
    with _project(settings, f"Challenger {name} was not computed", written) as context:
        production = context.state_reader.get_environment(PRODUCTION)
        if production is None:
            raise PqlError("Nothing is deployed yet", hint="Run `pql run` first")
        in_production = {snapshot.name: snapshot for snapshot in production.snapshots}
        _bring_roll_ups_up_to_date(context, in_production)
        computed = {snapshot.name for snapshot in plan(context, environment=name).new_snapshots}
        tables = {fqn: snapshot.table_name() for fqn, snapshot in in_production.items()}
        models = _models(context)
        own = [one for one in models if one.table_name() != tables.get(one.name)]
        stale = [one.model.name for one in own if one.name not in computed]
        if stale:
            plan(context, environment=name, restate_models=stale)
        promoted = context.state_reader.get_environment(name)
        views = {snapshot.name for snapshot in promoted.promoted_snapshots} if promoted else set()
        as_of = _keep_production(context, name)
    return Challenger(
        name=name,
        as_of=as_of,
        recomputed=tuple(one.model.name for one in own),
        shared=tuple(one.model.name for one in models if one not in own),
        tables={
            one.model.name: one.model.name.replace(".", f"__{name}." if one.name in views else ".")
            for one in models
        },
    )


def drop_challenger(settings: Settings, name: str) -> None:
    """Forget a challenger: its views, the tables that nobody else uses, and its programs.

    Raises:
        PqlError: There is no such challenger.
    """
    check_name(name)
    folder = _folder(settings) / name
    if not folder.exists():
        raise unknown_challenger(settings, name)
    with _project(settings, f"Challenger {name} was not dropped") as context:
        context.invalidate_environment(name, sync=True)
        # Also the tables of earlier definitions, which no environment shows any more.
        context.run_janitor(ignore_ttl=True)
        context.engine_adapter.drop_table(f"challengers.{name}")
    shutil.rmtree(folder)


def challengers(settings: Settings) -> tuple[str, ...]:
    """Return the names of the challengers, in order."""
    folder = _folder(settings)
    return tuple(sorted(path.name for path in folder.iterdir())) if folder.exists() else ()


def _folder(settings: Settings) -> Path:
    return settings.home / "challengers"


def check_name(name: str) -> None:
    """Refuse what cannot name a challenger; what passes may stand in a statement.

    Raises:
        PqlError: It cannot.
    """
    if not NAME.fullmatch(name) or name == PRODUCTION:
        raise PqlError(
            f"{name!r} is no name for a challenger",
            hint="Use a letter, then up to 30 lower-case letters, digits and _, and not prod",
            field="name",
        )


def unknown_challenger(settings: Settings, name: str) -> PqlError:
    """The error of asking for a challenger that is not there; says which are."""
    known = ", ".join(challengers(settings))
    return PqlError(
        f"There is no challenger {name}",
        hint=f"There are: {known}" if known else "Plan one with `pql challenger FILE --name NAME`",
    )


def _write_programs(settings: Settings, programs: Path, name: str) -> Path:
    """Write the whole definition of the challenger, one file for each program; return its folder.

    Raises:
        PqlError: A program is refused, or the programs do not fit together.
    """
    # Production's as they are in force, so that only what the challenger says is otherwise.
    texts = {loaded.name: program_text(loaded.program) for loaded in programs_in_force(settings)}
    theirs = load_programs(programs)
    texts |= {loaded.name: loaded.path.read_text(encoding="utf-8") for loaded in theirs}
    folder = _folder(settings) / name
    part = folder.with_name(f".{name}.part")
    if part.exists():
        shutil.rmtree(part)
    part.mkdir(parents=True)
    for program, text in texts.items():
        (part / f"{program}.yaml").write_text(text, encoding="utf-8")
    try:
        load_programs(part)
    except PqlError:
        shutil.rmtree(part)
        raise
    if folder.exists():
        shutil.rmtree(folder)
    return part.rename(folder)


@contextmanager
def _project(
    settings: Settings, failed: str, programs: Sequence[Program] | None = None
) -> Iterator[Context]:
    """The SQLMesh project of a definition, with the right to write the warehouse.

    Raises:
        PqlError: SQLMesh refused or failed; names the model where one is at fault.
    """
    from sqlmesh.utils.errors import NoChangesPlanError, SQLMeshError

    failures = listen()
    # Reading the project takes seconds and touches no table, so nobody need wait for it.
    context = open_context(settings, programs)
    with warehouse_lock(settings.home), closing(context):
        try:
            yield context
        except NoChangesPlanError as error:
            raise PqlError(
                "The challenger computes exactly what production does",
                hint="Change a signal, a weight or a rule; owners and wording change no number",
            ) from error
        except SQLMeshError as error:
            raise PqlError(
                f"{failed}: {next(iter(failures), str(error))}",
                hint="Production is as it was; mend the program and try again",
            ) from error


def _models(context: Context) -> list[Snapshot]:
    """The models of a context in the order in which they are computed."""
    ordered = (context.snapshots.get(fqn) for fqn in context.dag.sorted)
    return [
        one
        for one in ordered
        if one is not None and one.is_model and not one.model.kind.is_external
    ]


def _bring_roll_ups_up_to_date(
    context: Context, in_production: Mapping[str, SnapshotTableInfo]
) -> None:
    """Compute the shared tables that live passes leave as they are, if the challenger reads them.

    With the queries that are deployed, in place: what production computed from them is right.
    """
    models = _models(context)
    shared = {
        one.name
        for one in models
        if one.name in in_production
        and one.fingerprint.data_hash == in_production[one.name].fingerprint.data_hash
    }
    if not any(
        parent.name in shared and context.snapshots[parent.name].model.name in ROLL_UPS
        for one in models
        if one.name not in shared
        for parent in one.parents
    ):
        return
    adapter = context.engine_adapter
    for model in deployed_models(adapter.cursor):
        if model.model in ROLL_UPS and model.physical_table is not None:
            adapter.execute(f"DELETE FROM {model.physical_table}")  # noqa: S608 - deployed models
            adapter.execute(f"INSERT INTO {model.physical_table} BY NAME {model.query}")


def _keep_production(context: Context, name: str) -> datetime:
    """Keep production's scores of this instant beside the challenger: live passes change them.

    Under the lock that the challenger is computed under, so that both have seen the same events.
    """
    adapter = context.engine_adapter
    adapter.execute("CREATE SCHEMA IF NOT EXISTS challengers")
    # The name was checked; a table's name takes no bound parameter.
    adapter.execute(
        f"""
        CREATE OR REPLACE TABLE challengers.{name} AS
        SELECT composites.program, composites.level, composites.subject_id, composites.account_id,
          composites.score, clock.as_of
        FROM scores.composites AS composites CROSS JOIN raw.clock AS clock
        """  # noqa: S608
    )
    row = adapter.fetchone("SELECT as_of FROM raw.clock")
    if row is None:
        raise PqlError("There are no scores yet", hint="Run `pql run` first")
    as_of: datetime = row[0]
    return as_of.replace(tzinfo=UTC)
