/* One row per combination of ids that messages carry: who may be whom, and since when. Everything about identity follows from these rows, which are few where messages are many. */
MODEL (
  name staging.links,
  kind FULL,
  owner data,
  grain link_id,
  column_descriptions (
    link_id = 'Id of the combination',
    user_id = 'User id as sent, empty while anonymous',
    anonymous_id = 'Device id as sent',
    previous_id = 'Earlier id in an alias call',
    group_id = 'Account id as sent, from the call or its context',
    first_at = 'First message that carries the combination, UTC',
    last_at = 'Latest message that carries the combination, UTC'
  ),
  audits (
    not_null(columns := (link_id, first_at, last_at)),
    unique_values(columns := (
      link_id
    ))
  )
);

WITH seen AS (
  SELECT
    link_id,
    MIN(occurred_at) AS first_at,
    MAX(occurred_at) AS last_at
  FROM staging.messages
  GROUP BY
    link_id
)
SELECT
  seen.link_id::BIGINT AS link_id,
  links.user_id::TEXT AS user_id,
  links.anonymous_id::TEXT AS anonymous_id,
  links.previous_id::TEXT AS previous_id,
  links.group_id::TEXT AS group_id,
  seen.first_at::TIMESTAMP AS first_at,
  seen.last_at::TIMESTAMP AS last_at
FROM seen
INNER JOIN raw.links AS links
  ON seen.link_id = links.link_id
