"""When things run by themselves: jobs, and the sensors that need them.

Jobs are selections of assets with their settings; the conditions on assets stand with the assets,
and sensors that look at the outside world in `sensors/`.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import dagster as dg

from assets.calibration import DISCOVERY, MODEL_VERSIONS, live_versions_still_fit
from assets.comparison import stored_scores_equal_rebuilt
from assets.deliveries import CRM_RECORDS, SLACK_ALERTS, TOOL_CALLS
from assets.handoffs import HANDOFFS
from assets.ingestion import RAW_EVENTS
from assets.serving import SERVING
from assets.tiers import TIERS
from sensors.calendar import COMPARISON, DRIFT, EXPECTATIONS, FULL_PASS, RECALIBRATION
from sensors.handoffs import DELIVERY
from sensors.inbox import LIVE_PASS

_DELIVERIES = dg.AssetSelection.assets(SLACK_ALERTS, CRM_RECORDS, TOOL_CALLS)
_LINE = dg.AssetSelection.assets(RAW_EVENTS, TIERS, HANDOFFS, SERVING) | _DELIVERIES
_MODEL_GROUPS = ("staging", "features", "scores")
_MINUTE = 60

AssetJob: TypeAlias = Any
"""What `dg.define_asset_job` returns; Dagster does not export its name."""


def _models() -> dg.AssetSelection:
    return dg.AssetSelection.groups(*_MODEL_GROUPS)


def _pass_settings(**settings: Any) -> dg.RunConfig:
    return dg.RunConfig(resources={"scoring_pass": {"config": settings}})


def build_jobs(
    suites: Sequence[dg.AssetChecksDefinition],
) -> list[AssetJob]:
    """Return the jobs of the platform.

    Args:
        suites: The Great Expectations checks, which run in a job of their own: they import slowly.
    """
    suite_checks = dg.AssetSelection.checks(*suites)
    comparison = dg.AssetSelection.checks(stored_scores_equal_rebuilt)
    drift = dg.AssetSelection.checks(live_versions_still_fit)
    # What takes long, or has the warehouse to itself, is not on the way to an alert.
    thorough = suite_checks | comparison
    return [
        dg.define_asset_job(
            FULL_PASS,
            selection=(_LINE | _models()) - thorough,
            description="Everything once: load, rebuild with SQLMesh and all audits, judge, hand "
            "over, publish, deliver.",
            tags={"dagster/max_runtime": str(60 * _MINUTE)},
        ),
        dg.define_asset_job(
            LIVE_PASS,
            # The audits of the models run in the full pass; here stand the light blocking checks.
            selection=(_LINE | _models().without_checks()) - thorough,
            config=_pass_settings(rebuild=False),
            description="What is new, for the accounts it touches, to the alert: seconds.",
            tags={"dagster/max_runtime": str(5 * _MINUTE), "dagster/priority": "10"},
        ),
        dg.define_asset_job(
            DELIVERY,
            selection=_DELIVERIES,
            description="What still waits in the outbox: retries, held messages, reminders, "
            "escalations.",
            tags={"dagster/max_runtime": str(5 * _MINUTE)},
        ),
        dg.define_asset_job(
            RECALIBRATION,
            selection=dg.AssetSelection.assets(DISCOVERY, MODEL_VERSIONS) - drift,
            description="What comes before a purchase, and a challenger per program: judged on "
            "later time, announced, and made live by policy or by a person.",
            tags={"dagster/max_runtime": str(30 * _MINUTE)},
        ),
        dg.define_asset_job(
            DRIFT,
            selection=drift,
            description="What the live versions were calibrated on, held against today.",
            tags={"dagster/max_runtime": str(30 * _MINUTE)},
        ),
        dg.define_asset_job(
            EXPECTATIONS,
            selection=suite_checks,
            description="The Great Expectations suites; one that fails holds all deliveries.",
            tags={"dagster/max_runtime": str(15 * _MINUTE)},
        ),
        dg.define_asset_job(
            COMPARISON,
            selection=comparison,
            description="Stored scores against the same scores computed again from the events.",
            tags={"dagster/max_runtime": str(15 * _MINUTE)},
        ),
    ]


def build_automation_sensors(
    jobs: Sequence[AssetJob],
) -> list[dg.SensorDefinition]:
    """Return the sensors that start one job because of another."""
    by_name = {job.name: job for job in jobs}

    @dg.run_status_sensor(
        name="expectations_after_full_pass",
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=[by_name[FULL_PASS]],
        request_job=by_name[EXPECTATIONS],
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def expectations_after_full_pass(context: dg.RunStatusSensorContext) -> dg.RunRequest:
        """Hold the result of a full pass against every suite."""
        return dg.RunRequest(run_key=f"after-{context.dagster_run.run_id}")

    return [expectations_after_full_pass]
