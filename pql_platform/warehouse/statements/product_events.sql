-- How often each product event happened and to how many accounts, up to the clock.
SELECT
  event,
  SUM(times)::BIGINT AS occurrences,
  COUNT(*) AS accounts,
  COUNT(*) FILTER (times = 1) AS accounts_once
FROM (
  SELECT event, account_id, COUNT(*) AS times
  FROM staging.events
  GROUP BY event, account_id
) AS by_account
GROUP BY event
ORDER BY accounts DESC, event;
