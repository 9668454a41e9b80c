"""A version put in force by a decision, and taken back: who, why, and by compare-and-set.

It counts from the next pass on. A version judges only the program file that it was made for, so one
of another state of the file is refused: the next pass would replace it at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from pql_platform.errors import PqlError
from pql_platform.ledger.calibrated import calibration_of, under
from pql_platform.ledger.engine import open_ledger
from pql_platform.ledger.versions import (
    LiveVersion,
    ModelVersion,
    find_version,
    list_promotions,
    list_versions,
    live_version,
    promote,
    versioned_programs,
)
from pql_platform.program.load import LoadedProgram, load_programs
from pql_platform.program.suggest import did_you_mean
from pql_platform.qualify.calibrated_versions import export_versions
from pql_platform.qualify.versions import thresholds_of, version_digest
from pql_platform.settings import Settings

Pair = tuple[ModelVersion, ModelVersion | None]
"""The version that became live, and the one in whose place."""


@dataclass(frozen=True)
class Promoted:
    """What a decision changed.

    Attributes:
        version: The version that is live now.
        previous: The one in whose place; None when none was live.
        warning: Why the versions do not lie beside the programs as files; None when they do.
    """

    version: ModelVersion
    previous: ModelVersion | None
    warning: str | None


def promote_version(
    settings: Settings,
    version_id: str,
    *,
    by: str,
    why: str,
    now: datetime,
    expected: str | None = None,
) -> Promoted:
    """Make a version live, and keep its program's versions as files; see `promote_in`."""
    return _decide(
        settings,
        lambda conn, files: promote_in(
            conn, files, version_id, by=by, why=why, now=now, expected=expected
        ),
    )


def roll_back(
    settings: Settings, program: str | None, *, by: str, why: str, now: datetime
) -> Promoted:
    """Take the live version back, and keep its program's versions as files; see `roll_back_in`."""
    return _decide(
        settings, lambda conn, files: roll_back_in(conn, files, program, by=by, why=why, now=now)
    )


def promote_in(
    conn: Connection,
    files: Sequence[LoadedProgram],
    version_id: str,
    *,
    by: str,
    why: str,
    now: datetime,
    expected: str | None = None,
) -> Pair:
    """Make a version live.

    Args:
        conn: The ledger, in a transaction.
        files: The program files as they are written.
        version_id: The version.
        by: Who approves it.
        why: Their reason.
        now: The moment of the decision.
        expected: Id of the live version that the decision was made against; None for any.

    Raises:
        PqlError: There is no such version, it is live already, it was made for another state of the
            program file, or another promotion came first.
    """
    version = find_version(conn, version_id)
    if version is None:
        ids = [one.id for one in list_versions(conn)]
        hint = did_you_mean(version_id, ids) or "Run `pql run`, which makes the first one"
        raise PqlError(f"There is no version {version_id}", field="version", hint=hint)
    live = live_version(conn, version.program)
    if live is not None and live.version.id == version.id:
        raise PqlError(
            f"{version.id} is live already, since {live.since:%F %H:%M} UTC",
            field="version",
            hint="List the others with `pql versions`",
        )
    thresholds_of(version)
    _require_its_file(version, files)
    present = live.version.id if live else None
    promote(conn, version.program, version.id, by, why, expected or present, now=now)
    return version, live.version if live else None


def roll_back_in(
    conn: Connection,
    files: Sequence[LoadedProgram],
    program: str | None,
    *,
    by: str,
    why: str,
    now: datetime,
) -> Pair:
    """Make the version live again that judged before the live one; done twice, it is undone.

    Versions that judge just as the live one does, made since for a changed wording, are passed
    over.

    Args:
        conn: The ledger, in a transaction.
        files: The program files as they are written.
        program: The program; None where only one has versions.
        by: Who decides.
        why: Their reason.
        now: The moment of the decision.

    Raises:
        PqlError: The program is not known, no other version was live before, or it was made for
            another state of the program file.
    """
    live = _live(conn, program)
    for promotion in reversed(list_promotions(conn, live.version.program)):
        version = find_version(conn, promotion.version_id)
        if version is not None and _judges_by(version) != _judges_by(live.version):
            return promote_in(
                conn, files, version.id, by=by, why=why, now=now, expected=live.version.id
            )
    raise PqlError(
        f"No version of {live.version.program} judged otherwise before {live.version.id}",
        field="program",
        hint="List its versions with `pql versions`",
    )


def _decide(
    settings: Settings, decide: Callable[[Connection, Sequence[LoadedProgram]], Pair]
) -> Promoted:
    files = load_programs(settings.programs)
    engine = open_ledger(settings.ledger_url)
    try:
        with engine.begin() as conn:
            version, previous = decide(conn, files)
            versions = list_versions(conn, version.program)
    finally:
        engine.dispose()
    return Promoted(version, previous, export_versions(settings, versions))


def _require_its_file(version: ModelVersion, files: Sequence[LoadedProgram]) -> None:
    """Refuse a version that the next pass would not judge by."""
    file = next((one for one in files if one.name == version.program), None)
    if file is None:
        raise PqlError(
            f"No program file is called {version.program}, which {version.id} judges",
            field="version",
            hint="Put the file back",
        )
    judged_by = under(file.program, calibration_of(version))
    if version_digest(judged_by) != version.program_digest:
        raise PqlError(
            f"{version.id} was made for another state of {file.path.name}: what decides scores or "
            "thresholds has been edited since",
            field="version",
            hint="Put the file back as it was then, or recalibrate on it as it is now",
        )


def _live(conn: Connection, program: str | None) -> LiveVersion:
    programs = versioned_programs(conn)
    if program is None and len(programs) > 1:
        hint = f"Give --program with one of: {', '.join(programs)}"
        raise PqlError("There are several programs", field="program", hint=hint)
    name = program or next(iter(programs), "")
    live = live_version(conn, name)
    if live is None:
        hint = did_you_mean(name, programs) or "Run `pql run`, which makes the first version"
        raise PqlError(f"No version of {name or 'any program'} is live", field="program", hint=hint)
    return live


def _judges_by(version: ModelVersion) -> tuple[object, ...]:
    return version.program_digest, version.enter_account, version.enter_user
