-- Every raw event that can matter to the accounts in live.scope.accounts: those of the accounts
-- themselves, of all their members, and of all the members' devices.

-- Whoever shows any sign of belonging to an account counts as a member here: of somebody who has
-- moved on, every event must be seen, or the sign alone would make a member of them again.
CREATE OR REPLACE TABLE live.scope.group_devices AS
SELECT DISTINCT anonymous_id FROM warehouse.raw.events
WHERE user_id IS NULL AND anonymous_id IS NOT NULL
  AND group_id IN (SELECT account_id FROM live.scope.accounts);

CREATE OR REPLACE TABLE live.scope.members AS
SELECT user_id FROM warehouse.staging.users
WHERE account_id IN (SELECT account_id FROM live.scope.accounts)
UNION
SELECT user_id FROM warehouse.raw.events
WHERE user_id IS NOT NULL
  AND (
    group_id IN (SELECT account_id FROM live.scope.accounts)
    OR anonymous_id IN (SELECT anonymous_id FROM live.scope.group_devices)
    OR previous_id IN (SELECT anonymous_id FROM live.scope.group_devices)
  )
UNION
SELECT user_id FROM warehouse.raw.events
WHERE type = 'identify' AND user_id IS NOT NULL
  AND REGEXP_EXTRACT(LOWER(JSON_EXTRACT_STRING(traits, '$.email')), '(?s)@(.+)', 1)
    IN (SELECT account_id FROM live.scope.accounts)
UNION
SELECT SUBSTRING(account_id, 6) FROM live.scope.accounts WHERE account_id LIKE 'user:%';

CREATE OR REPLACE TABLE live.scope.devices AS
SELECT anonymous_id FROM warehouse.raw.events
WHERE anonymous_id IS NOT NULL
  AND (
    user_id IN (SELECT user_id FROM live.scope.members)
    OR group_id IN (SELECT account_id FROM live.scope.accounts)
  )
UNION
SELECT previous_id FROM warehouse.raw.events
WHERE previous_id IS NOT NULL AND user_id IN (SELECT user_id FROM live.scope.members);

CREATE OR REPLACE TABLE live.raw.events AS
SELECT * FROM warehouse.raw.events
WHERE user_id IN (SELECT user_id FROM live.scope.members)
  OR anonymous_id IN (SELECT anonymous_id FROM live.scope.devices)
  OR previous_id IN (SELECT anonymous_id FROM live.scope.devices)
  OR group_id IN (SELECT account_id FROM live.scope.accounts);
