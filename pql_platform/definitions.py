"""The composition root: the only module that knows everything.

`build_defs` returns fresh definitions, with whatever resources a test or a command puts in place;
`defs` is what Dagster loads. `python -m pql_platform.definitions` says whether they load.
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from assets.calibration import discovery, live_versions_still_fit, model_versions
from assets.comparison import stored_scores_equal_rebuilt
from assets.deliveries import crm_records, slack_alerts, tool_calls
from assets.handoffs import handoffs
from assets.ingestion import raw_events
from assets.models import build_model_assets
from assets.serving import serving_tables
from assets.tiers import tiers
from expectations.checks import build_expectation_checks
from pql_platform.automation import build_automation_sensors, build_jobs
from pql_platform.resources import default_resources
from pql_platform.settings import Settings, load_settings
from pql_platform.warehouse.manifest import accepted_manifest
from sensors.calendar import (
    comparison_hourly,
    drift_weekly,
    expectations_hourly,
    full_pass_daily,
    recalibration_quarterly,
)
from sensors.failures import failed_checks, failed_runs
from sensors.handoffs import waiting_handoffs
from sensors.inbox import build_inbox_sensors
from sensors.programs import program_changes


def build_defs(
    *,
    settings: Settings | None = None,
    resources: Mapping[str, dg.ConfigurableResource] | None = None,
) -> dg.Definitions:
    """Assemble the platform.

    Args:
        settings: Where the programs are; the environment's by default.
        resources: Replacements by key for tests.
    """
    suites = build_expectation_checks()
    jobs = build_jobs(suites)
    return dg.Definitions(
        assets=[
            raw_events,
            build_model_assets(accepted_manifest(settings or load_settings())),
            tiers,
            discovery,
            model_versions,
            handoffs,
            serving_tables,
            slack_alerts,
            crm_records,
            tool_calls,
        ],
        asset_checks=[*suites, stored_scores_equal_rebuilt, live_versions_still_fit],
        jobs=jobs,
        schedules=[
            full_pass_daily,
            expectations_hourly,
            comparison_hourly,
            recalibration_quarterly,
            drift_weekly,
        ],
        sensors=[
            *build_inbox_sensors(),
            waiting_handoffs,
            failed_runs,
            failed_checks,
            program_changes,
            *build_automation_sensors(jobs),
        ],
        resources={**default_resources(), **(resources or {})},
        # One process per run: steps are short, and a process per step costs 1.8 s each.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster loads, built when it asks: importing this module reads no environment."""
    return build_defs()


if __name__ == "__main__":
    dg.Definitions.validate_loadable(defs())
