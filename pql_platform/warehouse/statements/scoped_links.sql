-- Every combination of ids that can matter to live.scope.accounts: those of the accounts
-- themselves, of all their members, and of all the members' devices.

-- Whoever shows any sign of belonging to an account counts as a member here: of somebody who has
-- moved on, everything must be seen, or the sign alone would make a member of them again.
CREATE OR REPLACE TABLE live.scope.group_keys AS
SELECT MD5_NUMBER_LOWER(account_id) AS key FROM live.scope.accounts;

CREATE OR REPLACE TABLE live.scope.group_devices AS
SELECT DISTINCT anonymous_key AS key FROM warehouse.raw.links
WHERE user_key IS NULL AND anonymous_key IS NOT NULL
  AND group_key IN (FROM live.scope.group_keys);

CREATE OR REPLACE TABLE live.scope.members AS
WITH RECURSIVE aliases AS (
  SELECT previous_key, user_key FROM warehouse.raw.links
  WHERE previous_key IS NOT NULL AND user_key IS NOT NULL
), first_members AS (
  FROM live.scope.people
  UNION
  SELECT MD5_NUMBER_LOWER(user_id) FROM warehouse.staging.users
  WHERE account_id IN (FROM live.scope.accounts)
  UNION
  SELECT user_key FROM warehouse.raw.links
  WHERE user_key IS NOT NULL
    AND (
      group_key IN (FROM live.scope.group_keys)
      OR anonymous_key IN (FROM live.scope.group_devices)
      OR previous_key IN (FROM live.scope.group_devices)
    )
  UNION
  SELECT MD5_NUMBER_LOWER(SUBSTRING(account_id, 6)) FROM live.scope.accounts
  WHERE account_id LIKE 'user:%'
), members AS (
  FROM first_members
  UNION
  SELECT CASE WHEN aliases.user_key = members.key THEN aliases.previous_key
    ELSE aliases.user_key END AS key
  FROM members
  INNER JOIN aliases ON members.key = aliases.user_key OR members.key = aliases.previous_key
)
SELECT key FROM members;

CREATE OR REPLACE TABLE live.scope.member_devices AS
SELECT anonymous_key AS key FROM warehouse.raw.links
WHERE anonymous_key IS NOT NULL
  AND (user_key IN (FROM live.scope.members) OR group_key IN (FROM live.scope.group_keys))
UNION
SELECT previous_key FROM warehouse.raw.links
WHERE previous_key IS NOT NULL AND user_key IN (FROM live.scope.members);

CREATE OR REPLACE TABLE live.raw.links AS
SELECT * FROM warehouse.raw.links
WHERE user_key IN (FROM live.scope.members)
  OR anonymous_key IN (FROM live.scope.member_devices)
  OR previous_key IN (FROM live.scope.member_devices)
  OR group_key IN (FROM live.scope.group_keys)
  -- A device that belongs to no account yet has links all the same.
  OR link_id IN (SELECT link_id FROM live.scope.links);

-- Whose rows of the identity tables are known in full, and so can be replaced.
CREATE OR REPLACE TABLE live.scope.identities AS
WITH devices AS (
  FROM live.scope.member_devices
  UNION
  FROM live.scope.devices
)
SELECT anonymous_id FROM live.raw.links WHERE anonymous_key IN (FROM devices)
UNION
SELECT previous_id FROM live.raw.links WHERE previous_key IN (FROM devices);

CREATE OR REPLACE TABLE live.scope.merged_users AS
SELECT previous_id AS user_id FROM live.raw.links
WHERE previous_key IN (FROM live.scope.members) OR previous_key IN (FROM live.scope.people);
