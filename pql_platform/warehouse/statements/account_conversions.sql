-- When each account of a program first converted, as far as that is known.
SELECT
  account_id,
  converted_at
FROM features.subjects
WHERE program = $program
  AND level = 'account'
  AND converted_at IS NOT NULL
ORDER BY account_id;
