"""Who qualifies: the thresholds as model versions, and the tier of every user and account.

The rules are in `pql_platform/qualify` and `pql_platform/domain`; the light checks that stand on
the alert path are here, because they block the hand-offs behind them.
"""

from datetime import timedelta

import dagster as dg
import pandas as pd

from assets.ingestion import WAREHOUSE_POOL
from pql_platform.program.load import load_programs
from pql_platform.qualify.checks import TierCheck, tier_checks
from pql_platform.qualify.history import record_scores
from pql_platform.qualify.tiers import compute_tiers, read_subjects, write_tiers
from pql_platform.qualify.versions import current_thresholds, recalibrate
from pql_platform.resources import Ledger, Warehouse
from pql_platform.warehouse.rescoring import read_clock

TIERS = dg.AssetKey(["pql", "tiers"])
MODEL_VERSIONS = dg.AssetKey(["ledger", "model_versions"])
_SCORES = [dg.AssetKey(["scores", "composites"]), dg.AssetKey(["features", "subjects"])]


@dg.asset(
    key=TIERS,
    deps=_SCORES,
    group_name="tiers",
    kinds={"duckdb", "pandas"},
    owners=["team:growth"],
    pool=WAREHOUSE_POOL,
    check_specs=[
        dg.AssetCheckSpec(check.name, asset=TIERS, blocking=True, description=check.promise)
        for check in TierCheck
    ],
)
def tiers(warehouse: Warehouse, ledger: Ledger) -> dg.MaterializeResult:
    """One row per program and user or account: whether it qualifies, why not, tier and owner.

    Read by the hand-offs. Every row of a program names the one model version that judged it. What
    is otherwise than in the pass before becomes a row of pql.score_history.
    """
    engine = ledger.engine()
    frames = []
    with warehouse.get_connection() as connection:
        as_of = read_clock(connection)
        for loaded in load_programs(warehouse.settings.programs):
            subjects = read_subjects(connection, loaded.program)
            with engine.begin() as conn:
                thresholds = current_thresholds(conn, loaded.program, subjects, as_of)
            frames.append(compute_tiers(subjects, loaded.program, thresholds, as_of))
        judged = pd.concat(frames, ignore_index=True)
        write_tiers(connection, judged)
        checks = tier_checks(judged)
        history = "not written: a check does not hold, so nothing was said"
        # What the checks stop is told to nobody, and so is no part of what was said.
        if all(result.passed for result in checks.values()):
            recorded = record_scores(connection, as_of)
            history = (
                "not written: a pass of a later time has spoken"
                if recorded.behind
                else f"{recorded.changes:,} rows written"
            )
    accounts = judged[judged["level"] == "account"]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(judged),
            "qualified_accounts": int(accounts["qualified"].sum()),
            "qualified_users": int(judged["qualified"].sum() - accounts["qualified"].sum()),
            "population_accounts": int(accounts["in_population"].sum()),
            "versions": ", ".join(sorted(judged["version"].unique())),
            "as_of": as_of.isoformat(),
            "history": history,
        },
        check_results=[
            dg.AssetCheckResult(
                check_name=check.name,
                passed=result.passed,
                severity=dg.AssetCheckSeverity.ERROR,
                metadata={"found": result.found},
            )
            for check, result in checks.items()
        ],
    )


@dg.asset(
    key=MODEL_VERSIONS,
    deps=_SCORES,
    group_name="calibration",
    kinds={"sqlite", "pandas"},
    owners=["team:growth"],
    pool=WAREHOUSE_POOL,
)
def model_versions(warehouse: Warehouse, ledger: Ledger) -> dg.MaterializeResult:
    """One row per model version: the thresholds, what they were computed on, by whom and why.

    Materialised every quarter: the thresholds are drawn anew on the population of the day.
    """
    engine = ledger.engine()
    made = []
    with warehouse.get_connection() as connection:
        # From just after the pass whose scores it is drawn on: what that pass said stands.
        now = read_clock(connection) + timedelta(microseconds=1)
        for loaded in load_programs(warehouse.settings.programs):
            subjects = read_subjects(connection, loaded.program)
            with engine.begin() as conn:
                made.append(
                    recalibrate(
                        conn,
                        loaded.program,
                        subjects,
                        now,
                        by="quarterly recalibration",
                        reason="thresholds drawn on the current population",
                    )
                )
    return dg.MaterializeResult(
        metadata={
            version.id: dg.MetadataValue.json(
                {
                    "account_threshold": str(version.enter_account),
                    "user_threshold": str(version.enter_user),
                    "population": version.population,
                    "qualified_share": str(version.qualified_share),
                    "parent": version.parent,
                }
            )
            for version in made
        }
    )
