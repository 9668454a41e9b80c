/* One row per signal and user or account: its value in the program's window. */
MODEL (
  name features.signals,
  kind FULL,
  owner product,
  grain (program, level, subject_id, account_id, signal),
  column_descriptions (
    program = 'Program that defines the signal',
    level = 'user or account',
    subject_id = 'user_id or account_id',
    account_id = 'The account; for a user the one to which the user belongs now',
    signal = 'Name of the signal',
    value = 'Value of the measure in the window; its unit is that of the measure: count, days, sessions, minutes, persons, ratio',
    occurrences_ever = 'Occurrences since the beginning, count',
    first_at = 'First occurrence ever, UTC',
    last_at = 'Latest occurrence, UTC',
    days_since_last = 'Whole days from the latest occurrence to the clock, days'
  ),
  audits (
    not_null(columns := (program, level, subject_id, account_id, signal, value)),
    unique_combination_of_columns(columns := (program, level, subject_id, account_id, signal)),
    accepted_range("column" := value, min_v := 0)
  )
);

WITH parameters AS (
  @signal_rows(@definition)
), clock AS (
  SELECT
    as_of::DATE AS today
  FROM raw.clock
), occurrences AS (
  SELECT
    days.program,
    levels.level,
    CASE WHEN levels.level = 'user' THEN days.user_id ELSE days.account_id END AS subject_id,
    CASE WHEN levels.level = 'user' THEN users.account_id ELSE days.account_id END AS account_id,
    days.signal,
    days.user_id,
    days.day,
    days.occurrences,
    days.total,
    days.first_at,
    days.last_at,
    parameters.measure,
    parameters.window_days,
    clock.today - days.day AS days_ago
  FROM features.signal_days AS days
  INNER JOIN parameters
    ON days.program = parameters.program AND days.signal = parameters.signal
  LEFT JOIN staging.users AS users
    ON days.user_id = users.user_id
  CROSS JOIN clock
  CROSS JOIN (
    SELECT
      'user' AS level
    UNION ALL
    SELECT
      'account' AS level
  ) AS levels
  WHERE
    levels.level = 'account' OR NOT days.user_id IS NULL
), active_days AS (
  SELECT DISTINCT
    program,
    level,
    subject_id,
    account_id,
    signal,
    day
  FROM occurrences
  WHERE
    measure = 'streak_days' AND days_ago < window_days
), numbered_days AS (
  SELECT
    program,
    level,
    subject_id,
    account_id,
    signal,
    day,
    ROW_NUMBER() OVER (PARTITION BY program, level, subject_id, account_id, signal ORDER BY day) AS position
  FROM active_days
), runs AS (
  SELECT
    program,
    level,
    subject_id,
    account_id,
    signal,
    COUNT(*) AS days
  FROM numbered_days
  GROUP BY
    program,
    level,
    subject_id,
    account_id,
    signal,
    (
      day - '2000-01-01'::DATE
    ) - position
), streaks AS (
  SELECT
    program,
    level,
    subject_id,
    account_id,
    signal,
    MAX(days) AS days
  FROM runs
  GROUP BY
    program,
    level,
    subject_id,
    account_id,
    signal
), totals AS (
  SELECT
    program,
    level,
    subject_id,
    account_id,
    signal,
    MIN(measure) AS measure,
    SUM(CASE WHEN days_ago < window_days THEN occurrences ELSE 0 END) AS in_window,
    SUM(
      CASE
        WHEN days_ago >= window_days AND days_ago < 2 * window_days
        THEN occurrences
        ELSE 0
      END
    ) AS in_previous_window,
    SUM(CASE WHEN days_ago < window_days THEN total ELSE 0 END) AS total_in_window,
    COUNT(DISTINCT CASE WHEN days_ago < window_days THEN day END) AS days_in_window,
    COUNT(DISTINCT CASE WHEN days_ago < window_days THEN user_id END) AS users_in_window,
    SUM(occurrences) AS occurrences_ever,
    MIN(first_at) AS first_at,
    MAX(last_at) AS last_at,
    MIN(days_ago) AS days_since_last
  FROM occurrences
  GROUP BY
    program,
    level,
    subject_id,
    account_id,
    signal
)
SELECT
  totals.program::TEXT AS program,
  totals.level::TEXT AS level,
  totals.subject_id::TEXT AS subject_id,
  totals.account_id::TEXT AS account_id,
  totals.signal::TEXT AS signal,
  CASE totals.measure
    WHEN 'count'
    THEN totals.in_window
    WHEN 'sessions'
    THEN totals.in_window
    WHEN 'ever'
    THEN CASE WHEN totals.in_window > 0 THEN 1 ELSE 0 END
    WHEN 'distinct_days'
    THEN totals.days_in_window
    WHEN 'distinct_users'
    THEN totals.users_in_window
    WHEN 'streak_days'
    THEN COALESCE(streaks.days, 0)
    WHEN 'days_since_last'
    THEN totals.days_since_last
    WHEN 'minutes_per_session'
    THEN CASE
      WHEN totals.in_window > 0
      THEN totals.total_in_window / 60 / totals.in_window
      ELSE 0
    END
    WHEN 'sum'
    THEN GREATEST(totals.total_in_window, 0)
    WHEN 'growth'
    THEN totals.in_window / GREATEST(totals.in_previous_window, 1)
  END::DOUBLE AS value,
  totals.occurrences_ever::BIGINT AS occurrences_ever,
  totals.first_at::TIMESTAMP AS first_at,
  totals.last_at::TIMESTAMP AS last_at,
  totals.days_since_last::BIGINT AS days_since_last
FROM totals
LEFT JOIN streaks
  ON totals.program = streaks.program
  AND totals.level = streaks.level
  AND totals.subject_id = streaks.subject_id
  AND totals.account_id = streaks.account_id
  AND totals.signal = streaks.signal
