-- The accounts that messages loaded (or become known) since the last rescoring can change:
-- every account, before and after, of every person whom they touch.
CREATE OR REPLACE TABLE live.scope.accounts AS
WITH fresh AS (
  SELECT events.*
  FROM warehouse.raw.events AS events, warehouse.ops.rescored AS rescored
  WHERE events.load_id > rescored.load_id
    OR GREATEST(events.received_at, events.occurred_at) > rescored.as_of
), devices AS (
  SELECT anonymous_id FROM fresh WHERE anonymous_id IS NOT NULL
  UNION
  SELECT previous_id FROM fresh WHERE previous_id IS NOT NULL
), people AS (
  SELECT user_id FROM fresh WHERE user_id IS NOT NULL
  UNION
  SELECT user_id FROM warehouse.raw.events
  WHERE user_id IS NOT NULL
    AND (
      anonymous_id IN (SELECT anonymous_id FROM devices)
      OR previous_id IN (SELECT anonymous_id FROM devices)
    )
), their_devices AS (
  SELECT anonymous_id FROM devices
  UNION
  SELECT anonymous_id FROM warehouse.raw.events
  WHERE anonymous_id IS NOT NULL AND user_id IN (SELECT user_id FROM people)
  UNION
  SELECT previous_id FROM warehouse.raw.events
  WHERE previous_id IS NOT NULL AND user_id IN (SELECT user_id FROM people)
)
SELECT group_id AS account_id FROM warehouse.raw.events
WHERE group_id IS NOT NULL
  AND (
    user_id IN (SELECT user_id FROM people)
    OR anonymous_id IN (SELECT anonymous_id FROM their_devices)
  )
UNION
SELECT group_id FROM fresh WHERE group_id IS NOT NULL
UNION
SELECT account_id FROM warehouse.staging.users
WHERE user_id IN (SELECT user_id FROM people)
UNION
SELECT 'user:' || user_id FROM people
UNION
SELECT REGEXP_EXTRACT(LOWER(JSON_EXTRACT_STRING(traits, '$.email')), '(?s)@(.+)', 1)
FROM warehouse.raw.events
WHERE type = 'identify' AND user_id IN (SELECT user_id FROM people)
  AND JSON_EXTRACT_STRING(traits, '$.email') LIKE '%@%';
