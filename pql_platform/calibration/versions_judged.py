"""A recorded version judged on history: what it would have done, by the points that it keeps.

For whoever asks about one version; a calibration judges its own proposal in `challenge`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from pql_platform.calibration.backtest import Backtest, backtest
from pql_platform.calibration.draft_models import render_models
from pql_platform.calibration.examples import collect_examples
from pql_platform.calibration.points_table import PointsTable, table_of
from pql_platform.errors import PqlError
from pql_platform.ledger.calibrated import programs_in_force
from pql_platform.ledger.engine import reading
from pql_platform.ledger.versions import ModelVersion, find_version, list_versions, live_version
from pql_platform.program.schema import Program
from pql_platform.program.suggest import did_you_mean
from pql_platform.qualify.kept_programs import program_of_version
from pql_platform.qualify.versions import thresholds_of
from pql_platform.settings import Settings
from pql_platform.warehouse.copies import open_copy
from pql_platform.warehouse.rescoring import read_clock


@dataclass(frozen=True)
class Judged:
    """A version with what it would have done."""

    version: str
    backtest: Backtest


def judge_version(
    settings: Settings,
    engine: Engine,
    version_id: str | None,
    program: str | None,
    as_of: datetime | None,
    *,
    progress: Callable[[str], None] = lambda step: None,
) -> Judged:
    """Backtest a version against the one in force.

    A version that was calibrated on time which the backtest holds back is judged by fitting its
    signals anew to the earlier part, and says so (`Backtest.refitted`).

    Args:
        settings: The installation.
        engine: The ledger.
        version_id: The version; None for the live one.
        program: The program whose live version is meant; needed where there are several.
        as_of: Aware instant that is the clock; None means that of the last pass.
        progress: Told each step in words before it is taken.

    Raises:
        PqlError: There is no such version, its signals are others than those in force, or there is
            too little history.
    """
    champions = {loaded.name: loaded.program for loaded in programs_in_force(settings)}
    with reading(engine) as conn:
        version = _asked(conn, version_id, program, list(champions))
        live = live_version(conn, version.program)
    champion = champions.get(version.program)
    if champion is None or live is None:
        raise PqlError(f"No program file is called {version.program}", hint="Put the file back")
    judged = program_of_version(version) or champion
    _require_same_signals(version, judged, champion)
    with open_copy(settings) as connection:
        now = as_of or read_clock(connection) + timedelta(microseconds=1)
        progress("models")
        models = render_models(settings, [champion])
        examples = collect_examples(
            connection,
            champion,
            now,
            models=models,
            progress=lambda moment: progress(f"what was known on {moment:%Y-%m-%d}"),
        )
    progress("figures")
    found = backtest(
        examples,
        champion,
        _table(version, judged, champion),
        compounds=judged.reachable_compounds,
        enters=(thresholds_of(version).account, thresholds_of(live.version).account),
    )
    return Judged(version.id, found)


def _asked(
    conn: Connection, version_id: str | None, program: str | None, programs: list[str]
) -> ModelVersion:
    if version_id is not None:
        version = find_version(conn, version_id)
        if version is None:
            ids = [one.id for one in list_versions(conn)]
            raise PqlError(
                f"There is no version {version_id}",
                field="version",
                hint=did_you_mean(version_id, ids) or "List them with `pql versions`",
            )
        return version
    if program is None and len(programs) > 1:
        raise PqlError(
            "There are several programs",
            field="program",
            hint=f"Give --program with one of: {', '.join(sorted(programs))}",
        )
    name = program or programs[0]
    live = live_version(conn, name)
    if live is None:
        hint = did_you_mean(name, programs) or "Run `pql run`, which makes the first version"
        raise PqlError(f"Program {name} has no model version yet", field="program", hint=hint)
    return live.version


def _require_same_signals(version: ModelVersion, judged: Program, champion: Program) -> None:
    """Features are computed for the signals in force, so others cannot be judged by them."""
    if judged.signals != champion.signals:
        raise PqlError(
            f"{version.id} has other signals than the program file has now",
            field="version",
            hint="Compare the two definitions with `pql diff`",
        )


def _table(version: ModelVersion, judged: Program, champion: Program) -> PointsTable:
    return table_of(champion, judged.max_points, {}, known_until=version.data_to)
