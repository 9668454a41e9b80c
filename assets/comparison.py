"""The stored scores against a rebuild of them, as a check of the asset of scores.

Guards the live path in production, as the property tests do before it. How two sides are compared
is in `pql_platform/warehouse/comparison.py`; a check that fails is told to the people on call by
`sensors/failures.py`.
"""

import time

import dagster as dg

from assets.ingestion import WAREHOUSE_POOL
from pql_platform.resources import ScoringPass, Warehouse
from pql_platform.warehouse.comparison import (
    Comparison,
    Difference,
    compare_with_rebuilt,
    unsettled_because,
)

SCORES = dg.AssetKey(["scores", "composites"])
STORED_EQUALS_REBUILT = "stored_scores_equal_rebuilt"

SETTLE_SECONDS = 120.0
"""How long to wait for a moment at which everything loaded is scored; a pass leaves one behind."""

LOOK_SECONDS = 0.5


@dg.asset_check(
    asset=SCORES,
    name=STORED_EQUALS_REBUILT,
    description="Scores, contributions and facts are, row by row, what the deployed queries give "
    "when they are computed anew from the events.",
    pool=WAREHOUSE_POOL,
)
def stored_scores_equal_rebuilt(
    warehouse: Warehouse, scoring_pass: ScoringPass
) -> dg.AssetCheckResult:
    """Compare all accounts, or the share of them whose turn it is; name those that differ."""
    # By the hour, as the schedule goes: a turn that was missed comes round again.
    turn = int(scoring_pass.moment.timestamp() // 3600)
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        with warehouse.get_connection() as connection:
            waits_for = unsettled_because(connection)
            if waits_for is None:
                return _judged(compare_with_rebuilt(connection, turn))
        if time.monotonic() >= deadline:
            return dg.AssetCheckResult(
                passed=False,
                severity=dg.AssetCheckSeverity.WARN,
                description=f"Nothing could be compared for {SETTLE_SECONDS:.0f} s: {waits_for}.",
            )
        time.sleep(LOOK_SECONDS)


def _judged(found: Comparison) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=found.differing == 0,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{found.differing:,} of {found.accounts:,} accounts compared differ from a "
        f"rebuild as of {found.as_of:%Y-%m-%d %H:%M:%S} UTC.",
        metadata={
            "accounts_differing": found.differing,
            "accounts_compared": found.accounts,
            "accounts": found.population,
            "as_of": found.as_of.isoformat(),
            **({"first": "; ".join(map(_said, found.examples))} if found.examples else {}),
        },
    )


def _said(difference: Difference) -> str:
    tables = ", ".join(difference.tables)
    if difference.program is None:
        return f"{difference.account_id}: no score on either side (in {tables})"
    stored, rebuilt = (
        "none" if score is None else str(score) for score in (difference.stored, difference.rebuilt)
    )
    return (
        f"{difference.account_id} ({difference.program}): stored {stored}, rebuilt {rebuilt} "
        f"(in {tables})"
    )
