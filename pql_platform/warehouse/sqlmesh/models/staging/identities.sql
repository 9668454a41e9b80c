/* One row per anonymous id that ever identified itself: the first user it was linked to. */
MODEL (
  name staging.identities,
  kind FULL,
  owner data,
  grain anonymous_id,
  column_descriptions (
    anonymous_id = 'Device id, or the earlier id of an alias call',
    user_id = 'User to whom its anonymous events belong',
    first_linked_at = 'First message that carried both, UTC'
  ),
  audits (
    not_null(columns := (anonymous_id, user_id)),
    unique_values(columns := (
      anonymous_id
    ))
  )
);

WITH links AS (
  SELECT
    anonymous_id,
    user_id,
    MIN(occurred_at) AS first_linked_at
  FROM staging.messages
  WHERE
    NOT anonymous_id IS NULL AND NOT user_id IS NULL
  GROUP BY
    anonymous_id,
    user_id
  UNION ALL
  SELECT
    previous_id AS anonymous_id,
    user_id,
    MIN(occurred_at) AS first_linked_at
  FROM staging.messages
  WHERE
    NOT previous_id IS NULL AND NOT user_id IS NULL AND previous_id <> user_id
  GROUP BY
    previous_id,
    user_id
), ranked_links AS (
  SELECT
    anonymous_id,
    user_id,
    first_linked_at,
    ROW_NUMBER() OVER (PARTITION BY anonymous_id ORDER BY first_linked_at, user_id) AS position
  FROM links
)
SELECT
  anonymous_id::TEXT AS anonymous_id,
  user_id::TEXT AS user_id,
  first_linked_at::TIMESTAMP AS first_linked_at
FROM ranked_links
WHERE
  position = 1
