"""The programs as they judge now: their files, with what the live version has calibrated laid over.

The ledger is the authority on what is live, and the file on everything else: a calibration counts
only while the file says what it was calibrated on. Making and promoting versions is `qualify`; a
program as it was at another time is kept by its version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, select

from pql_platform.errors import PqlError
from pql_platform.ledger.engine import looking
from pql_platform.ledger.tables import live_versions, model_versions
from pql_platform.ledger.versions import ModelVersion
from pql_platform.program.load import LoadedProgram, digest, load_programs
from pql_platform.program.schema import Program
from pql_platform.settings import Settings
from pql_platform.warehouse.definition import definition_digest


@dataclass(frozen=True)
class Calibration:
    """What a calibration changes in a program file, and the state of the file it is good for.

    Attributes:
        version: Id of the model version.
        base_digest: `definition_digest` of the program file that it was calibrated on.
        weights: Points per category.
        points: Most points per signal.
        compounds: Compounds as a program file writes them; None leaves those of the file.
    """

    version: str
    base_digest: str
    weights: Mapping[str, Decimal]
    points: Mapping[str, Decimal]
    compounds: Sequence[Mapping[str, Any]] | None = None


def programs_in_force(settings: Settings) -> tuple[LoadedProgram, ...]:
    """Load the program files as scores, tiers and hand-offs are to follow them now.

    Costs one small query of the ledger and is asked every few seconds.

    Returns:
        As `load_programs`: `program` and `digest` are what judges; `path`, `source` and `warnings`
        are those of the file.

    Raises:
        PqlError: A file is refused, or the ledger cannot be read.
    """
    loaded = load_programs(settings.programs)
    with looking(settings.ledger_url) as conn:
        live = {} if conn is None else live_calibrations(conn)
    return tuple(_in_force(one, live.get(one.name)) for one in loaded)


def live_calibrations(conn: Connection) -> dict[str, Calibration]:
    """The calibrations of all live versions that have one, by program."""
    query = (
        select(
            model_versions.c.program,
            model_versions.c.id,
            model_versions.c.base_digest,
            model_versions.c.weights,
            model_versions.c.points,
            model_versions.c.compounds,
        )
        .join(live_versions, live_versions.c.version_id == model_versions.c.id)
        .where(model_versions.c.base_digest.is_not(None))
    )
    return {row.program: Calibration(*row[1:]) for row in conn.execute(query)}


def calibration_of(version: ModelVersion) -> Calibration | None:
    """What a version has calibrated; None where it judges by the points of the program file."""
    if version.base_digest is None or version.weights is None or version.points is None:
        return None
    return Calibration(
        version.id, version.base_digest, version.weights, version.points, version.compounds
    )


def under(program: Program, calibration: Calibration | None) -> Program:
    """The program of a file as it judges while a version with this calibration is live."""
    if calibration is None or calibration.base_digest != definition_digest(program):
        return program
    return calibrated(program, calibration)


def calibrated(program: Program, calibration: Calibration) -> Program:
    """The program of a file with a calibration laid over, whatever the file says.

    Raises:
        PqlError: The two make no program: another release wrote the calibration.
    """
    content = program.model_dump(mode="json", by_alias=True)
    content |= {"weights": dict(calibration.weights), "points": dict(calibration.points)}
    if calibration.compounds is not None:
        content["compounds"] = list(calibration.compounds)
    try:
        return Program.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise PqlError(
            f"The calibration of {calibration.version} cannot be used ({first['msg']})",
            field=".".join(map(str, first["loc"])),
            hint="Promote another version, or ask the release that recorded it",
        ) from error


def _in_force(loaded: LoadedProgram, calibration: Calibration | None) -> LoadedProgram:
    program = under(loaded.program, calibration)
    if program is loaded.program:
        return loaded
    return replace(loaded, program=program, digest=digest(program))
