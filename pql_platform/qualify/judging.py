"""Who judges the scores of a pass: the live version, as long as they were computed by its program.

A program file may be edited and a version promoted while a pass runs. What was computed by then is
judged by what judged before, and the new one counts from the next pass on. What a version says is
`versions`, and how a score becomes a tier is `tiers`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import duckdb
import pandas as pd
from sqlalchemy import Connection, Engine

from pql_platform.errors import PqlError
from pql_platform.ledger.calibrated import programs_in_force
from pql_platform.ledger.engine import reading
from pql_platform.ledger.versions import find_version, live_version
from pql_platform.program.schema import Program
from pql_platform.qualify.tiers import compute_tiers, read_subjects
from pql_platform.qualify.versions import InForce, current_thresholds, in_force, thresholds_of
from pql_platform.settings import Settings
from pql_platform.warehouse import statements
from pql_platform.warehouse.deployments import is_deployed
from pql_platform.warehouse.manifest import rendered_manifest


def judge_everybody(
    connection: duckdb.DuckDBPyConnection, engine: Engine, settings: Settings, as_of: datetime
) -> pd.DataFrame:
    """Return pql.tiers of all programs, making model versions where they are due.

    Args:
        connection: The warehouse with the scores of the pass.
        engine: The ledger.
        settings: The installation.
        as_of: The clock of the pass.

    Raises:
        PqlError: A program file is refused.
    """
    programs = {one.name: one.program for one in programs_in_force(settings)}
    follow = scores_follow(connection, settings, list(programs.values()))
    before = [] if follow else _judges_before(connection)
    frames = []
    if before:
        with reading(engine) as conn:
            judges = [_named(conn, version, programs) for version in before]
        for judge in judges:
            subjects = read_subjects(connection, judge.program)
            frames.append(compute_tiers(subjects, judge.program, judge.thresholds, as_of))
        return pd.concat(frames, ignore_index=True)
    for program in programs.values():
        subjects = read_subjects(connection, program)
        with engine.begin() as conn:
            thresholds = current_thresholds(conn, program, subjects, as_of)
        frames.append(compute_tiers(subjects, program, thresholds, as_of))
    return pd.concat(frames, ignore_index=True)


def scores_follow(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    programs: Sequence[Program] | None = None,
) -> bool:
    """Whether the scores were computed by the programs that are in force now.

    Args:
        connection: The warehouse.
        settings: The installation.
        programs: The programs in force, if they are at hand.
    """
    wanted = rendered_manifest(settings, programs)
    return wanted is not None and is_deployed(connection, wanted)


def judge_of(conn: Connection, program: Program, tiers: pd.DataFrame) -> InForce | None:
    """Return what judged a program in these tiers; what is live now where they are empty.

    Args:
        conn: The ledger.
        program: The program in force.
        tiers: pql.tiers of this program.

    Returns:
        None for a program that nothing has judged: its file came while the pass ran.
    """
    if tiers.empty:
        live = live_version(conn, program.program)
        return InForce(program, thresholds_of(live.version), kept=True) if live else None
    return _named(conn, tiers["version"].iloc[0], {program.program: program})


def _judges_before(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The version of each program in the tiers of the pass before; none before the first."""
    try:
        return list(statements.query(connection, "judged_versions")["version"])
    except duckdb.CatalogException:
        return []


def _named(conn: Connection, version_id: str, today: Mapping[str, Program]) -> InForce:
    version = find_version(conn, version_id)
    if version is None:
        raise PqlError(
            f"The ledger has no version {version_id}, which judged the pass before",
            hint="Restore the ledger that belongs to this warehouse",
        )
    return in_force(version, lambda: today)
