-- Who people are now, and of which account, after all merges; a user id of theirs before is found.
WITH asked AS (
  SELECT UNNEST($users::TEXT[]) AS user_id
), now AS (
  SELECT asked.user_id, COALESCE(merged.merged_into, asked.user_id) AS merged_into
  FROM asked
  LEFT JOIN staging.merged_users AS merged ON asked.user_id = merged.user_id
)
SELECT now.user_id, now.merged_into, users.account_id
FROM now
LEFT JOIN staging.users AS users ON now.merged_into = users.user_id;
