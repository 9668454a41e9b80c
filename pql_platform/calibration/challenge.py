"""A challenger: points, compounds and thresholds drawn from history, judged, recorded, not live.

Brings the parts of calibration together in their order. How each is found is in its own module;
what the outcome is called in words is `announcement`, and who makes it live is `qualify.promotion`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import pandas as pd
from sqlalchemy import Connection

from pql_platform.calibration.backtest import Backtest, backtest
from pql_platform.calibration.compounds import find_compounds
from pql_platform.calibration.draft_models import render_models
from pql_platform.calibration.evidence import evidence_of
from pql_platform.calibration.examples import Examples, collect_examples
from pql_platform.calibration.points_table import PointsTable, fit_points
from pql_platform.calibration.policy import Advantage, Change, Decision, Standing, decide
from pql_platform.calibration.policy import change_between as changed
from pql_platform.calibration.queue import crossings_of
from pql_platform.calibration.scoring import score_examples
from pql_platform.calibration.thresholds import ThresholdChoice, choose_threshold
from pql_platform.domain.qualification import threshold_for_share
from pql_platform.ledger.versions import LiveVersion, ModelVersion, list_promotions
from pql_platform.program.load import LoadedProgram
from pql_platform.program.schema import Program
from pql_platform.program.signals import Compound
from pql_platform.qualify.calibrated_versions import program_with, record_calibrated
from pql_platform.qualify.tiers import Thresholds, compute_tiers, read_subjects
from pql_platform.qualify.versions import NOBODY, thresholds_of
from pql_platform.settings import Settings
from pql_platform.warehouse.rescoring import as_known_at, live_schemas

DECISIVE = "capture_top15"
"""The measure that decides: sales can call the best 15 %, and nobody else."""


@dataclass(frozen=True)
class Proposal:
    """What calibration found, before it is recorded.

    Attributes:
        file: The program file that it is good for.
        program: The program as it would judge.
        champion: The program as it judges now.
        table: The points.
        compounds: All compounds of the proposal.
        threshold: That of the accounts, with what it means for sales.
        enter_user: That of the users.
        present: Thresholds in force, of accounts and of users.
        backtest: What the points would have done on time that they had not seen.
        examples: What they were drawn from.
        population: Accounts that the threshold was drawn on.
        shares: Qualified share of the population now, with the points in force and with these.
        owners: Per owner, accounts that qualify now: with the points in force and with these.
        as_of: The clock of the calibration.
    """

    file: LoadedProgram
    program: Program
    champion: Program
    table: PointsTable
    compounds: tuple[Compound, ...]
    threshold: ThresholdChoice
    enter_user: Decimal
    present: tuple[Decimal, Decimal]
    backtest: Backtest
    examples: Examples
    population: int
    shares: tuple[float, float]
    owners: dict[str, tuple[int, int]]
    as_of: datetime

    @property
    def advantage(self) -> Advantage:
        """By how much it is better, by the measure that decides."""
        return next(one for one in self.backtest.advantages if one.metric == DECISIVE)

    @property
    def change(self) -> Change:
        """What is another than now."""
        return changed(
            self.champion.max_points,
            self.table.points,
            weights=(self.champion.weights, self.table.weights),  # type: ignore[arg-type]
            thresholds=(self.present, (self.threshold.enter, self.enter_user)),
            compounds=(self.champion.reachable_compounds, self.compounds),
        )


def propose(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    file: LoadedProgram,
    champion: Program,
    live: ModelVersion,
    as_of: datetime,
    *,
    progress: Callable[[str], None] = lambda step: None,
) -> Proposal:
    """Draw points, compounds and thresholds from history and judge them.

    Args:
        settings: The installation.
        connection: A copy of the warehouse, whose models compute the champion.
        file: The program file as it is written.
        champion: The program in force.
        live: The live version.
        as_of: Aware instant: nothing that became known later counts.
        progress: Told each step in words before it is taken.

    Raises:
        PqlError: There is too little history, too few conversions, or a signal gives the purchase
            away; the champion stays.
    """
    examples = collect_examples(
        connection,
        champion,
        as_of,
        progress=lambda moment: progress(f"what was known on {moment:%Y-%m-%d}"),
    )
    progress("points")
    table = fit_points(examples, champion)
    progress("compounds")
    kept = [
        one for one in champion.reachable_compounds if all(table.points[name] for name in one.all)
    ]
    compounds = (*kept, *find_compounds(examples, champion, table.points))
    program = program_with(file.program, _weights(table), table.points, _written(compounds))
    progress("everybody's score of today")
    before, subjects = (_everybody(settings, connection, one, as_of) for one in (champion, program))
    present = thresholds_of(live)
    scored = score_examples(examples.frame, champion, table.points, compounds)
    accounts = _population(subjects, "account")
    threshold = choose_threshold(
        accounts["score"].astype(float),
        accounts["eligible"],
        program,
        daily_crossings=crossings_of(examples.frame, scored.scores, scored.eligible, program),
    )
    enter_user = _enter_user(subjects, program)
    progress("backtest")
    judged = backtest(
        examples,
        champion,
        table,
        compounds=compounds,
        enters=(threshold.enter, present.account),
    )
    owners, shares = _felt_by(
        compute_tiers(before, champion, present, as_of),
        compute_tiers(
            subjects,
            program,
            Thresholds("challenger", threshold.enter, enter_user),
            as_of,
        ),
    )
    return Proposal(
        file=file,
        program=program,
        champion=champion,
        table=table,
        compounds=compounds,
        threshold=threshold,
        enter_user=enter_user,
        present=(present.account, present.user),
        backtest=judged,
        examples=examples,
        population=len(accounts),
        shares=shares,
        owners=owners,
        as_of=as_of,
    )


def judge(conn: Connection, proposal: Proposal, live: LiveVersion) -> Decision:
    """Say what becomes of a proposal by the program's policy.

    Args:
        conn: The ledger.
        proposal: The proposal.
        live: The live version that it challenges.
    """
    first = list_promotions(conn, proposal.program.program)[0]
    return decide(
        proposal.advantage,
        proposal.change,
        proposal.shares,
        Standing(live.since, first.since, proposal.as_of),
        proposal.program.recalibration.policy,
    )


def record(
    conn: Connection, proposal: Proposal, decision: Decision, *, by: str, reason: str
) -> ModelVersion:
    """Record a proposal with its evidence as a version that is not live.

    Args:
        conn: The ledger, in a transaction.
        proposal: The proposal.
        decision: What the policy says of it.
        by: Who or what made it.
        reason: Why.
    """
    return record_calibrated(
        conn,
        proposal.file.program,
        weights=_weights(proposal.table),
        points=proposal.table.points,
        compounds=_written(proposal.compounds),
        enter_account=proposal.threshold.enter,
        enter_user=proposal.enter_user,
        population=proposal.population,
        qualified_share=Decimal(f"{proposal.shares[1]:.6f}"),
        evidence=evidence_of(
            proposal.examples,
            proposal.champion,
            proposal.table,
            proposal.compounds,
            proposal.threshold,
            judged=proposal.backtest,
            decision=decision,
            shares=proposal.shares,
            owners=proposal.owners,
        ),
        data_from=proposal.examples.data_from,
        data_to=proposal.examples.data_to,
        created_at=proposal.as_of,
        created_by=by,
        reason=reason,
    )


def _weights(table: PointsTable) -> dict[str, Decimal]:
    return {str(category): weight for category, weight in table.weights.items()}


def _written(compounds: Sequence[Compound]) -> list[dict[str, Any]]:
    return [compound.model_dump(mode="json", by_alias=True) for compound in compounds]


def _everybody(
    settings: Settings, connection: duckdb.DuckDBPyConnection, program: Program, as_of: datetime
) -> pd.DataFrame:
    """Every user and account as a program scores them, as `read_subjects` gives them."""
    models = render_models(settings, [program])
    with as_known_at(connection, as_of, models=models), live_schemas(connection):
        return read_subjects(connection, program)


def _population(subjects: pd.DataFrame, level: str) -> pd.DataFrame:
    return subjects[subjects["in_population"] & (subjects["level"] == level)]


def _enter_user(subjects: pd.DataFrame, program: Program) -> Decimal:
    if isinstance(program.threshold.enter, Decimal):
        return program.threshold.enter
    scores = [Decimal(score) for score in _population(subjects, "user")["score"]]
    return threshold_for_share(scores, program.threshold.top_share) if any(scores) else NOBODY


def _felt_by(
    before: pd.DataFrame, after: pd.DataFrame
) -> tuple[dict[str, tuple[int, int]], tuple[float, float]]:
    """Qualified accounts per owner, and as a share of the population, before and after."""
    counts: dict[str, list[int]] = {}
    shares = []
    for side, tiers in enumerate((before, after)):
        accounts = tiers[(tiers["level"] == "account") & tiers["in_population"]]
        for owner, number in accounts.loc[accounts["qualified"], "owner"].value_counts().items():
            counts.setdefault(str(owner), [0, 0])[side] = int(number)
        shares.append(float(accounts["qualified"].mean()) if len(accounts) else 0.0)
    owners = {owner: (before, after) for owner, (before, after) in sorted(counts.items())}
    return owners, (shares[0], shares[1])
