/* One row per user id that an alias call merged into another: the id that stands for both. */
MODEL (
  name staging.merged_users,
  kind FULL,
  owner data,
  grain user_id,
  column_descriptions (
    user_id = 'The earlier user id',
    merged_into = 'The user id that stands for it, at the end of a chain of at most eight aliases'
  ),
  audits (
    not_null(columns := (user_id, merged_into)),
    unique_values(columns := (
      user_id
    ))
  )
);

WITH aliases AS (
  SELECT
    previous_id,
    user_id,
    MIN(first_at) AS first_at
  FROM staging.links
  WHERE
    NOT previous_id IS NULL AND NOT user_id IS NULL AND previous_id <> user_id
  GROUP BY
    previous_id,
    user_id
), ranked AS (
  SELECT
    previous_id,
    user_id,
    ROW_NUMBER() OVER (PARTITION BY previous_id ORDER BY first_at, user_id) AS position
  FROM aliases
), one_step AS (
  SELECT
    previous_id AS user_id,
    user_id AS merged_into
  FROM ranked
  WHERE
    position = 1
), two_steps AS (
  SELECT
    near.user_id,
    COALESCE(far.merged_into, near.merged_into) AS merged_into
  FROM one_step AS near
  LEFT JOIN one_step AS far
    ON near.merged_into = far.user_id
), four_steps AS (
  SELECT
    near.user_id,
    COALESCE(far.merged_into, near.merged_into) AS merged_into
  FROM two_steps AS near
  LEFT JOIN two_steps AS far
    ON near.merged_into = far.user_id
), eight_steps AS (
  SELECT
    near.user_id,
    COALESCE(far.merged_into, near.merged_into) AS merged_into
  FROM four_steps AS near
  LEFT JOIN four_steps AS far
    ON near.merged_into = far.user_id
)
SELECT
  eight_steps.user_id::TEXT AS user_id,
  eight_steps.merged_into::TEXT AS merged_into
FROM eight_steps
LEFT JOIN one_step AS further
  ON eight_steps.merged_into = further.user_id
/* Who can still be followed further stands in a ring of aliases, which merges nobody. */
WHERE
  further.user_id IS NULL
