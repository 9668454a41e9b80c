/* One row per combination of ids: the account and the person to whom its messages belong. */
MODEL (
  name staging.owners,
  kind FULL,
  owner data,
  grain link_id,
  column_descriptions (
    link_id = 'Id of the combination',
    account_id = 'The account: the group that the messages name, else the account of the person',
    user_id = 'Id: the person, anonymous messages stitched; empty for messages of the account alone'
  ),
  audits (
    not_null(columns := (link_id, account_id)),
    unique_values(columns := (
      link_id
    ))
  )
);

SELECT
  people.link_id::BIGINT AS link_id,
  COALESCE(people.group_id, users.account_id)::TEXT AS account_id,
  people.user_id::TEXT AS user_id
FROM staging.people AS people
LEFT JOIN staging.users AS users
  ON people.user_id = users.user_id
WHERE
  NOT COALESCE(people.group_id, users.account_id) IS NULL
