-- Puts raw.events in the order of accounts, so that those of a few accounts are read from a few
-- places. Which account is only guessed from the ids: a wrong guess costs time, never a row.
CREATE OR REPLACE TEMP TABLE clusters AS
WITH devices AS (
  SELECT anonymous_id, MIN(user_id) AS user_id FROM raw.links
  WHERE anonymous_id IS NOT NULL AND user_id IS NOT NULL
  GROUP BY anonymous_id
), groups AS (
  SELECT user_id, MAX(group_id) AS group_id FROM raw.links
  WHERE user_id IS NOT NULL AND group_id IS NOT NULL
  GROUP BY user_id
), people AS (
  SELECT links.link_id, links.group_id, links.anonymous_id,
    COALESCE(links.user_id, devices.user_id) AS user_id
  FROM raw.links AS links
  LEFT JOIN devices ON links.anonymous_id = devices.anonymous_id
)
SELECT
  people.link_id,
  DENSE_RANK() OVER (
    ORDER BY COALESCE(people.group_id, groups.group_id, people.user_id, people.anonymous_id, '')
  ) AS cluster
FROM people
LEFT JOIN groups ON people.user_id = groups.user_id;

CREATE OR REPLACE TABLE raw.links AS
SELECT links.* REPLACE (clusters.cluster AS cluster)
FROM raw.links AS links INNER JOIN clusters ON links.link_id = clusters.link_id;

CREATE OR REPLACE TABLE raw.events_in_order AS
SELECT events.* REPLACE (clusters.cluster AS cluster)
FROM raw.events AS events INNER JOIN clusters ON events.link_id = clusters.link_id
ORDER BY clusters.cluster, events.link_id;

DROP TABLE raw.events;
ALTER TABLE raw.events_in_order RENAME TO events;
DELETE FROM ops.clustered;
INSERT INTO ops.clustered SELECT COUNT(*) FROM raw.events;
