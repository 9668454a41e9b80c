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
    days.program,
    days.signal,
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
), doings /* What each person did in each account: users, best users and teams only add these up. */ AS (
  SELECT
    program,
    signal,
    account_id,
    user_id,
    counts_team,
    SUM(CASE WHEN days_ago < window_days THEN occurrences ELSE 0 END) AS in_window,
    SUM(
      CASE
        WHEN days_ago >= window_days AND days_ago < 2 * window_days
        THEN occurrences
        ELSE 0
      END
    ) AS in_previous_window,
    SUM(CASE WHEN days_ago < window_days THEN total ELSE 0 END) AS total_in_window,
    MIN(days_ago) AS days_since_last,
    SUM(occurrences) AS occurrences_ever,
    MIN(first_at) AS first_at,
    MAX(last_at) AS last_at
  FROM occurrences
  GROUP BY
    program,
    signal,
    account_id,
    user_id,
    counts_team
), summed AS (
  SELECT
    program,
    signal,
    'user' AS level,
    user_id AS subject_id,
    user_id AS doer,
    SUM(in_window) AS in_window,
    SUM(in_previous_window) AS in_previous_window,
    SUM(total_in_window) AS total_in_window,
    MIN(days_since_last) AS days_since_last,
    SUM(occurrences_ever) AS occurrences_ever,
    MIN(first_at) AS first_at,
    MAX(last_at) AS last_at
  FROM doings
  WHERE
    NOT user_id IS NULL
  GROUP BY
    program,
    signal,
    user_id
  UNION ALL
  SELECT
    program,
    signal,
    'account' AS level,
    account_id AS subject_id,
    user_id AS doer,
    in_window,
    in_previous_window,
    total_in_window,
    days_since_last,
    occurrences_ever,
    first_at,
    last_at
  FROM doings
  WHERE
    NOT counts_team
  UNION ALL
  SELECT
    program,
    signal,
    'account' AS level,
    account_id AS subject_id,
    NULL::TEXT AS doer,
    SUM(in_window) AS in_window,
    SUM(in_previous_window) AS in_previous_window,
    SUM(total_in_window) AS total_in_window,
    MIN(days_since_last) AS days_since_last,
    SUM(occurrences_ever) AS occurrences_ever,
    MIN(first_at) AS first_at,
    MAX(last_at) AS last_at
  FROM doings
  WHERE
    counts_team
  GROUP BY
    program,
    signal,
    account_id
), told_apart /* Days and people that must be told apart cannot be added up. */ AS (
  SELECT
    program,
    signal,
    measure,
    'user' AS level,
    user_id AS subject_id,
    user_id AS doer,
    user_id,
    day
  FROM occurrences
  WHERE
    measure IN ('streak_days', 'distinct_days', 'distinct_users')
    AND days_ago < window_days
    AND NOT user_id IS NULL
  UNION ALL
  SELECT
    program,
    signal,
    measure,
    'account' AS level,
    account_id AS subject_id,
    CASE WHEN NOT counts_team THEN user_id END AS doer,
    user_id,
    day
  FROM occurrences
  WHERE
    measure IN ('streak_days', 'distinct_days', 'distinct_users')
    AND days_ago < window_days
), different AS (
  SELECT
    program,
    signal,
    level,
    subject_id,
    COALESCE(doer, '') AS doer,
    COUNT(DISTINCT day) AS days,
    COUNT(DISTINCT user_id) AS users
  FROM told_apart
  GROUP BY
    program,
    signal,
    level,
    subject_id,
    COALESCE(doer, '')
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
    FROM told_apart
    WHERE
      measure = 'streak_days'
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
), valued AS (
  SELECT
    summed.program,
    summed.signal,
    summed.level,
    summed.subject_id,
    summed.doer,
    CASE windows.measure
      WHEN 'count'
      THEN summed.in_window
      WHEN 'sessions'
      THEN summed.in_window
      WHEN 'ever'
      THEN CASE WHEN summed.in_window > 0 THEN 1 ELSE 0 END
      WHEN 'distinct_days'
      THEN COALESCE(different.days, 0)
      WHEN 'distinct_users'
      THEN COALESCE(different.users, 0)
      WHEN 'streak_days'
      THEN COALESCE(longest_streaks.days, 0)
      WHEN 'days_since_last'
      THEN summed.days_since_last
      WHEN 'minutes_per_session'
      THEN CASE
        WHEN summed.in_window > 0
        THEN summed.total_in_window::DOUBLE / 60 / summed.in_window::DOUBLE
        ELSE 0
      END
      WHEN 'sum'
      THEN GREATEST(summed.total_in_window, 0)
      WHEN 'growth'
      THEN summed.in_window::DOUBLE / GREATEST(summed.in_previous_window, 1)::DOUBLE
    END::DOUBLE AS value,
    summed.days_since_last,
    summed.occurrences_ever,
    summed.first_at,
    summed.last_at,
    windows.measure,
    windows.threshold,
    windows.half_life_days
  FROM summed
  INNER JOIN windows
    ON summed.program = windows.program AND summed.signal = windows.signal
  LEFT JOIN different
    ON summed.program = different.program
    AND summed.signal = different.signal
    AND summed.level = different.level
    AND summed.subject_id = different.subject_id
    AND COALESCE(summed.doer, '') = different.doer
  LEFT JOIN longest_streaks
    ON summed.program = longest_streaks.program
    AND summed.signal = longest_streaks.signal
    AND summed.level = longest_streaks.level
    AND summed.subject_id = longest_streaks.subject_id
    AND COALESCE(summed.doer, '') = longest_streaks.doer
), ranked /* The best user of each account first. Rounded, so that equal strengths are equal on every engine. */ AS (
  SELECT
    program,
    signal,
    subject_id,
    doer,
    value,
    days_since_last,
    ROW_NUMBER() OVER (
      PARTITION BY program, signal, subject_id
      ORDER BY FLOOR(
        1000000000 * CASE
          WHEN measure = 'days_since_last'
          THEN threshold / GREATEST(value, threshold)
          ELSE LEAST(value, threshold) / threshold * POWER(0.5, LEAST(days_since_last / half_life_days, 1000))
        END
      ) DESC, CASE WHEN measure = 'days_since_last' THEN -value ELSE value END DESC, days_since_last, CASE WHEN doer IS NULL THEN 1 ELSE 0 END, doer
    ) AS position
  FROM valued
  WHERE
    level = 'account'
), teams AS (
  SELECT
    program,
    signal,
    account_id,
    SUM(occurrences_ever) AS occurrences_ever,
    MIN(first_at) AS first_at,
    MAX(last_at) AS last_at
  FROM doings
  GROUP BY
    program,
    signal,
    account_id
), signals AS (
  SELECT
    valued.program,
    valued.level,
    valued.subject_id,
    users.account_id,
    valued.signal,
    valued.doer,
    valued.value,
    valued.days_since_last,
    valued.occurrences_ever,
    valued.first_at,
    valued.last_at
  FROM valued
  INNER JOIN staging.users AS users
    ON valued.subject_id = users.user_id
  WHERE
    valued.level = 'user'
  UNION ALL
  SELECT
    ranked.program,
    'account' AS level,
    ranked.subject_id,
    ranked.subject_id AS account_id,
    ranked.signal,
    ranked.doer,
    ranked.value,
    ranked.days_since_last,
    teams.occurrences_ever,
    teams.first_at,
    teams.last_at
  FROM ranked
  INNER JOIN teams
    ON ranked.program = teams.program
    AND ranked.signal = teams.signal
    AND ranked.subject_id = teams.account_id
  WHERE
    ranked.position = 1
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
  occurrences_ever::BIGINT AS occurrences_ever,
  first_at::TIMESTAMP AS first_at,
  last_at::TIMESTAMP AS last_at
FROM signals
