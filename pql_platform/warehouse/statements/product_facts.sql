-- What is known of the accounts, as far as a program can use it.
SELECT
  COUNT(*) AS accounts,
  SUM(users)::BIGINT AS users,
  COUNT(employees) AS employees_known,
  COUNT(country) AS country_known,
  COUNT(plan) AS plan_known,
  LIST(DISTINCT LOWER(plan)) AS plans
FROM staging.accounts;
