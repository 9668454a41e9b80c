"""Who qualifies: the thresholds as model versions, and the tier of every user and account.

The rules are in `pql_platform/qualify` and `pql_platform/domain`; the light checks that stand on
the alert path are here, because they block the hand-offs behind them.
"""

import dagster as dg

from assets.ingestion import WAREHOUSE_POOL
from pql_platform.qualify.checks import TierCheck, tier_checks
from pql_platform.qualify.history import record_scores
from pql_platform.qualify.judging import judge_everybody
from pql_platform.qualify.tiers import write_tiers
from pql_platform.resources import Ledger, Warehouse
from pql_platform.warehouse.rescoring import read_clock

TIERS = dg.AssetKey(["pql", "tiers"])
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
    with warehouse.get_connection() as connection:
        as_of = read_clock(connection)
        judged = judge_everybody(connection, engine, warehouse.settings, as_of)
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
