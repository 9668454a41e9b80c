-- For a question about the past of scope_accounts: whoever ever gave an e-mail address of theirs.
CREATE TEMP TABLE scope_people ON COMMIT DROP AS
SELECT DISTINCT links.user_id AS id
FROM raw.events AS events
INNER JOIN raw.links AS links
  ON events.link_id = links.link_id
WHERE events.type = 'identify'
  AND NOT links.user_id IS NULL
  AND LOWER(SUBSTRING(
    JSON_EXTRACT_PATH_TEXT(events.traits, 'email')
    FROM POSITION('@' IN JSON_EXTRACT_PATH_TEXT(events.traits, 'email')) + 1
  )) IN (SELECT account_id FROM scope_accounts);

CREATE TEMP TABLE scope_devices (id TEXT) ON COMMIT DROP;

CREATE TEMP TABLE scope_links (link_id BIGINT) ON COMMIT DROP;
