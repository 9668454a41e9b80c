"""The frames that the suite about events judges: the stream as a whole, and the events by name.

Days are counted back from the newest event, not from the clock: a source that delivers once a day
is then never missing the hours that it has not delivered yet. A figure that cannot be computed is
empty, and an empty figure breaks no promise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import duckdb

from expectations.frames import Frames
from pql_platform.program.schema import Program

_RECENT = """
CREATE OR REPLACE TEMP VIEW recent AS
SELECT
  event,
  type IN ('track', 'page', 'screen') AS is_product_event,
  NOT user_id IS NULL OR NOT group_id IS NULL AS is_known,
  occurred_at,
  FLOOR(EPOCH(newest.moment - occurred_at) / 86400) AS days_ago
FROM raw.events, (SELECT MAX(occurred_at) AS moment FROM raw.events) AS newest
WHERE occurred_at > newest.moment - INTERVAL 29 DAY
"""

_STREAM = """
WITH days AS (
  SELECT
    days_ago,
    COUNT(*) AS events,
    COUNT(*) FILTER (WHERE is_product_event) AS product_events,
    COUNT(*) FILTER (WHERE is_product_event AND is_known) AS known,
    COUNT(*) FILTER (WHERE occurred_at = DATE_TRUNC('day', occurred_at)) AS at_midnight
  FROM recent
  GROUP BY days_ago
), hours AS (
  SELECT hour, hour - LAG(hour) OVER (ORDER BY hour) AS pause
  FROM (SELECT DISTINCT DATE_TRUNC('hour', occurred_at) AS hour FROM recent)
), loads AS (
  SELECT
    accepted,
    quarantined,
    loaded_at,
    MAX(loaded_at) OVER () AS newest,
    loaded_at - LAG(loaded_at) OVER (ORDER BY loaded_at) AS pause
  FROM raw.loads
), this_day AS (
  SELECT SUM(accepted) AS accepted, SUM(quarantined) AS quarantined
  FROM loads
  WHERE loaded_at > newest - INTERVAL 1 DAY
), weekdays AS (
  SELECT CASE WHEN COUNT(*) = 4 THEN MIN(events) END AS least, MEDIAN(events) AS usual
  FROM days
  WHERE days_ago IN (7, 14, 21, 28)
), before AS (
  SELECT SUM(product_events) AS events, SUM(known) AS known FROM days WHERE days_ago > 0
), pauses AS (
  SELECT GREATEST(
    24,
    EPOCH((SELECT MAX(pause) FROM hours)) / 3600,
    EPOCH((SELECT MAX(pause) FROM loads WHERE loaded_at > newest - INTERVAL 28 DAY)) / 3600
  ) AS longest_hours
)
SELECT
  'all events' AS stream,
  (SELECT COUNT(*) FROM raw.loads)::DOUBLE AS loads,
  (SELECT COUNT(*) FROM raw.events)::DOUBLE AS events,
  this_day.accepted::DOUBLE AS accepted_last_day,
  (this_day.quarantined / NULLIF(this_day.accepted, 0))::DOUBLE AS quarantined_share,
  last_day.events::DOUBLE AS events_last_day,
  before.events::DOUBLE AS events_before,
  weekdays.least::DOUBLE AS least_before,
  (last_day.events / NULLIF(weekdays.usual, 0))::DOUBLE AS volume_ratio,
  (
    last_day.known / NULLIF(last_day.product_events, 0)
    / NULLIF(before.known / NULLIF(before.events, 0), 0)
  )::DOUBLE AS known_kept,
  (last_day.at_midnight / last_day.events)::DOUBLE AS midnight_share,
  (
    EPOCH((SELECT as_of FROM raw.clock) - (SELECT MAX(occurred_at) FROM recent)) / 3600
    / pauses.longest_hours
  )::DOUBLE AS silence_ratio
FROM this_day, weekdays, before, pauses
LEFT JOIN days AS last_day ON last_day.days_ago = 0
"""

_NAMES = """
WITH used AS (
  SELECT UNNEST($events) AS event
)
SELECT
  used.event,
  COUNT(*) FILTER (WHERE recent.days_ago = 0)::DOUBLE AS last_day,
  LEAST(
    COUNT(*) FILTER (WHERE recent.days_ago = 7), COUNT(*) FILTER (WHERE recent.days_ago = 14),
    COUNT(*) FILTER (WHERE recent.days_ago = 21), COUNT(*) FILTER (WHERE recent.days_ago = 28)
  )::DOUBLE AS least_before
FROM used
LEFT JOIN recent USING (event)
GROUP BY used.event
ORDER BY used.event
"""


def events_frames(connection: duckdb.DuckDBPyConnection, programs: Sequence[Program]) -> Frames:
    """Draw the frames of `EVENTS`; none while no file was ever loaded.

    Args:
        connection: The warehouse, held no longer than this takes.
        programs: Their events are the ones whose absence matters.
    """
    tables = connection.execute(
        "SELECT COUNT(*) FROM information_schema.tables"
        " WHERE table_schema = 'raw' AND table_name IN ('events', 'loads', 'clock')"
    ).fetchone()
    if tables != (3,) or connection.execute("SELECT 1 FROM raw.loads LIMIT 1").fetchone() is None:
        return {}
    connection.execute(_RECENT)
    names = connection.execute(_NAMES, {"events": sorted(_events_of(programs))}).df()
    return {"stream": connection.execute(_STREAM).df(), "names": names}


def _events_of(programs: Iterable[Program]) -> set[str]:
    named: set[str] = set()
    for program in programs:
        named.update(program.meaningful_events)
        named.add(program.conversion.event)
        named.update(program.aha.events if program.aha else ())
        named.update(event for signal in program.signals for event in signal.events)
    return named
