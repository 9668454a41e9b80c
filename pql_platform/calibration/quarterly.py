"""A calibration of every program, from a copy of the warehouse to a recorded, announced challenger.

What the quarterly job and `pql calibrate` have in common. The steps are in `challenge`; when they
are taken is decided by schedules and commands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb
from sqlalchemy import Engine

from pql_platform.calibration.announcement import announce, refusal
from pql_platform.calibration.challenge import Proposal, judge, propose, record
from pql_platform.calibration.policy import Decision
from pql_platform.calibration.rep_answers import said_by_reps
from pql_platform.errors import PqlError
from pql_platform.ledger.calibrated import programs_in_force
from pql_platform.ledger.engine import reading
from pql_platform.ledger.proposals import write_proposal
from pql_platform.ledger.versions import LiveVersion, ModelVersion, live_version, promote
from pql_platform.program.load import LoadedProgram, load_programs
from pql_platform.program.suggest import did_you_mean
from pql_platform.qualify.calibrated_versions import export_versions
from pql_platform.qualify.judging import scores_follow
from pql_platform.settings import Settings
from pql_platform.warehouse.copies import open_copy
from pql_platform.warehouse.rescoring import read_clock

POLICY = "recalibration policy"
"""Who promotes where the policy is auto."""


@dataclass(frozen=True)
class Outcome:
    """What became of one program.

    Attributes:
        program: Its name.
        champion: Id of the version that was live before.
        version: The recorded challenger; None when there is none.
        proposal: What was found; None when it was refused.
        decision: What the policy says; None when it was refused.
        refused: Why nothing could be calibrated; None when it was.
        announcement: All of it in words, as `announce` and `refusal` give them.
    """

    program: str
    champion: str
    version: ModelVersion | None
    proposal: Proposal | None
    decision: Decision | None
    refused: PqlError | None
    announcement: dict[str, Any]


def calibrate(
    settings: Settings,
    engine: Engine,
    as_of: datetime | None,
    *,
    by: str,
    reason: str,
    act: bool,
    only: str | None = None,
    progress: Callable[[str, str], None] = lambda program, step: None,
) -> tuple[Outcome, ...]:
    """Calibrate programs, each for itself: what one refuses does not stop another.

    Args:
        settings: The installation.
        engine: The ledger.
        as_of: Aware instant that is the clock of the calibration; None means that of the last pass.
        by: Who or what asks.
        reason: Why.
        act: Promote by the programs' policies, and tell people; else only record.
        only: One program; None for all.
        progress: Told the program and each step before it is taken.

    Raises:
        PqlError: There is no such program, or nothing was computed yet.
    """
    files = {loaded.name: loaded for loaded in load_programs(settings.programs)}
    if only is not None and only not in files:
        hint = did_you_mean(only, list(files)) or f"There are: {', '.join(sorted(files))}"
        raise PqlError(f"There is no program {only}", field="program", hint=hint)
    outcomes = []
    with open_copy(settings) as connection:
        if not scores_follow(connection, settings):
            raise PqlError(
                "The scores were not computed by the programs as they are now",
                hint="Run `pql run` first",
            )
        # From just after the pass whose scores it is drawn on: what that pass said stands.
        now = as_of or read_clock(connection) + timedelta(microseconds=1)
        for champion in programs_in_force(settings):
            if only is None or champion.name == only:
                run = _Run(settings, engine, now, by, reason, act)
                outcomes.append(run.calibrate(connection, files[champion.name], champion, progress))
    return tuple(outcomes)


@dataclass(frozen=True)
class _Run:
    settings: Settings
    engine: Engine
    now: datetime
    by: str
    reason: str
    act: bool

    def calibrate(
        self,
        connection: duckdb.DuckDBPyConnection,
        file: LoadedProgram,
        champion: LoadedProgram,
        progress: Callable[[str, str], None],
    ) -> Outcome:
        name = file.name
        with reading(self.engine) as conn:
            live = live_version(conn, name)
        if live is None:
            raise PqlError(f"Program {name} has no model version yet", hint="Run `pql run`")
        try:
            proposal = propose(
                self.settings,
                connection,
                file,
                champion.program,
                live.version,
                self.now,
                progress=lambda step: progress(name, step),
            )
        except PqlError as error:
            return self._refused(name, live, error)
        return self._recorded(proposal, live)

    def _refused(self, name: str, live: LiveVersion, error: PqlError) -> Outcome:
        said = refusal(name, live.version.id, str(error))
        if self.act:
            with self.engine.begin() as conn:
                write_proposal(conn, said, f"refused {self.now:%Y-%m-%d}", self.now)
        return Outcome(name, live.version.id, None, None, None, error, said)

    def _recorded(self, proposal: Proposal, live: LiveVersion) -> Outcome:
        name = proposal.program.program
        with self.engine.begin() as conn:
            decision = judge(conn, proposal, live)
            version = record(conn, proposal, decision, by=self.by, reason=self.reason)
            takes_over = self.act and decision.action == "promote"
            if takes_over:
                promote(
                    conn,
                    name,
                    version.id,
                    POLICY,
                    " ".join(decision.reasons),
                    live.version.id,
                    now=self.now,
                )
            answers = said_by_reps(conn, name, live.since)
            said = announce(version, live.version.id, POLICY if takes_over else None, answers)
            if self.act:
                write_proposal(conn, said, version.id, self.now)
        export_versions(self.settings, [version])
        return Outcome(name, live.version.id, version, proposal, decision, None, said)
