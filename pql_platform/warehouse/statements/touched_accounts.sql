-- The accounts that messages loaded, or come due, since the last rescoring can change: every
-- account, before and after, of every person whom they touch.
CREATE OR REPLACE TABLE live.scope.fresh AS
SELECT link_id FROM warehouse.raw.events WHERE load_id > $since_load
UNION
SELECT pending.link_id
FROM warehouse.ops.pending AS pending
WHERE pending.due_at <= $as_of;

CREATE OR REPLACE TABLE live.scope.devices AS
WITH fresh AS (
  SELECT links.* FROM warehouse.raw.links AS links SEMI JOIN live.scope.fresh USING (link_id)
)
SELECT anonymous_key AS key FROM fresh WHERE anonymous_key IS NOT NULL
UNION
SELECT previous_key FROM fresh WHERE previous_key IS NOT NULL;

-- Aliases are few: followed in both directions to their ends.
CREATE OR REPLACE TABLE live.scope.people AS
WITH RECURSIVE aliases AS (
  SELECT previous_key, user_key FROM warehouse.raw.links
  WHERE previous_key IS NOT NULL AND user_key IS NOT NULL
), first_people AS (
  SELECT user_key AS key FROM warehouse.raw.links
  WHERE user_key IS NOT NULL AND link_id IN (FROM live.scope.fresh)
  UNION
  SELECT user_key FROM warehouse.raw.links
  WHERE user_key IS NOT NULL
    AND (anonymous_key IN (FROM live.scope.devices) OR previous_key IN (FROM live.scope.devices))
  UNION
  FROM live.scope.devices
), people AS (
  FROM first_people
  UNION
  SELECT CASE WHEN aliases.user_key = people.key THEN aliases.previous_key
    ELSE aliases.user_key END AS key
  FROM people
  INNER JOIN aliases ON people.key = aliases.user_key OR people.key = aliases.previous_key
)
SELECT key FROM people;

INSERT INTO live.scope.devices
SELECT anonymous_key FROM warehouse.raw.links
WHERE anonymous_key IS NOT NULL AND user_key IN (FROM live.scope.people)
UNION
SELECT previous_key FROM warehouse.raw.links
WHERE previous_key IS NOT NULL AND user_key IN (FROM live.scope.people);

CREATE OR REPLACE TABLE live.scope.links AS
SELECT link_id, cluster, user_id, group_id FROM warehouse.raw.links
WHERE user_key IN (FROM live.scope.people)
  OR anonymous_key IN (FROM live.scope.devices)
  OR previous_key IN (FROM live.scope.devices)
  OR link_id IN (FROM live.scope.fresh);

CREATE OR REPLACE TABLE live.scope.accounts AS
WITH people AS (
  SELECT DISTINCT user_id FROM live.scope.links WHERE user_id IS NOT NULL
)
SELECT group_id AS account_id FROM live.scope.links WHERE group_id IS NOT NULL
UNION
SELECT 'user:' || user_id FROM people
UNION
SELECT account_id FROM warehouse.staging.users WHERE user_id IN (FROM people)
UNION
SELECT email_domain FROM warehouse.raw.email_domains
WHERE link_id IN (SELECT link_id FROM live.scope.links);
