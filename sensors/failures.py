"""Runs and checks that failed: one message to the people on call for each cause.

Two sensors, because Dagster's run-failure sensor never sees a failed check that does not block: the
run succeeds. Both only write to the outbox; the delivery job sends.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

import dagster as dg
from dagster import AssetCheckEvaluation

from pql_platform.ledger.engine import open_ledger
from pql_platform.ledger.oncall import notify
from pql_platform.run_errors import reasons
from pql_platform.settings import load_settings


@dg.run_failure_sensor(
    name="failed_runs",
    default_status=dg.DefaultSensorStatus.RUNNING,
    monitor_all_code_locations=False,
)
def failed_runs(context: dg.RunFailureSensorContext) -> None:
    """Tell the people on call that a run failed, why, and which checks stopped it."""
    run = context.dagster_run
    checks = _failed_checks(context.instance, run.run_id)
    summary = " ".join((context.failure_event.message or "no reason given").split())
    why = ". ".join(reasons(context.get_step_failure_events())) or summary
    _tell(
        # By steps and not by words: the same trouble may name another process or file each time.
        cause=f"run:{run.job_name}:{_names(checks) or summary[:80]}",
        title=f"{run.job_name} failed",
        body="\n".join(
            [
                f"Run {run.run_id[:8]}: {why}.",
                *(f"Check {name} does not hold." for name in _names(checks).split(", ") if name),
                "Events and hand-offs are safe; nothing more is delivered from this pass.",
                "See it: Dagster UI, Runs; then `pql doctor`.",
            ]
        ),
        severity="critical",
    )


@dg.run_status_sensor(
    name="failed_checks",
    run_status=dg.DagsterRunStatus.SUCCESS,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def failed_checks(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
    """Tell the people on call of each check that failed without stopping its run."""
    checks = _failed_checks(context.instance, context.dagster_run.run_id)
    for check in checks:
        _tell(
            cause=f"check:{_name(check)}",
            title=f"check {_name(check)} does not hold",
            body="\n".join(
                [
                    *_found(check),
                    f"Run {context.dagster_run.run_id[:8]} of {context.dagster_run.job_name}. "
                    "What the check promises is in the Dagster UI, Checks.",
                ]
            ),
            severity="warning" if check.severity == dg.AssetCheckSeverity.WARN else "error",
        )
    return None if checks else dg.SkipReason("Every check of the run holds.")


def _failed_checks(instance: dg.DagsterInstance, run_id: str) -> list[AssetCheckEvaluation]:
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    evaluations = [
        entry.dagster_event.asset_check_evaluation_data for entry in entries if entry.dagster_event
    ]
    return [evaluation for evaluation in evaluations if not evaluation.passed]


def _found(check: AssetCheckEvaluation) -> list[str]:
    """What the check says it found: its description and its short texts."""
    texts = [
        f"{name}: {value.text}"
        for name, value in check.metadata.items()
        if isinstance(value, dg.TextMetadataValue) and value.text
    ]
    return [check.description, *texts] if check.description else texts


def _name(check: AssetCheckEvaluation) -> str:
    return f"{check.asset_key.to_user_string()}:{check.check_name}"


def _names(checks: Iterable[AssetCheckEvaluation]) -> str:
    return ", ".join(sorted({_name(check) for check in checks}))


def _tell(*, cause: str, title: str, body: str, severity: str) -> None:
    engine = open_ledger(load_settings().ledger_url)
    try:
        with engine.begin() as conn:
            notify(
                conn, cause=cause, title=title, body=body, severity=severity, now=datetime.now(UTC)
            )
    finally:
        engine.dispose()
