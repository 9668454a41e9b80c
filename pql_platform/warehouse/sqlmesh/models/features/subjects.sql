/* One row per user or account and program: the facts that gate, segment and describe it. They never add points, except where the program says that they take some away. */
MODEL (
  name features.subjects,
  kind FULL,
  owner product,
  grain (program, level, subject_id),
  column_descriptions (
    program = 'Program',
    level = 'user or account',
    subject_id = 'user_id or account_id',
    account_id = 'The account',
    email_domain = 'E-mail domain of the user; for an account its domain, else that of a user',
    title = 'Job title of the user',
    plan = 'Plan of the account',
    employees = 'Head count of the account, persons',
    industry = 'Industry of the account',
    country = 'Country of the account, for a user the own one first',
    users = 'Identified users of the account, persons',
    active_users = 'Users of the account with an event in the past 14 days, persons',
    first_seen_at = 'First message of the user or account, UTC',
    days_since_signup = 'Whole days from the first message to the clock, days',
    segment = 'Segment by head count, as the program draws it',
    converted_at = 'First conversion event of the account, UTC',
    is_paying = 'Whether the account has converted',
    aha_reached_at = 'When the aha moment was reached, UTC; empty while not',
    excluded_as = 'Exclusion list on which it stands; empty when on none',
    unfit_because = 'Fit requirement that it does not meet; empty when it meets all'
  ),
  audits (
    not_null(columns := (program, level, subject_id, account_id, is_paying)),
    unique_combination_of_columns(columns := (program, level, subject_id))
  )
);

WITH programs AS (
  @program_rows(@definition)
), activity AS (
  SELECT
    events.account_id,
    COUNT(DISTINCT events.user_id) AS active_users
  FROM staging.events AS events
  CROSS JOIN raw.clock AS clock
  WHERE
    clock.as_of::DATE - events.day < 14
  GROUP BY
    events.account_id
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
), conversions AS (
  SELECT
    programs.program,
    events.account_id,
    MIN(events.occurred_at) AS converted_at
  FROM staging.events AS events
  INNER JOIN programs
    ON events.event = programs.conversion_event
  GROUP BY
    programs.program,
    events.account_id
), aha_events AS (
  @aha_events(@definition)
), aha_spans AS (
  @aha_spans(@definition)
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
    people.country,
    accounts.users,
    COALESCE(activity.active_users, 0) AS active_users,
    people.first_seen_at,
    clock.as_of::DATE - people.first_seen_at::DATE AS days_since_signup,
    conversions.converted_at,
    aha.aha_reached_at
  FROM people
  CROSS JOIN programs
  CROSS JOIN raw.clock AS clock
  INNER JOIN staging.accounts AS accounts
    ON people.account_id = accounts.account_id
  LEFT JOIN activity
    ON people.account_id = activity.account_id
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
  employees::BIGINT AS employees,
  industry::TEXT AS industry,
  country::TEXT AS country,
  users::BIGINT AS users,
  active_users::BIGINT AS active_users,
  first_seen_at::TIMESTAMP AS first_seen_at,
  days_since_signup::BIGINT AS days_since_signup,
  (
    @segment(@definition)
  )::TEXT AS segment,
  converted_at::TIMESTAMP AS converted_at,
  (
    NOT converted_at IS NULL
  )::BOOLEAN AS is_paying,
  aha_reached_at::TIMESTAMP AS aha_reached_at,
  (
    @excluded_as(@definition)
  )::TEXT AS excluded_as,
  (
    @unfit_because(@definition)
  )::TEXT AS unfit_because
FROM facts
