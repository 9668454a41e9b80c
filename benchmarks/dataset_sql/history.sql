-- What happens around the slice of time from `low` to `high` (seconds from the start): sign-ups,
-- purchases and sessions. Whoever reads cuts by the time of receipt, at most 5,400 s later.
CREATE OR REPLACE TEMP VIEW happenings AS
WITH newcomers AS (
  SELECT
    number // 5 AS account,
    number % 5 AS member,
    created(number // 5) + number % 5 * pause(number // 5) AS seconds
  FROM RANGE(5 * (accounts_by(GETVARIABLE('high')) + 2)) AS numbers(number)
  WHERE number < 5 * GETVARIABLE('accounts')
), firsts AS (
  SELECT
    -8 * person(account, member) - step - 1 AS number,
    FALSE AS is_copy,
    seconds + after AS seconds,
    type,
    event,
    CASE WHEN step > 1 THEN 'u' || person(account, member) END AS user_id,
    'd' || person(account, member) AS anonymous_id,
    CASE WHEN step > 1 THEN workspace(account) END AS group_id,
    CASE type
      WHEN 'identify' THEN user_traits(account, member)
      WHEN 'group' THEN account_traits(account)
      ELSE '{}'
    END AS traits
  FROM newcomers, (
    VALUES
      (0, -120.0, 'page', 'page:Home'),
      (1, -70.0, 'page', 'page:Pricing'),
      (2, 0.0, 'identify', '$identify'),
      (3, 1.0, 'group', '$group'),
      (4, 2.0, 'track', 'Signed Up'),
      (5, 2592000.0, 'track', 'Subscription Started')
  ) AS steps(step, after, type, event)
  WHERE
    step NOT IN (3, 5)
    OR member = 0 AND step = 3 AND NOT workspace(account) IS NULL
    OR member = 0 AND step = 5 AND chance(account, 'pays') < 0.08
), sessions AS (
  SELECT
    number,
    GETVARIABLE('span') * (number + chance(number, 'begins')) / GETVARIABLE('sessions') AS seconds
  FROM RANGE(
    GREATEST(
      FLOOR((GETVARIABLE('low') - 5400) / GETVARIABLE('span') * GETVARIABLE('sessions'))::BIGINT,
      0
    ),
    CEIL(GETVARIABLE('high') / GETVARIABLE('span') * GETVARIABLE('sessions'))::BIGINT
  ) AS numbers(number)
), drawn AS (
  -- New accounts do more than old ones, and every eighth account is a large one.
  SELECT
    number,
    seconds,
    FLOOR(accounts_by(seconds) * (1 - POW(chance(number, 'account'), 2)))::BIGINT AS near,
    CASE WHEN chance(number, 'large') < 0.3 THEN near - near % 8 ELSE near END AS account
  FROM sessions
  WHERE accounts_by(seconds) > 0
), placed AS (
  SELECT
    number,
    seconds,
    person(account, FLOOR(members_by(account, seconds) * POW(chance(number, 'member'), 2)))
      AS person,
    workspace(account) AS workspace,
    chance(number, 'kind') AS kind,
    20 + 160 * chance(number, 'pace') AS pace,
    2 + FLOOR(13 * chance(number, 'length'))::BIGINT AS length
  FROM drawn
), voiced AS (
  -- Some are visitors who never sign up, some are members who have not logged in.
  SELECT
    number,
    seconds,
    pace,
    workspace,
    CASE
      WHEN kind < 0.04 THEN ['page:Home', 'page:Pricing']
      WHEN kind < 0.31 THEN ['Board Viewed', 'Help Article Viewed', 'Board Viewed']
      ELSE GETVARIABLE('work')
    END AS repertoire,
    CASE WHEN kind >= 0.06 THEN 'u' || person END AS user_id,
    CASE WHEN kind < 0.04 THEN 'v' || number ELSE 'd' || person END AS anonymous_id,
    CASE WHEN kind >= 0.06 THEN workspace END AS group_id,
    length,
    UNNEST(RANGE(length + (chance(number, 'retried') < 0.16)::BIGINT)) AS message
  FROM placed
), acts AS (
  -- A message beyond the length of a session is one of it once more. Now and then an integration
  -- does something in the name of the account alone.
  SELECT
    *,
    message = length AS is_copy,
    CASE WHEN is_copy THEN number % length ELSE message END AS step,
    16 * number + step AS act,
    LEN(repertoire) > 3 AND NOT workspace IS NULL AND chance(act, 'machine') < 0.004 AS is_machine
  FROM voiced
)
SELECT number, is_copy, seconds, type, event, user_id, anonymous_id, group_id, traits FROM firsts
UNION ALL
SELECT
  act,
  is_copy,
  seconds + pace * (step + chance(act, 'moment')),
  'track',
  CASE
    WHEN is_machine THEN 'Integration Connected'
    WHEN step = 0 AND NOT user_id IS NULL THEN 'App Opened'
    ELSE repertoire[1 + FLOOR(chance(act, 'act') * LEN(repertoire))::BIGINT]
  END,
  CASE WHEN NOT is_machine THEN user_id END,
  CASE WHEN NOT is_machine THEN anonymous_id END,
  group_id,
  '{}'
FROM acts;
