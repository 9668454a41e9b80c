"""The frames that the suite about events judges: the stream, the events by name, their amounts.

Days are counted back from the newest event, not from the clock: a source that delivers once a day
is then never missing the hours that it has not delivered yet. A figure that cannot be computed is
empty, and an empty figure breaks no promise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import duckdb
import pandas as pd

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

# As the last pass over everything stored it: the roll-ups hold what each signal asks of its events.
_AMOUNTS = """
WITH wanted AS (
  SELECT
    UNNEST($programs::TEXT[]) AS program,
    UNNEST($signals::TEXT[]) AS signal,
    UNNEST($properties::TEXT[]) AS property,
    UNNEST($windows::BIGINT[]) AS window_days
)
SELECT
  wanted.program,
  wanted.signal,
  wanted.property,
  COALESCE(SUM(days.occurrences), 0)::DOUBLE AS events,
  (SUM(days.unusable) / NULLIF(SUM(days.occurrences), 0))::DOUBLE AS unusable_share
FROM wanted
CROSS JOIN raw.clock AS clock
LEFT JOIN features.signal_days AS days
  ON wanted.program = days.program
  AND wanted.signal = days.signal
  AND DATE_DIFF('day', days.day, clock.as_of::DATE) < wanted.window_days
GROUP BY ALL
ORDER BY ALL
"""

_NO_AMOUNTS = """
SELECT
  NULL::TEXT AS program, NULL::TEXT AS signal, NULL::TEXT AS property, NULL::DOUBLE AS events,
  NULL::DOUBLE AS unusable_share
WHERE FALSE
"""


def events_frames(connection: duckdb.DuckDBPyConnection, programs: Sequence[Program]) -> Frames:
    """Draw the frames of `EVENTS`; none while no file was ever loaded.

    Args:
        connection: The warehouse, held no longer than this takes.
        programs: Their events are the ones whose absence matters.
    """
    raw = ("raw.events", "raw.loads", "raw.clock")
    if not _has(connection, *raw) or connection.sql("FROM raw.loads LIMIT 1").fetchone() is None:
        return {}
    connection.execute(_RECENT)
    return {
        "stream": connection.execute(_STREAM).df(),
        "names": connection.execute(_NAMES, {"events": sorted(_events_of(programs))}).df(),
        "amounts": _amounts(connection, programs),
    }


def _amounts(connection: duckdb.DuckDBPyConnection, programs: Sequence[Program]) -> pd.DataFrame:
    """What share of the events that a signal adds up has no usable number, in its window."""
    signals = [
        (program.program, signal.name, signal.sum_property, signal.window_days)
        for program in programs
        for signal in program.signals
        if signal.sum_property is not None and _has(connection, "features.signal_days")
    ]
    columns = ("programs", "signals", "properties", "windows")
    return connection.execute(
        _AMOUNTS if signals else _NO_AMOUNTS,
        {name: [row[n] for row in signals] for n, name in enumerate(columns)} if signals else None,
    ).df()


def _has(connection: duckdb.DuckDBPyConnection, *tables: str) -> bool:
    """Whether all of these tables or views exist."""
    row = connection.execute(
        "SELECT COUNT(*) FROM information_schema.tables"
        " WHERE table_schema || '.' || table_name IN (SELECT UNNEST($tables))",
        {"tables": list(tables)},
    ).fetchone()
    return row == (len(tables),)


def _events_of(programs: Iterable[Program]) -> set[str]:
    named: set[str] = set()
    for program in programs:
        named.update(program.meaningful_events)
        named.add(program.conversion.event)
        named.update(program.aha.events if program.aha else ())
        named.update(event for signal in program.signals for event in signal.events)
    return named
