/* One row per combination of ids: the person behind it, devices and merged users resolved. */
MODEL (
  name staging.people,
  kind VIEW,
  owner data,
  grain link_id,
  column_descriptions (
    link_id = 'Id of the combination',
    user_id = 'Id: the person; empty for a device that never identified itself, and for no one at all',
    group_id = 'Account id as sent',
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

SELECT
  links.link_id::BIGINT AS link_id,
  COALESCE(merged_users.merged_into, links.user_id, identities.user_id)::TEXT AS user_id,
  links.group_id::TEXT AS group_id,
  links.first_at::TIMESTAMP AS first_at,
  links.last_at::TIMESTAMP AS last_at
FROM staging.links AS links
LEFT JOIN staging.merged_users AS merged_users
  ON links.user_id = merged_users.user_id
LEFT JOIN staging.identities AS identities
  ON CASE WHEN links.user_id IS NULL THEN links.anonymous_id END = identities.anonymous_id
