-- What is known of the accounts that a story is told about.
SELECT
  accounts.account_id,
  accounts.name,
  accounts.employees,
  accounts.industry,
  accounts.plan,
  accounts.country,
  accounts.users,
  accounts.first_seen_at,
  subjects.active_users,
  subjects.segment
FROM staging.accounts AS accounts
INNER JOIN features.subjects AS subjects
  ON subjects.level = 'account' AND subjects.subject_id = accounts.account_id
WHERE subjects.program = $program AND accounts.account_id IN (SELECT UNNEST($accounts));
