-- Fresh events of accounts that exist: `touched` of them, evenly over all, from a place of their
-- own for each `crowd`. They are received in the second before `span`.
CREATE OR REPLACE TEMP VIEW happenings AS
WITH placed AS (
  SELECT
    -- Beyond the numbers of any history; a batch has room for a million.
    (2 ** 28 + GETVARIABLE('batch'))::BIGINT << 20 | place AS number,
    (
      FLOOR(GETVARIABLE('accounts') * chance(GETVARIABLE('crowd'), 'crowd'))::BIGINT
      + place % GETVARIABLE('touched') * (GETVARIABLE('accounts') // GETVARIABLE('touched'))
    ) % GETVARIABLE('accounts') AS account,
    -- Up to three people of each account; without a workspace only its first is known.
    CASE
      WHEN workspace(account) IS NULL THEN 0
      ELSE FLOOR(3 * chance(place // GETVARIABLE('touched'), 'member'))
    END AS member
  FROM RANGE(GETVARIABLE('events')) AS places(place)
)
SELECT
  number,
  FALSE AS is_copy,
  GETVARIABLE('span') - 0.003 - 0.99 * chance(number, 'moment') - delay(number) AS seconds,
  'track' AS type,
  GETVARIABLE('work')[1 + FLOOR(chance(number, 'act') * LEN(GETVARIABLE('work')))::BIGINT] AS event,
  'u' || person(account, member) AS user_id,
  'd' || person(account, member) AS anonymous_id,
  workspace(account) AS group_id,
  '{}' AS traits
FROM placed;
