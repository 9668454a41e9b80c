-- The accounts that messages loaded, or come due, since the last rescoring can change: every
-- account, before and after, of every person whom they touch.
CREATE TEMP TABLE scope_fresh ON COMMIT DROP AS
SELECT link_id FROM raw.events WHERE load_id > %(since_load)s
UNION
SELECT link_id FROM ops.pending WHERE due_at <= %(as_of)s;

CREATE TEMP TABLE scope_devices ON COMMIT DROP AS
SELECT anonymous_id AS id FROM raw.links
WHERE link_id IN (SELECT link_id FROM scope_fresh) AND NOT anonymous_id IS NULL
UNION
SELECT previous_id FROM raw.links
WHERE link_id IN (SELECT link_id FROM scope_fresh) AND NOT previous_id IS NULL;

-- Aliases are followed in both directions to their ends.
CREATE TEMP TABLE scope_people ON COMMIT DROP AS
WITH RECURSIVE people AS (
  (
    SELECT user_id AS id FROM raw.links
    WHERE link_id IN (SELECT link_id FROM scope_fresh) AND NOT user_id IS NULL
    UNION
    SELECT user_id FROM raw.links
    WHERE anonymous_id IN (SELECT id FROM scope_devices) AND NOT user_id IS NULL
    UNION
    SELECT user_id FROM raw.links
    WHERE previous_id IN (SELECT id FROM scope_devices) AND NOT user_id IS NULL
    UNION
    SELECT id FROM scope_devices
  )
  UNION
  SELECT alias.id
  FROM people
  CROSS JOIN LATERAL (
    SELECT previous_id AS id FROM raw.links
    WHERE user_id = people.id AND NOT previous_id IS NULL
    UNION ALL
    SELECT user_id FROM raw.links
    WHERE previous_id = people.id AND NOT user_id IS NULL
  ) AS alias
)
SELECT id FROM people;

INSERT INTO scope_devices
SELECT anonymous_id FROM raw.links
WHERE user_id IN (SELECT id FROM scope_people) AND NOT anonymous_id IS NULL
UNION
SELECT previous_id FROM raw.links
WHERE user_id IN (SELECT id FROM scope_people) AND NOT previous_id IS NULL;

CREATE TEMP TABLE scope_links ON COMMIT DROP AS
SELECT link_id FROM raw.links WHERE user_id IN (SELECT id FROM scope_people)
UNION
SELECT link_id FROM raw.links WHERE anonymous_id IN (SELECT id FROM scope_devices)
UNION
SELECT link_id FROM raw.links WHERE previous_id IN (SELECT id FROM scope_devices)
UNION
SELECT link_id FROM scope_fresh;

CREATE TEMP TABLE scope_accounts ON COMMIT DROP AS
WITH links AS (
  SELECT link_id, user_id, group_id FROM raw.links
  WHERE link_id IN (SELECT link_id FROM scope_links)
), emails AS (
  SELECT JSON_EXTRACT_PATH_TEXT(traits, 'email') AS email FROM raw.events
  WHERE type = 'identify' AND link_id IN (SELECT link_id FROM links)
)
SELECT group_id AS account_id FROM links WHERE NOT group_id IS NULL
UNION
SELECT 'user:' || user_id FROM links WHERE NOT user_id IS NULL
UNION
SELECT account_id FROM staging.users WHERE user_id IN (SELECT user_id FROM links)
UNION
SELECT LOWER(SUBSTRING(email FROM POSITION('@' IN email) + 1)) FROM emails
WHERE POSITION('@' IN email) > 0;
