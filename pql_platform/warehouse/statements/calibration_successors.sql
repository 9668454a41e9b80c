-- For accounts that no longer exist at the clock's instant: the one to which a member belongs now.
-- A person who used the product alone has since joined a company, or two users were merged.
WITH asked AS (
  SELECT UNNEST($accounts::TEXT[]) AS account_id, UNNEST($members::TEXT[]) AS member
)
SELECT
  asked.account_id,
  users.account_id AS successor
FROM asked
ANTI JOIN live.staging.accounts AS accounts ON asked.account_id = accounts.account_id
LEFT JOIN live.staging.merged_users AS merged ON asked.member = merged.user_id
INNER JOIN live.staging.users AS users
  ON COALESCE(merged.merged_into, asked.member) = users.user_id;
