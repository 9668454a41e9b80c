"""The definition drawn from the data: challengers every quarter, and a watch on drift in between.

Thin: what a calibration is, and what a drift, is `pql_platform/calibration`. It works on a copy of
the warehouse, so that no alert waits for it.
"""

import dagster as dg

from pql_platform.calibration.findings import discover_all
from pql_platform.calibration.quarterly import calibrate
from pql_platform.calibration.watch import watch_drift
from pql_platform.resources import Ledger, ScoringPass, Warehouse

DISCOVERY = dg.AssetKey(["calibration", "discovery"])
MODEL_VERSIONS = dg.AssetKey(["ledger", "model_versions"])
EVERY_PROGRAM_CALIBRATED = "every_program_could_be_calibrated"
LIVE_VERSIONS_FIT = "live_versions_still_fit"

_SCORES = [dg.AssetKey(["scores", "composites"]), dg.AssetKey(["features", "subjects"])]


@dg.asset(
    key=DISCOVERY,
    deps=_SCORES,
    group_name="calibration",
    kinds={"duckdb", "pandas"},
    owners=["team:product"],
)
def discovery(warehouse: Warehouse, scoring_pass: ScoringPass) -> dg.MaterializeResult:
    """What the accounts that converted did and matched others did not, one verdict per behaviour.

    Read by whoever defines signals, next to `pql discover`; what is shown here is as of the
    quarter. A program without enough conversions says so instead.
    """
    found = discover_all(warehouse.settings, scoring_pass.given_moment)
    return dg.MaterializeResult(
        metadata={name: dg.MetadataValue.md(said) for name, said in found.items()}
    )


@dg.asset(
    key=MODEL_VERSIONS,
    deps=[*_SCORES, DISCOVERY],
    group_name="calibration",
    kinds={"sqlite", "pandas"},
    owners=["team:growth"],
    check_specs=[
        dg.AssetCheckSpec(
            EVERY_PROGRAM_CALIBRATED,
            asset=MODEL_VERSIONS,
            description="A challenger was drawn for every program; one that cannot be calibrated "
            "keeps its live version, and people are told why.",
        )
    ],
)
def model_versions(
    warehouse: Warehouse, ledger: Ledger, scoring_pass: ScoringPass
) -> dg.MaterializeResult:
    """One row per model version: points and thresholds, on what evidence, by whom and why.

    Materialised every quarter: a challenger per program is drawn from history, judged on time it
    has not seen, announced to RevOps, and made live only by the program's policy or by a person.
    """
    outcomes = calibrate(
        warehouse.settings,
        ledger.engine(),
        scoring_pass.given_moment,
        by="quarterly recalibration",
        reason="drawn anew from the history of a year",
        act=True,
    )
    refused = {one.program: str(one.refused) for one in outcomes if one.refused is not None}
    return dg.MaterializeResult(
        metadata={
            one.version.id if one.version else f"{one.program} (refused)": dg.MetadataValue.json(
                one.announcement
            )
            for one in outcomes
        },
        check_results=[
            dg.AssetCheckResult(
                check_name=EVERY_PROGRAM_CALIBRATED,
                passed=not refused,
                severity=dg.AssetCheckSeverity.WARN,
                description="; ".join(f"{name}: {why}" for name, why in refused.items())
                or f"{len(outcomes)} programs calibrated.",
                metadata={"refused": dg.MetadataValue.json(refused)},
            )
        ],
    )


@dg.asset_check(
    asset=MODEL_VERSIONS,
    name=LIVE_VERSIONS_FIT,
    description="What the live versions were calibrated on still looks like today: each signal's "
    "spread, what a score means, and the share over the threshold. Proposes, never acts.",
)
def live_versions_still_fit(
    warehouse: Warehouse, ledger: Ledger, scoring_pass: ScoringPass
) -> dg.AssetCheckResult:
    """Hold each calibrated live version against the latest examples."""
    found = watch_drift(warehouse.settings, ledger.engine(), scoring_pass.given_moment)
    if found is None:
        return dg.AssetCheckResult(
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description="Not judged: no pass has computed scores by the versions that are live "
            "now. Run `pql run`.",
        )
    concerns = {name: list(one.concerns) for name, one in found.items() if one.concerns}
    return dg.AssetCheckResult(
        passed=not concerns,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(
            f"{name}: {' '.join(said)} Consider `pql calibrate`." for name, said in concerns.items()
        )
        or "Nothing speaks for a recalibration before its quarter.",
        metadata={
            name: dg.MetadataValue.json(
                {
                    "stability": dict(one.stability),
                    "slope": one.slope,
                    "share": one.share,
                    "examples": one.examples,
                }
            )
            for name, one in found.items()
        },
    )
