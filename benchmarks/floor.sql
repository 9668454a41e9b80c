-- From inbox files to the scores of programs/boards.yaml, with as little work as DuckDB needs.
-- Each table is a step. The variables files and as_of say what to read, the tables *_rules and
-- *_domains what counts. Shortcuts that the data set allows: a device belongs to one user, a user
-- to one group for ever, and traits never change.

-- The one message in a hundred that says who somebody is.
CREATE TEMP TABLE introductions AS
SELECT type, user_id, anonymous_id, group_id, traits
FROM READ_PARQUET(GETVARIABLE('files'))
WHERE
  type IN ('identify', 'group')
  AND received_at <= GETVARIABLE('as_of')
  AND occurred_at <= GETVARIABLE('as_of');

CREATE TEMP TABLE people AS
SELECT
  user_id,
  MAX(anonymous_id) AS device,
  MAX(group_id) AS group_id,
  MAX(NULLIF(SPLIT_PART(LOWER(JSON_EXTRACT_STRING(traits, '$.email')), '@', 2), ''))
    AS email_domain
FROM introductions
WHERE type = 'identify'
GROUP BY user_id;

-- Half hours: two events of a person in one of them are of one session, whatever lies between, so
-- ten million events become two million rows before anything is sorted. Copies of a message have
-- its sender and its time, so they meet here and are counted once, and only where it matters.
CREATE TEMP TABLE half_hours AS
SELECT
  COALESCE(user_id, anonymous_id, group_id) AS speaker,
  CASE WHEN NOT user_id IS NULL THEN 1 WHEN NOT anonymous_id IS NULL THEN 2 ELSE 3 END AS voice,
  EPOCH_MS(occurred_at) // 1800000 AS half_hour,
  MAX(group_id) AS group_id,
  MIN(occurred_at) AS first_at,
  MAX(occurred_at) AS last_at,
  BOOL_OR(is_core) AS is_meaningful,
  COUNT(DISTINCT message_id) FILTER (signal = 'boards_created') AS boards_created,
  COUNT(DISTINCT message_id) FILTER (signal = 'integrations') AS integrations,
  COUNT(DISTINCT message_id) FILTER (signal = 'limits') AS limits,
  COUNT(DISTINCT message_id) FILTER (signal = 'invites') AS invites
FROM READ_PARQUET(GETVARIABLE('files'))
LEFT JOIN event_rules USING (event)
WHERE
  type IN ('track', 'page', 'screen')
  AND received_at <= GETVARIABLE('as_of')
  AND occurred_at <= GETVARIABLE('as_of')
GROUP BY speaker, voice, half_hour;

CREATE TEMP TABLE users AS
SELECT
  user_id,
  COALESCE(
    MAX(group_id),
    MAX(email_domain) FILTER (email_domain NOT IN (FROM personal_domains)),
    'user:' || user_id
  ) AS account_id,
  MAX(email_domain) AS email_domain
FROM (
  SELECT user_id, group_id, email_domain FROM people
  UNION ALL
  SELECT speaker, group_id, NULL FROM half_hours WHERE voice = 1
)
GROUP BY user_id;

CREATE TEMP TABLE accounts AS
SELECT account_id, COALESCE(MAX(domain), MIN(email_domain)) AS email_domain
FROM (
  SELECT account_id, NULL AS domain, email_domain FROM users
  UNION ALL
  SELECT group_id, LOWER(JSON_EXTRACT_STRING(traits, '$.domain')), NULL
  FROM introductions
  WHERE type = 'group'
  UNION ALL
  SELECT DISTINCT speaker, NULL, NULL FROM half_hours WHERE voice = 3
)
GROUP BY account_id;

CREATE TEMP TABLE owned AS
SELECT
  users.user_id,
  COALESCE(users.account_id, spoken.speaker) AS account_id,
  spoken.* EXCLUDE (user_id, group_id)
FROM (
  SELECT
    half_hours.*,
    CASE voice WHEN 1 THEN speaker WHEN 2 THEN people.user_id END AS user_id
  FROM half_hours
  -- A condition beside the key would make the join a nested loop.
  LEFT JOIN people ON CASE voice WHEN 2 THEN speaker END = people.device
) AS spoken
LEFT JOIN users ON spoken.user_id = users.user_id
WHERE voice = 3 OR NOT users.user_id IS NULL;

CREATE TEMP TABLE sessions AS
SELECT account_id, user_id, MIN(first_at)::DATE AS day
FROM (
  SELECT *, SUM(starts) OVER (PARTITION BY user_id ORDER BY first_at) AS number
  FROM (
    SELECT
      *,
      CASE
        WHEN first_at - MAX(last_at) OVER (
          PARTITION BY user_id ORDER BY first_at
          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) <= INTERVAL 30 MINUTE
        THEN 0
        ELSE 1
      END AS starts
    FROM owned
    WHERE NOT user_id IS NULL
  )
)
GROUP BY account_id, user_id, number
HAVING BOOL_OR(is_meaningful);

