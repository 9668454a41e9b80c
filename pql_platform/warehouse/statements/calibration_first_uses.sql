-- Per signal: how many accounts ever showed it, how many of them bought, and how many of these showed
-- it for the first time only when they were about to buy or had bought.
WITH firsts AS (
  SELECT
    signal,
    account_id,
    MIN(first_at) AS first_at
  FROM live.features.signal_days
  WHERE program = $program
  GROUP BY signal, account_id
), purchases AS (
  SELECT
    account_id,
    MIN(occurred_at) AS converted_at
  FROM live.staging.events
  WHERE event = $event
  GROUP BY account_id
)
SELECT
  firsts.signal,
  COUNT(*) AS accounts,
  COUNT(purchases.account_id) AS converters,
  COUNT(*) FILTER (
    firsts.first_at >= purchases.converted_at - $hours_before * INTERVAL 1 HOUR
  ) AS with_the_purchase
FROM firsts
LEFT JOIN purchases USING (account_id)
GROUP BY firsts.signal
ORDER BY firsts.signal;
