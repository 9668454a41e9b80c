"""New events: the inbox is watched, and every arrival becomes one live pass.

The sensor looks and asks; loading, scoring and alerting are the run's work. It polls inside one
tick, because the daemon sleeps five seconds between ticks and a lead does not wait that long.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from pql_platform.settings import load_settings
from pql_platform.warehouse.loading import waiting_files

LIVE_PASS = "live_pass"
POLL_SECONDS = 0.1
TICK_SECONDS = 20.0
"""Well below the 60 s after which Dagster gives up a tick; other sensors wait meanwhile."""

ASK_AGAIN_SECONDS = 60.0
"""Files still waiting so long after a pass was asked for: it failed, so another one is asked for."""


@dg.sensor(
    name="inbox_arrivals",
    job_name=LIVE_PASS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=1,
)
def inbox_arrivals(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Ask for one live pass as soon as files arrive in the inbox."""
    settings = load_settings()
    deadline = time.monotonic() + TICK_SECONDS
    while True:
        asked = decide(waiting_files(settings), context.cursor, time.time())
        if asked is not None:
            run_key, cursor = asked
            return dg.SensorResult(
                run_requests=[dg.RunRequest(run_key=run_key)], cursor=cursor
            )
        if time.monotonic() >= deadline:
            return dg.SkipReason("The inbox is empty, or a pass over what waits was asked for.")
        time.sleep(POLL_SECONDS)


def decide(
    files: Sequence[Path], cursor: str | None, now: float
) -> tuple[str, str] | None:
    """Return the run key and the next cursor when a pass must be asked for, else None.

    Files that a pass was asked for already are asked for again after `ASK_AGAIN_SECONDS`; any new
    name among them is a reason at once. `now` is in epoch seconds.
    """
    if not files:
        return None
    names = sorted(path.name for path in files)
    asked = json.loads(cursor) if cursor else {"names": [], "at": 0.0}
    fresh = set(names) - set(asked["names"])
    if not fresh and now - asked["at"] < ASK_AGAIN_SECONDS:
        return None
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]
    run_key = f"inbox-{digest}" if fresh else f"inbox-{digest}-again-{int(now)}"
    return run_key, json.dumps({"names": names, "at": now})