CREATE TEMP TABLE signal_days AS
SELECT account_id, user_id, signal, day, SUM(occurrences) AS occurrences
FROM (
  UNPIVOT (
    SELECT
      account_id,
      user_id,
      first_at::DATE AS day,
      NULLIF(boards_created, 0) AS boards_created,
      NULLIF(integrations, 0) AS integrations,
      NULLIF(limits, 0) AS limits,
      NULLIF(invites, 0) AS invites
    FROM owned
  )
  ON boards_created, integrations, limits, invites
  INTO NAME signal VALUE occurrences
  UNION ALL BY NAME
  SELECT account_id, user_id, 'sessions' AS signal, day, 1 AS occurrences FROM sessions
)
GROUP BY account_id, user_id, signal, day;

CREATE TEMP TABLE valued AS
SELECT
  *,
  ROUND(LEAST(value, threshold) / threshold * POW(0.5, days_since_last / half_life_days), 9)
    AS strength
FROM (
  SELECT
    account_id,
    user_id,
    signal,
    SUM(CASE WHEN days_ago < window_days THEN occurrences ELSE 0 END)::DOUBLE AS value,
    MIN(days_ago) AS days_since_last
  FROM (SELECT *, GETVARIABLE('as_of')::DATE - day AS days_ago FROM signal_days)
  INNER JOIN signal_rules USING (signal)
  GROUP BY account_id, user_id, signal
)
INNER JOIN signal_rules USING (signal)
CROSS JOIN program_rules;

CREATE TEMP TABLE signals AS
SELECT 'user' AS level, user_id AS subject_id, signal, value, days_since_last
FROM valued
WHERE NOT user_id IS NULL
UNION ALL
SELECT
  'account',
  account_id,
  signal,
  CASE
    WHEN counts_team THEN SUM(value)
    ELSE ARG_MAX(value, ROW(strength, value, -days_since_last))
  END,
  CASE
    WHEN counts_team THEN MIN(days_since_last)
    ELSE ARG_MAX(days_since_last, ROW(strength, value, -days_since_last))
  END
FROM valued
GROUP BY account_id, signal, counts_team;

CREATE TEMP TABLE points AS
SELECT
  level,
  subject_id,
  FLOOR(
    max_points * 4 * LEAST(value, threshold) / threshold
      * POW(0.5, days_since_last / half_life_days)
  ) / 4 AS points
FROM signals
INNER JOIN signal_rules USING (signal)
CROSS JOIN program_rules
UNION ALL
SELECT level, subject_id, ANY_VALUE(points)
FROM signals
INNER JOIN compound_rules USING (signal)
WHERE value >= at_least
GROUP BY level, subject_id, compound
HAVING COUNT(*) = ANY_VALUE(conditions)
UNION ALL
SELECT
  'account',
  account_id,
  FLOOR(
    4 * spread_points * LEAST(COUNT(DISTINCT user_id) - 1, spread_users - 1) / (spread_users - 1)
  ) / 4
FROM valued
WHERE value > 0
GROUP BY account_id, spread_points, spread_users
HAVING COUNT(DISTINCT user_id) > 1;

CREATE TABLE scores AS
WITH penalised AS (
  SELECT DISTINCT emails.email_domain
  FROM (SELECT email_domain FROM users UNION SELECT email_domain FROM accounts) AS emails
  INNER JOIN penalised_domains ON ENDS_WITH(emails.email_domain, '.' || penalised_domains.domain)
), teams AS (
  SELECT account_id FROM valued WHERE value > 0
  GROUP BY account_id HAVING COUNT(DISTINCT user_id) > 1
), subjects AS (
  SELECT 'user' AS level, user_id AS subject_id, email_domain, 100 AS highest FROM users
  UNION ALL
  SELECT
    'account',
    accounts.account_id,
    email_domain,
    CASE WHEN teams.account_id IS NULL THEN single_user_cap ELSE 100 END
  FROM accounts
  CROSS JOIN program_rules
  LEFT JOIN teams USING (account_id)
), earned AS (
  SELECT level, subject_id, SUM(points) AS points FROM points GROUP BY level, subject_id
)
SELECT
  level,
  subject_id,
  GREATEST(
    LEAST(
      COALESCE(points, 0) + CASE WHEN penalised.email_domain IS NULL THEN 0 ELSE penalty_points END,
      highest
    ),
    0
  )::DECIMAL(9, 2) AS score
FROM subjects
CROSS JOIN program_rules
LEFT JOIN earned USING (level, subject_id)
LEFT JOIN penalised USING (email_domain);
