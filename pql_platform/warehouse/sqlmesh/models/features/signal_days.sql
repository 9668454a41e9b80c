/* One row per signal, user and day on which it occurred: the daily roll-up that every window sums. */
MODEL (
  name features.signal_days,
  kind FULL,
  owner product,
  grain (program, signal, account_id, user_id, day),
  column_descriptions (
    program = 'Name of the program that defines the signal',
    signal = 'Name of the signal in the program file',
    account_id = 'Id: the account in which it occurred',
    user_id = 'Id: who did it; empty for an event of the account alone',
    day = 'Day, UTC',
    occurrences = 'Matching events, or meaningful visits for the session measures, count',
    total = 'Sum of the property, or seconds of the visits; 0 where the measure needs none; unit of the property',
    unusable = 'Matching events without a usable number in the property, count',
    first_at = 'First occurrence of the day, UTC',
    last_at = 'Last occurrence of the day, UTC'
  ),
  audits (
    not_null(columns := (program, signal, account_id, day, occurrences)),
    unique_combination_of_columns(columns := (program, signal, account_id, user_id, day)),
    accepted_range("column" := occurrences, min_v := 1)
  )
);

WITH fed AS (
  @event_signals(@behaviours)
), matching AS (
  SELECT
    fed.program,
    fed.signal,
    events.account_id,
    events.user_id,
    events.day,
    events.occurred_at,
    @amount(@behaviours) AS amount
  FROM staging.events AS events
  INNER JOIN fed
    ON events.event = fed.event
  WHERE
    @feeds_a_signal(@behaviours) AND @where_holds(@behaviours)
), days AS (
  SELECT
    program,
    signal,
    account_id,
    user_id,
    day,
    COUNT(*) AS occurrences,
    SUM(amount) AS total,
    COUNT(*) - COUNT(amount) AS unusable,
    MIN(occurred_at) AS first_at,
    MAX(occurred_at) AS last_at
  FROM matching
  GROUP BY
    program,
    signal,
    account_id,
    user_id,
    day
  UNION ALL
  SELECT
    program,
    signal,
    account_id,
    user_id,
    day,
    COUNT(*) AS occurrences,
    SUM(seconds) AS total,
    0 AS unusable,
    MIN(session_started_at) AS first_at,
    MAX(session_started_at) AS last_at
  FROM features.sessions
  GROUP BY
    program,
    signal,
    account_id,
    user_id,
    day
)
SELECT
  program::TEXT AS program,
  signal::TEXT AS signal,
  account_id::TEXT AS account_id,
  user_id::TEXT AS user_id,
  day::DATE AS day,
  occurrences::BIGINT AS occurrences,
  COALESCE(total, 0)::DECIMAL(38, 6) AS total,
  unusable::BIGINT AS unusable,
  first_at::TIMESTAMP AS first_at,
  last_at::TIMESTAMP AS last_at
FROM days
