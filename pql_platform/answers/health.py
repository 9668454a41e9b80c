"""Is the platform well: every connection, daemon and queue, each problem in one plain sentence.

Looks only; nothing is repaired here. A problem says what it costs and what to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from sqlalchemy import Engine

from pql_platform.answers.moments import last_pass
from pql_platform.errors import PqlError
from pql_platform.instance import open_instance, prepare_instance, silent_daemons
from pql_platform.ledger.breakers import holding
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.ledger.handoffs import list_handoffs
from pql_platform.ledger.queue import queue_state, waiting_channels
from pql_platform.ledger.states import DEAD
from pql_platform.program.load import load_programs
from pql_platform.settings import Settings
from pql_platform.team.load import load_team
from pql_platform.team.routes import check_owners, gone_owners
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.loading import unaccounted_loads, waiting_files

OLD_INBOX = timedelta(minutes=5)
OLD_OUTBOX = timedelta(minutes=15)
OLD_PASS = timedelta(hours=26)
"""A full pass runs every day; two hours of grace."""

_WORST_RUNS = 5


def problems(settings: Settings) -> list[str]:
    """Return every problem found, the gravest first; an empty list means that all is well."""
    prepare_instance(settings)
    engine = open_ledger(settings.ledger_url)
    looks: list[Callable[[], Iterator[str]]] = [
        lambda: _programs(settings),
        lambda: _warehouse(settings),
        lambda: _freshness(settings),
        lambda: _daemons(settings),
        lambda: _ledger(engine),
        lambda: _slack(settings),
    ]
    found: list[str] = []
    for look in looks:
        try:
            found += look()
        except PqlError as error:
            found.append(str(error))
    engine.dispose()
    return found


def _programs(settings: Settings) -> Iterator[str]:
    programs, team = load_programs(settings.programs), load_team(settings.team)
    check_owners(programs, team)
    yield from gone_owners(programs, team, datetime.now(UTC).date())
    if settings.slack_bot_token is not None and not settings.hears_clicks:
        yield (
            "Alerts have no buttons: nobody would hear a click. Set SLACK_SIGNING_SECRET or "
            "SLACK_APP_TOKEN and start `pql listen`."
        )


def _warehouse(settings: Settings) -> Iterator[str]:
    old = [
        path
        for path in waiting_files(settings)
        if time.time() - path.stat().st_mtime > OLD_INBOX.total_seconds()
    ]
    if old:
        yield (
            f"{len(old)} files have waited in the inbox for more than {_minutes(OLD_INBOX)}: "
            "nothing new is scored. Start `pql dev`, or run `pql run`."
        )
    if not settings.warehouse.exists():
        yield "There is no warehouse yet. Load events with `pql ingest FILE`, then `pql run`."
        return
    with open_warehouse(settings, wait_seconds=30) as connection:
        for file, accepted, found in unaccounted_loads(connection):
            yield f"{file}: {accepted} records were accepted, {found} are accounted for."


def _freshness(settings: Settings) -> Iterator[str]:
    age = datetime.now(UTC) - last_pass(settings)
    if age > OLD_PASS:
        yield f"The scores are {age.total_seconds() / 86_400:.1f} days old. Run `pql run`."


def _daemons(settings: Settings) -> Iterator[str]:
    instance = open_instance(settings)
    try:
        silent = silent_daemons(instance)
        if silent:
            yield (
                f"The Dagster daemon does not tick ({', '.join(silent)}): new events are not "
                "scored by themselves and schedules do not run. Start `pql dev`."
            )
        failed = instance.get_runs(
            filters=dg.RunsFilter(
                statuses=[dg.DagsterRunStatus.FAILURE],
                created_after=datetime.now(UTC) - timedelta(days=1),
            ),
            limit=_WORST_RUNS,
        )
        for run in failed:
            yield f"Run {run.run_id[:8]} of {run.job_name} failed within the last day."
    finally:
        instance.dispose()


def _ledger(engine: Engine) -> Iterator[str]:
    now = datetime.now(UTC)
    with reading(engine) as conn:
        for breaker in holding(conn, now):
            yield (
                f"Breaker {breaker.name} has held deliveries since {breaker.opened_at:%F %H:%M}: "
                f"{breaker.reason}. Mend it, or `pql breakers --override {breaker.name}`."
            )
        queue = queue_state(conn, waiting_channels(conn), now)
        if queue.oldest is not None and now - queue.oldest > OLD_OUTBOX:
            yield (
                f"{queue.unfinished} messages wait in the outbox, the oldest since "
                f"{queue.oldest:%F %H:%M} UTC."
            )
        dead = [handoff for handoff in list_handoffs(conn) if handoff.state == DEAD]
        for handoff in dead[:_WORST_RUNS]:
            yield f"The hand-off of {handoff.account_id} is dead: {handoff.reason}."


def _slack(settings: Settings) -> Iterator[str]:
    if settings.slack_bot_token is None:
        return
    from slack_sdk.errors import SlackApiError

    from pql_platform.adapters.slack_client import build_client

    client = build_client(
        settings.slack_bot_token.get_secret_value(), base_url=settings.slack_base_url
    )
    try:
        client.auth_test()
    except SlackApiError as error:
        yield f"Slack refuses the token ({error.response['error']}): no alert can be sent."
    except OSError as error:
        yield f"Slack cannot be reached at {settings.slack_base_url}: {error}."


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:.0f} minutes"
