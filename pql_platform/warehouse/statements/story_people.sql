-- The people of those accounts, the best scored first.
SELECT
  users.user_id,
  users.account_id,
  users.name,
  users.title,
  users.email,
  users.email_domain,
  users.first_seen_at,
  composites.score
FROM staging.users AS users
INNER JOIN scores.composites AS composites
  ON composites.level = 'user' AND composites.subject_id = users.user_id
WHERE composites.program = $program AND users.account_id IN (SELECT UNNEST($accounts))
ORDER BY users.account_id, composites.score DESC, users.name IS NULL, users.user_id;
