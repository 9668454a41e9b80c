"""New events: the inbox is watched, and every arrival becomes a live pass.

The sensors look and ask; loading, scoring and alerting are the run's work. Each polls inside its
tick, because the daemon sleeps after a short round: five seconds that a lead does not have. They
keep no cursor: what to ask for is derived from the files and the passes, so losing state costs
nothing.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from pql_platform.settings import load_settings
from pql_platform.warehouse.loading import UNSCORED, waiting_files

LIVE_PASS = "live_pass"  # noqa: S105 - a pass over the accounts
POLL_SECONDS = 0.1

WATCH_SECONDS = 20.0
"""Well below the 60 s after which Dagster gives up a tick; other sensors wait meanwhile."""

RELAY_SECONDS = 5.0
"""A daemon round shorter than this is filled up with sleep, so the relay watches until then."""

ASK_AGAIN_SECONDS = 30.0
"""A file that still waits so long after a pass was asked for needs another: that one failed."""

MOST_PASSES = 2
"""One that works and one that starts; a third would only wait for the warehouse."""

_UNDER_WAY = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


@dataclass(frozen=True)
class Arrival:
    """A file in the inbox; `at` is when it appeared, in epoch seconds."""

    name: str
    at: float


@dataclass(frozen=True)
class AskedPass:
    """A live pass; `at` is when it was asked for, in epoch seconds."""

    at: float
    under_way: bool


def build_inbox_sensors() -> list[dg.SensorDefinition]:
    """Return the watch, and the relay that watches while the daemon would sleep."""
    return [
        _build("inbox_arrivals", WATCH_SECONDS),
        _build("inbox_arrivals_relay", RELAY_SECONDS),
    ]


def _build(name: str, seconds: float) -> dg.SensorDefinition:
    @dg.sensor(
        name=name,
        job_name=LIVE_PASS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=1,
        description="Asks for one live pass as soon as files arrive in the inbox.",
    )
    def watch(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        deadline = time.monotonic() + seconds
        while True:
            now = time.time()
            arrivals = look_at_inbox()
            uncovered = (
                not_yet_covered(arrivals, _passes(context.instance), now) if arrivals else []
            )
            if uncovered:
                return dg.RunRequest(run_key=run_key(uncovered, now))
            if time.monotonic() >= deadline:
                return dg.SkipReason(
                    "A pass that was asked for takes what waits."
                    if arrivals
                    else "The inbox is empty."
                )
            time.sleep(POLL_SECONDS)

    return watch


def look_at_inbox() -> list[Arrival]:
    """Return the complete files that wait in the inbox, and the word that loaded events wait."""
    settings = load_settings()
    arrivals = []
    for path in [*waiting_files(settings), settings.inbox / UNSCORED]:
        try:
            arrivals.append(Arrival(path.name, path.stat().st_mtime))
        except FileNotFoundError:
            # A pass has taken it between the two looks, or nothing was loaded outside one.
            continue
    return arrivals


def not_yet_covered(
    arrivals: Sequence[Arrival], passes: Sequence[AskedPass], now: float
) -> list[Arrival]:
    """Return the files for which a pass must be asked for now.

    A pass asked for after a file arrived takes it; after `ASK_AGAIN_SECONDS` it is taken to have
    failed. Nothing is asked for while `MOST_PASSES` are under way: the next one takes everything.
    """
    recent = [asked for asked in passes if now - asked.at < ASK_AGAIN_SECONDS]
    if sum(asked.under_way for asked in recent) >= MOST_PASSES:
        return []
    latest = max((asked.at for asked in recent), default=0.0)
    return [arrival for arrival in arrivals if arrival.at >= latest]


def run_key(arrivals: Sequence[Arrival], now: float) -> str:
    """A readable key: which files, asked for when."""
    names = "\n".join(sorted(arrival.name for arrival in arrivals))
    return f"inbox-{hashlib.sha256(names.encode()).hexdigest()[:12]}-{int(now)}"


def _passes(instance: dg.DagsterInstance) -> list[AskedPass]:
    records = instance.get_run_records(
        filters=dg.RunsFilter(
            job_name=LIVE_PASS,
            created_after=datetime.now(UTC) - timedelta(seconds=ASK_AGAIN_SECONDS),
        ),
        limit=10,
    )
    return [
        AskedPass(record.create_timestamp.timestamp(), record.dagster_run.status in _UNDER_WAY)
        for record in records
    ]
