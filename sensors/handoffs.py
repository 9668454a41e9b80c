"""Hand-offs that still wait: retries, ambiguous sends, messages once held, missed deadlines.

The pass that makes a crossing delivers it; this is for what that pass could not finish. The sensor
only looks; sending is the run's work.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

from pql_platform.ledger.deadlines import due_steps
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.ledger.queue import queue_state, waiting_channels
from pql_platform.settings import load_settings

DELIVERY = "delivery"
LOOK_SECONDS = 10

GRACE = timedelta(seconds=10)
"""A message younger than this is being delivered by the pass that wrote it."""


@dg.sensor(
    name="waiting_handoffs",
    job_name=DELIVERY,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=LOOK_SECONDS,
    description="Asks for a delivery run while messages are due or deadlines have passed.",
)
def waiting_handoffs(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for a delivery run while messages are due or deadlines have passed."""
    now = datetime.now(UTC)
    engine = open_ledger(load_settings().ledger_url)
    try:
        with reading(engine) as conn:
            queue = queue_state(conn, waiting_channels(conn), now - GRACE)
            late = due_steps(conn, now)
    finally:
        engine.dispose()
    if not queue.due and not late:
        return dg.SkipReason(f"{queue.unfinished} messages wait, none is due; no deadline passed.")
    return dg.RunRequest(run_key=f"delivery-{int(now.timestamp()) // LOOK_SECONDS}")
