/* One row per signal and user or account: its value in the program's window. An account has the value of its best user, or that of everybody together where the signal counts the team. */
MODEL (
  name features.signals,
  kind FULL,
  owner product,
  grain (program, level, subject_id, signal),
  column_descriptions (
    program = 'Name of the program that defines the signal',
    level = 'user or account, text',
    subject_id = 'user_id or account_id',
    account_id = 'Id: the account; for a user the one to which the user belongs now',
    signal = 'Name of the signal',
    user_id = 'Id: whose value it is: the user, the best user of the account, or empty for the team',
    value = 'Value of the measure in the window; its unit is that of the measure: count, days, sessions, minutes, persons, ratio',
    days_since_last = 'Whole days from the latest occurrence behind the value to the clock, days',
    occurrences_ever = 'Occurrences since the beginning, of the whole team for an account, count',
    first_at = 'First occurrence ever, UTC',
    last_at = 'Latest occurrence, UTC'
  ),
  audits (
    not_null(
      columns := (program, level, subject_id, account_id, signal, value, days_since_last)
    ),
    unique_combination_of_columns(columns := (program, level, subject_id, signal)),
    accepted_range("column" := value, min_v := 0),
    accepted_range("column" := days_since_last, min_v := 0)
  )
);

WITH windows AS (
  @signal_windows(@windows)
), occurrences AS (
  SELECT
    windows.program,
    windows.signal,
    windows.measure,
    windows.counts_team,
    windows.window_days,
    days.account_id,
    days.user_id,
    days.day,
    days.occurrences,
    days.total,
    days.first_at,
    days.last_at,
    DATE_DIFF('DAY', days.day::DATE, clock.as_of::DATE) AS days_ago
  FROM features.signal_days AS days
  INNER JOIN windows
    ON days.program = windows.program AND days.signal = windows.signal
  CROSS JOIN raw.clock AS clock
), doings /* Who did it for whom: each user alone, and each account by user or as a team. */ AS (
  SELECT
    'user' AS level,
    occurrences.user_id AS subject_id,
    users.account_id,
    occurrences.program,
    occurrences.signal,
    occurrences.measure,
    occurrences.window_days,
    occurrences.user_id AS doer,
    occurrences.user_id,
    occurrences.day,
    occurrences.occurrences,
    occurrences.total,
    occurrences.first_at,
    occurrences.last_at,
    occurrences.days_ago
  FROM occurrences
  INNER JOIN staging.users AS users
    ON occurrences.user_id = users.user_id
  UNION ALL
  SELECT
    'account' AS level,
    occurrences.account_id AS subject_id,
    occurrences.account_id,
    occurrences.program,
    occurrences.signal,
    occurrences.measure,
    occurrences.window_days,
    CASE WHEN NOT occurrences.counts_team THEN occurrences.user_id END AS doer,
    occurrences.user_id,
    occurrences.day,
    occurrences.occurrences,
    occurrences.total,
    occurrences.first_at,
    occurrences.last_at,
    occurrences.days_ago
  FROM occurrences
), numbered_days AS (
  SELECT
    program,
    signal,
    level,
    subject_id,
    doer,
    DATE_DIFF('DAY', '2000-01-01'::DATE, day) - ROW_NUMBER() OVER (PARTITION BY program, signal, level, subject_id, doer ORDER BY day) AS streak
  FROM (
    SELECT DISTINCT
      program,
      signal,
      level,
      subject_id,
      doer,
      day
    FROM doings
    WHERE
      measure = 'streak_days' AND days_ago < window_days
  ) AS active_days
), streaks AS (
  SELECT
    program,
    signal,
    level,
    subject_id,
    doer,
    COUNT(*) AS days
  FROM numbered_days
  GROUP BY
    program,
    signal,
    level,
    subject_id,
    doer,
    streak
), longest_streaks AS (
  SELECT
    program,
    signal,
    level,
    subject_id,
    COALESCE(doer, '') AS doer,
    MAX(days) AS days
  FROM streaks
  GROUP BY
    program,
    signal,
    level,
    subject_id,
    COALESCE(doer, '')
), totals AS (
  SELECT
    program,
    signal,
    level,
    subject_id,
    account_id,
    doer,
    measure,
    SUM(CASE WHEN days_ago < window_days THEN occurrences ELSE 0 END) AS in_window,
    SUM(
      CASE
        WHEN days_ago >= window_days AND days_ago < 2 * window_days
        THEN occurrences
        ELSE 0
      END
    ) AS in_previous_window,
    SUM(CASE WHEN days_ago < window_days THEN total ELSE 0 END) AS total_in_window,
    COUNT(
      DISTINCT CASE WHEN measure = 'distinct_days' AND days_ago < window_days THEN day END
    ) AS days_in_window,
    COUNT(
      DISTINCT CASE WHEN measure = 'distinct_users' AND days_ago < window_days THEN user_id END
    ) AS users_in_window,
    MIN(days_ago) AS days_since_last,
    SUM(occurrences) AS occurrences_ever,
    MIN(first_at) AS first_at,
    MAX(last_at) AS last_at
  FROM doings
  GROUP BY
    program,
    signal,
    level,
    subject_id,
    account_id,
    doer,
    measure
), valued AS (
  SELECT
    totals.program,
    totals.signal,
    totals.level,
    totals.subject_id,
    totals.account_id,
    totals.doer,
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
      THEN COALESCE(longest_streaks.days, 0)
      WHEN 'days_since_last'
      THEN totals.days_since_last
      WHEN 'minutes_per_session'
      THEN CASE
        WHEN totals.in_window > 0
        THEN totals.total_in_window::DOUBLE / 60 / totals.in_window::DOUBLE
        ELSE 0
      END
      WHEN 'sum'
      THEN GREATEST(totals.total_in_window, 0)
      WHEN 'growth'
      THEN totals.in_window::DOUBLE / GREATEST(totals.in_previous_window, 1)::DOUBLE
    END::DOUBLE AS value,
    totals.days_since_last,
    totals.occurrences_ever,
    totals.first_at,
    totals.last_at
  FROM totals
  LEFT JOIN longest_streaks
    ON totals.program = longest_streaks.program
    AND totals.signal = longest_streaks.signal
    AND totals.level = longest_streaks.level
    AND totals.subject_id = longest_streaks.subject_id
    AND COALESCE(totals.doer, '') = longest_streaks.doer
), ranked /* Rounded, so that equal strengths are equal on every engine. */ AS (
  SELECT
    valued.*,
    ROW_NUMBER() OVER (
      PARTITION BY valued.program, valued.signal, valued.level, valued.subject_id
      ORDER BY FLOOR(
        1000000000 * CASE
          WHEN windows.measure = 'days_since_last'
          THEN windows.threshold / GREATEST(valued.value, windows.threshold)
          ELSE LEAST(valued.value, windows.threshold) / windows.threshold * POWER(0.5, LEAST(valued.days_since_last / windows.half_life_days, 1000))
        END
      ) DESC, CASE
        WHEN windows.measure = 'days_since_last'
        THEN -valued.value
        ELSE valued.value
      END DESC, valued.days_since_last, CASE WHEN valued.doer IS NULL THEN 1 ELSE 0 END, valued.doer
    ) AS position,
    SUM(valued.occurrences_ever) OVER (PARTITION BY valued.program, valued.signal, valued.level, valued.subject_id) AS team_occurrences,
    MIN(valued.first_at) OVER (PARTITION BY valued.program, valued.signal, valued.level, valued.subject_id) AS team_first_at,
    MAX(valued.last_at) OVER (PARTITION BY valued.program, valued.signal, valued.level, valued.subject_id) AS team_last_at
  FROM valued
  INNER JOIN windows
    ON valued.program = windows.program AND valued.signal = windows.signal
)
SELECT
  program::TEXT AS program,
  level::TEXT AS level,
  subject_id::TEXT AS subject_id,
  account_id::TEXT AS account_id,
  signal::TEXT AS signal,
  doer::TEXT AS user_id,
  value::DOUBLE AS value,
  days_since_last::BIGINT AS days_since_last,
  team_occurrences::BIGINT AS occurrences_ever,
  team_first_at::TIMESTAMP AS first_at,
  team_last_at::TIMESTAMP AS last_at
FROM ranked
WHERE
  position = 1
