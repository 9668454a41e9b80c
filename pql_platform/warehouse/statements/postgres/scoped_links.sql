-- Every combination of ids that can matter to scope_accounts: those of the accounts themselves, of
-- all their members, and of all the members' devices; then the messages that carry them.

-- Whoever shows any sign of belonging to an account counts as a member here: of somebody who has
-- moved on, everything must be seen, or the sign alone would make a member of them again.
CREATE TEMP TABLE scope_members ON COMMIT DROP AS
WITH RECURSIVE group_devices AS (
  SELECT DISTINCT anonymous_id AS id FROM raw.links
  WHERE group_id IN (SELECT account_id FROM scope_accounts)
    AND user_id IS NULL AND NOT anonymous_id IS NULL
), members AS (
  (
    SELECT id FROM scope_people
    UNION
    SELECT user_id FROM staging.users
    WHERE account_id IN (SELECT account_id FROM scope_accounts)
    UNION
    SELECT user_id FROM raw.links
    WHERE group_id IN (SELECT account_id FROM scope_accounts) AND NOT user_id IS NULL
    UNION
    SELECT user_id FROM raw.links
    WHERE anonymous_id IN (SELECT id FROM group_devices) AND NOT user_id IS NULL
    UNION
    SELECT user_id FROM raw.links
    WHERE previous_id IN (SELECT id FROM group_devices) AND NOT user_id IS NULL
    UNION
    SELECT SUBSTRING(account_id FROM 6) FROM scope_accounts
    WHERE STARTS_WITH(account_id, 'user:')
  )
  UNION
  SELECT alias.id
  FROM members
  CROSS JOIN LATERAL (
    SELECT previous_id AS id FROM raw.links
    WHERE user_id = members.id AND NOT previous_id IS NULL
    UNION ALL
    SELECT user_id FROM raw.links
    WHERE previous_id = members.id AND NOT user_id IS NULL
  ) AS alias
)
SELECT id FROM members;

CREATE TEMP TABLE scope_member_devices ON COMMIT DROP AS
SELECT anonymous_id AS id FROM raw.links
WHERE user_id IN (SELECT id FROM scope_members) AND NOT anonymous_id IS NULL
UNION
SELECT anonymous_id FROM raw.links
WHERE group_id IN (SELECT account_id FROM scope_accounts) AND NOT anonymous_id IS NULL
UNION
SELECT previous_id FROM raw.links
WHERE user_id IN (SELECT id FROM scope_members) AND NOT previous_id IS NULL;

CREATE TEMP TABLE "raw.links" ON COMMIT DROP AS
SELECT * FROM raw.links
WHERE link_id IN (
  SELECT link_id FROM raw.links WHERE user_id IN (SELECT id FROM scope_members)
  UNION
  SELECT link_id FROM raw.links WHERE anonymous_id IN (SELECT id FROM scope_member_devices)
  UNION
  SELECT link_id FROM raw.links WHERE previous_id IN (SELECT id FROM scope_member_devices)
  UNION
  SELECT link_id FROM raw.links WHERE group_id IN (SELECT account_id FROM scope_accounts)
  UNION
  -- A device that belongs to no account yet has links all the same.
  SELECT link_id FROM scope_links
);

-- Whose rows of the identity tables are known in full, and so can be replaced.
CREATE TEMP TABLE scope_identities ON COMMIT DROP AS
WITH devices AS (
  SELECT id FROM scope_member_devices
  UNION
  SELECT id FROM scope_devices
)
SELECT anonymous_id FROM "raw.links" WHERE anonymous_id IN (SELECT id FROM devices)
UNION
SELECT previous_id FROM "raw.links" WHERE previous_id IN (SELECT id FROM devices);

CREATE TEMP TABLE scope_merged_users ON COMMIT DROP AS
SELECT DISTINCT previous_id AS user_id FROM "raw.links"
WHERE previous_id IN (SELECT id FROM scope_members)
  OR previous_id IN (SELECT id FROM scope_people);

CREATE TEMP TABLE "raw.events" ON COMMIT DROP AS
SELECT * FROM raw.events WHERE link_id IN (SELECT link_id FROM "raw.links");

ANALYZE "raw.links";
ANALYZE "raw.events";
