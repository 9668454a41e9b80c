"""Program files that changed: what they say now is held against what is deployed.

Dagster sees a new code version only when the code location is loaded again, which an edited file
does not bring about. So the files themselves are read, every few seconds. The sensor looks and
asks; planning, recomputing and auditing are the run's work.
"""

import hashlib
from datetime import UTC, datetime, timedelta

import dagster as dg

from pql_platform.errors import PqlError
from pql_platform.ledger.engine import open_ledger
from pql_platform.ledger.oncall import notify
from pql_platform.program.load import load_programs
from pql_platform.settings import Settings, load_settings
from pql_platform.team.load import load_team
from pql_platform.team.routes import check_owners
from pql_platform.warehouse.connection import open_serving
from pql_platform.warehouse.manifest import manifest_digest, rendered_manifest
from sensors.calendar import FULL_PASS

DEFINITION = "pql/definition"
"""Tag of a run that was asked for because of a definition: the digest of what it deploys."""

LOOK_SECONDS = 10

ASK_AGAIN = timedelta(hours=1)
"""A pass that did not bring its definition into force is asked for again after this: whoever mends
the data and not the program has no other way to say so."""

_UNDER_WAY = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
)


@dg.sensor(
    name="program_changes",
    job_name=FULL_PASS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=LOOK_SECONDS,
    description="Asks for a full pass when the program files no longer say what is deployed.",
)
def program_changes(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for a full pass when the program files no longer say what is deployed."""
    settings, now = load_settings(), datetime.now(UTC)
    try:
        digest = manifest_digest(settings)
    except PqlError as error:
        return _refused(context, settings, error, now)
    try:
        check_owners(load_programs(settings.programs), load_team(settings.team))
    except PqlError as error:
        _tell_of_owner(settings, error, now)
    if context.cursor:
        context.update_cursor("")
    if not settings.serving.exists():
        return dg.SkipReason("Nothing was computed yet; the first pass deploys what there is.")
    if _is_in_force(settings):
        return dg.SkipReason(f"Definition {digest} is deployed.")
    waits_for = _full_pass_to_wait_for(context.instance, digest, now)
    if waits_for is not None:
        return dg.SkipReason(f"Definition {digest} is not deployed yet: {waits_for}.")
    return dg.RunRequest(
        run_key=f"definition-{digest}-{int(now.timestamp())}", tags={DEFINITION: digest}
    )


def _is_in_force(settings: Settings) -> bool:
    """Whether the published tables were computed with what the program files say now.

    Renders nothing: what was deployed was rendered before, so what was not is not deployed.
    """
    wanted = rendered_manifest(settings)
    if wanted is None:
        return False
    with open_serving(settings) as connection:
        rows = connection.execute(
            "SELECT model, fingerprint FROM ops.models"
            " WHERE deployment = (SELECT MAX(deployment) FROM ops.models)"
        ).fetchall()
    return dict(rows) == {model.name: model.fingerprint for model in wanted}


def _full_pass_to_wait_for(instance: dg.DagsterInstance, digest: str, now: datetime) -> str | None:
    """The full pass that makes another one needless for now, in words."""
    records = instance.get_run_records(filters=dg.RunsFilter(job_name=FULL_PASS), limit=20)
    for record in records:
        if record.dagster_run.status in _UNDER_WAY:
            return f"full pass {record.dagster_run.run_id[:8]} is under way"
    # Only the latest that was asked for here: a file changed back and forth asks each time.
    asked = next((one for one in records if DEFINITION in one.dagster_run.tags), None)
    if (
        asked is not None
        and asked.dagster_run.tags[DEFINITION] == digest
        and now - asked.create_timestamp < ASK_AGAIN
    ):
        run = asked.dagster_run
        return f"full pass {run.run_id[:8]} ended as {run.status.value}"
    return None


def _tell_of_owner(settings: Settings, error: PqlError, now: datetime) -> None:
    """Tell the people on call of an owner whom the team file does not know, once an hour."""
    _notify(
        settings,
        cause=f"owner:{error.field}",
        title="a lead would go to somebody who is in no team file",
        body=f"{error}.\nUntil it is mended such leads go to whoever stands in for them.",
        severity="error",
        now=now,
    )


def _notify(
    settings: Settings, *, cause: str, title: str, body: str, severity: str, now: datetime
) -> None:
    engine = open_ledger(settings.ledger_url)
    try:
        with engine.begin() as conn:
            notify(conn, cause=cause, title=title, body=body, severity=severity, now=now)
    finally:
        engine.dispose()


def _refused(
    context: dg.SensorEvaluationContext, settings: Settings, error: PqlError, now: datetime
) -> dg.SkipReason:
    """Tell the people on call once for each fault; the cursor remembers which was told."""
    told = hashlib.sha256(str(error).encode()).hexdigest()[:16]
    if context.cursor != told:
        _notify(
            settings,
            cause=f"program:{told}",
            title="a program file is refused",
            body=f"{error}.\nNobody is scored or handed over until it is mended; events wait "
            "safely. Mending the file is enough: it is seen by itself.",
            severity="critical",
            now=now,
        )
        context.update_cursor(told)
    return dg.SkipReason(f"REFUSED: {error}")
