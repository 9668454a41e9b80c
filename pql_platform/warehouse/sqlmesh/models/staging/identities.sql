/* One row per anonymous id that ever identified itself: the first user it was linked to. */
MODEL (
  name staging.identities,
  kind FULL,
  owner data,
  grain anonymous_id,
  column_descriptions (
    anonymous_id = 'Device id, or the earlier id of an alias call',
    user_id = 'Id: user to whom its anonymous events belong, merged users resolved',
    first_linked_at = 'First message that carried both, UTC'
  ),
  audits (
    not_null(columns := (anonymous_id, user_id)),
    unique_values(columns := (
      anonymous_id
    ))
  )
);

WITH pairs AS (
  SELECT
    anonymous_id,
    user_id,
    first_at
  FROM staging.links
  WHERE
    NOT anonymous_id IS NULL AND NOT user_id IS NULL
  UNION ALL
  SELECT
    previous_id AS anonymous_id,
    user_id,
    first_at
  FROM staging.links
  WHERE
    NOT previous_id IS NULL AND NOT user_id IS NULL AND previous_id <> user_id
), ranked AS (
  SELECT
    anonymous_id,
    user_id,
    first_at,
    ROW_NUMBER() OVER (PARTITION BY anonymous_id ORDER BY first_at, user_id) AS position
  FROM pairs
)
SELECT
  ranked.anonymous_id::TEXT AS anonymous_id,
  COALESCE(merged_users.merged_into, ranked.user_id)::TEXT AS user_id,
  ranked.first_at::TIMESTAMP AS first_linked_at
FROM ranked
LEFT JOIN staging.merged_users AS merged_users
  ON ranked.user_id = merged_users.user_id
WHERE
  ranked.position = 1
