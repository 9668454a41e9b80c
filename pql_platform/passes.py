"""One pass over the accounts, run through Dagster in this process and visible in its UI.

For commands: they want the result and the reason of a failure, not a run id. The daemon's own runs
go through jobs, schedules and sensors and never through here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg

from pql_platform.errors import PqlError
from pql_platform.instance import open_instance, prepare_instance
from pql_platform.run_errors import reasons
from pql_platform.settings import Settings


@dataclass(frozen=True)
class PassResult:
    """What a pass did: the metadata of each asset by key, such as `ledger/handoffs`."""

    run_id: str
    metadata: dict[str, dict[str, Any]]


def run_job(
    settings: Settings,
    job: str,
    *,
    as_of: datetime | None = None,
    mode: str = "live",
    rebuild: bool = True,
) -> PassResult:
    """Execute one job of the platform in this process.

    Args:
        settings: The installation.
        job: Name of the job.
        as_of: The clock of the run, aware UTC; None means now.
        mode: `live` or `backfill`.
        rebuild: Whether SQLMesh rebuilds the models.

    Raises:
        PqlError: A step or a blocking check failed; says which and why.
    """
    prepare_instance(settings)
    from pql_platform.definitions import build_defs  # 2 s that a refused program file need not cost

    instance = open_instance(settings)
    try:
        result = (
            build_defs(settings=settings)
            .resolve_job_def(job)
            .execute_in_process(
                instance=instance,
                run_config=_run_config(job, as_of, mode, rebuild),
                tags={"pql/mode": mode},
                raise_on_error=False,
            )
        )
        if not result.success:
            raise _failure(result)
        return PassResult(result.run_id, _metadata(result))
    finally:
        instance.dispose()


def _run_config(job: str, as_of: datetime | None, mode: str, rebuild: bool) -> dict[str, Any]:
    # Dagster prints every event to the terminal; its UI keeps them all the same.
    config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    if job in ("full_pass", "live_pass", "recalibration"):
        scoring_pass: dict[str, Any] = {"mode": mode, "rebuild": rebuild}
        if as_of is not None:
            scoring_pass["as_of"] = as_of.isoformat()
        config["resources"] = {"scoring_pass": {"config": scoring_pass}}
    return config


def _metadata(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    return {
        event.asset_key.to_user_string(): {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None
    }


def _failure(result: dg.ExecuteInProcessResult) -> PqlError:
    broken = [
        evaluation
        for evaluation in result.get_asset_check_evaluations()
        if not evaluation.passed and evaluation.blocking
    ]
    where = f"See run {result.run_id[:8]} in the Dagster UI (`pql dev`)"
    if broken:
        check = broken[0]
        found = check.metadata.get("found")
        return PqlError(
            f"Check {check.check_name} of {check.asset_key.to_user_string()} does not hold"
            + (f" ({found.value})" if found else "")
            + "; nothing was handed over",
            hint=where,
        )
    said = [*reasons(result.all_events), "The run failed without a reason"]
    return PqlError(said[0], hint=where)
