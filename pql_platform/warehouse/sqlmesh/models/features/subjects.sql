/* One row per user or account and program: the facts that gate, segment and describe it. They never add points, except where the program says that they take some away. */
MODEL (
  name features.subjects,
  kind FULL,
  owner product,
  grain (program, level, subject_id),
  column_descriptions (
    program = 'Name of the program',
    level = 'user or account, text',
    subject_id = 'user_id or account_id',
    account_id = 'Id: the account',
    email_domain = 'E-mail domain of the user; for an account its domain, else that of a user',
    title = 'Job title of the user, text',
    plan = 'Plan of the account, text',
    profile = 'trial or freemium by its plan, text; empty when the plan is neither, or unknown',
    employees = 'Head count of the account, persons',
    industry = 'Industry of the account, text',
    funding = 'Funding of the account, text',
    country = 'Country of the account, for a user the own one first, text',
    users = 'Identified users of the account, persons',
    active_users = 'Users of the account seen in the past 14 days, persons',
    engaged_users = 'Users of the account with an occurrence of a signal inside its window, persons',
    first_seen_at = 'First message of the user or account, UTC',
    days_since_signup = 'Whole days from the first message to the clock, days',
    segment = 'Segment by head count, as the program draws it, text',
    converted_at = 'First conversion event of the account, UTC',
    is_paying = 'Whether the account has converted, boolean',
    aha_reached_at = 'When the aha moment was reached, UTC; empty while not',
    excluded_as = 'Exclusion list on which it stands, text; empty when on none',
    unfit_because = 'Fit requirement that it does not meet, text; empty when it meets all'
  ),
  audits (
    not_null(columns := (program, level, subject_id, account_id, is_paying)),
    unique_combination_of_columns(columns := (program, level, subject_id))
  )
);

WITH programs AS (
  @program_rows(@facts)
), windows AS (
  @signal_windows(@windows)
), activity AS (
  SELECT
    users.account_id,
    COUNT(*) AS active_users
  FROM staging.users AS users
  CROSS JOIN raw.clock AS clock
  WHERE
    DATE_DIFF('DAY', users.last_seen_at::DATE, clock.as_of::DATE) < 14
  GROUP BY
    users.account_id
), engagement AS (
  SELECT
    days.program,
    days.account_id,
    COUNT(DISTINCT days.user_id) AS engaged_users
  FROM features.signal_days AS days
  INNER JOIN windows
    ON days.program = windows.program AND days.signal = windows.signal
  CROSS JOIN raw.clock AS clock
  WHERE
    DATE_DIFF('DAY', days.day::DATE, clock.as_of::DATE) < windows.window_days
  GROUP BY
    days.program,
    days.account_id
), domains AS (
  SELECT
    account_id,
    MIN(email_domain) AS email_domain
  FROM staging.users
  GROUP BY
    account_id
), people AS (
  SELECT
    'account' AS level,
    accounts.account_id AS subject_id,
    accounts.account_id,
    COALESCE(accounts.domain, domains.email_domain) AS email_domain,
    COALESCE(accounts.domain, domains.email_domain) AS account_domain,
    NULL::TEXT AS title,
    accounts.country,
    accounts.first_seen_at
  FROM staging.accounts AS accounts
  LEFT JOIN domains
    ON accounts.account_id = domains.account_id
  UNION ALL
  SELECT
    'user' AS level,
    users.user_id AS subject_id,
    users.account_id,
    users.email_domain,
    accounts.domain AS account_domain,
    users.title,
    COALESCE(users.country, accounts.country) AS country,
    users.first_seen_at
  FROM staging.users AS users
  INNER JOIN staging.accounts AS accounts
    ON users.account_id = accounts.account_id
), milestones AS (
  SELECT
    events.account_id,
    events.user_id,
    events.event,
    events.occurred_at
  FROM staging.events AS events
  WHERE
    @milestone_names(@facts)
), conversions AS (
  SELECT
    programs.program,
    milestones.account_id,
    MIN(milestones.occurred_at) AS converted_at
  FROM milestones
  INNER JOIN programs
    ON milestones.event = programs.conversion_event
  GROUP BY
    programs.program,
    milestones.account_id
), aha_events AS (
  @aha_events(@facts)
), aha_spans AS (
  @aha_spans(@facts)
), aha AS (
  SELECT
    program,
    level,
    subject_id,
    MIN(reached_at) AS aha_reached_at
  FROM aha_spans
  GROUP BY
    program,
    level,
    subject_id
), facts AS (
  SELECT
    programs.program,
    people.level,
    people.subject_id,
    people.account_id,
    people.email_domain,
    people.account_domain,
    people.title,
    accounts.plan,
    accounts.employees,
    accounts.industry,
    accounts.funding,
    people.country,
    accounts.users,
    COALESCE(activity.active_users, 0) AS active_users,
    COALESCE(engagement.engaged_users, 0) AS engaged_users,
    people.first_seen_at,
    DATE_DIFF('DAY', people.first_seen_at::DATE, clock.as_of::DATE) AS days_since_signup,
    conversions.converted_at,
    aha.aha_reached_at
  FROM people
  CROSS JOIN programs
  CROSS JOIN raw.clock AS clock
  INNER JOIN staging.accounts AS accounts
    ON people.account_id = accounts.account_id
  LEFT JOIN activity
    ON people.account_id = activity.account_id
  LEFT JOIN engagement
    ON programs.program = engagement.program
    AND people.account_id = engagement.account_id
  LEFT JOIN conversions
    ON programs.program = conversions.program
    AND people.account_id = conversions.account_id
  LEFT JOIN aha
    ON programs.program = aha.program
    AND people.level = aha.level
    AND people.subject_id = aha.subject_id
)
SELECT
  program::TEXT AS program,
  level::TEXT AS level,
  subject_id::TEXT AS subject_id,
  account_id::TEXT AS account_id,
  email_domain::TEXT AS email_domain,
  title::TEXT AS title,
  plan::TEXT AS plan,
  (
    @profile(@facts)
  )::TEXT AS profile,
  employees::BIGINT AS employees,
  industry::TEXT AS industry,
  funding::TEXT AS funding,
  country::TEXT AS country,
  users::BIGINT AS users,
  active_users::BIGINT AS active_users,
  engaged_users::BIGINT AS engaged_users,
  first_seen_at::TIMESTAMP AS first_seen_at,
  days_since_signup::BIGINT AS days_since_signup,
  (
    @segment(@facts)
  )::TEXT AS segment,
  converted_at::TIMESTAMP AS converted_at,
  (
    NOT converted_at IS NULL
  )::BOOLEAN AS is_paying,
  aha_reached_at::TIMESTAMP AS aha_reached_at,
  (
    @excluded_as(@facts)
  )::TEXT AS excluded_as,
  (
    @unfit_because(@facts)
  )::TEXT AS unfit_because
FROM facts
