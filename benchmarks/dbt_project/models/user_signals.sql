WITH days AS (
  SELECT *, '{{ var("as_of") }}'::DATE - day AS days_ago FROM {{ ref("signal_days") }}
)
SELECT
  account_id,
  user_id,
  signal,
  SUM(CASE WHEN days_ago < window_days THEN occurrences ELSE 0 END)::DOUBLE AS value,
  MIN(days_ago) AS days_since_last
FROM days
INNER JOIN {{ source("rules", "signal_rules") }} USING (signal)
GROUP BY account_id, user_id, signal
