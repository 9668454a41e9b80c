"""What happens by the clock: the daily rebuild, the hourly checks, the quarterly
calibration.

All times are UTC. Work is derived from data, never from which tick this is: a missed tick is made
good by the next one.
"""

import dagster as dg

FULL_PASS = "full_pass"  # noqa: S105 - a pass over the accounts
EXPECTATIONS = "expectations"
COMPARISON = "comparison"
RECALIBRATION = "recalibration"
DRIFT = "drift"

QUARTERLY_CRON = "0 6 1 1,4,7,10 *"
"""06:00 UTC on the first day of January, April, July and October (requirements item 81)."""

full_pass_daily = dg.ScheduleDefinition(
    name="full_pass_daily",
    job_name=FULL_PASS,
    # After UTC midnight, when every window has moved by a day.
    cron_schedule="10 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Recompute every model with SQLMesh and all its audits.",
)

expectations_hourly = dg.ScheduleDefinition(
    name="expectations_hourly",
    job_name=EXPECTATIONS,
    cron_schedule="40 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Hold events, features, scores and hand-offs against their suites.",
)

comparison_hourly = dg.ScheduleDefinition(
    name="comparison_hourly",
    job_name=COMPARISON,
    cron_schedule="20 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Compute stored scores again from the events and hold them against each other.",
)

recalibration_quarterly = dg.ScheduleDefinition(
    name="recalibration_quarterly",
    job_name=RECALIBRATION,
    cron_schedule=QUARTERLY_CRON,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Draw points and thresholds anew from history, as a challenger of each program.",
)

drift_weekly = dg.ScheduleDefinition(
    name="drift_weekly",
    job_name=DRIFT,
    cron_schedule="0 5 * * 1",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Hold what the live versions were calibrated on against today.",
)
