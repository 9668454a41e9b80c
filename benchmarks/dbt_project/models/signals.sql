WITH ranked AS (
  SELECT
    *,
    ROUND(LEAST(value, threshold) / threshold * POW(0.5, days_since_last / half_life_days), 9)
      AS strength
  FROM {{ ref("user_signals") }}
  INNER JOIN {{ source("rules", "signal_rules") }} USING (signal)
  CROSS JOIN {{ source("rules", "program_rules") }}
)
SELECT 'user' AS level, user_id AS subject_id, signal, value, days_since_last
FROM ranked
WHERE NOT user_id IS NULL
UNION ALL
SELECT
  'account',
  account_id,
  signal,
  CASE
    WHEN counts_team THEN SUM(value)
    ELSE ARG_MAX(value, ROW(strength, value, -days_since_last))
  END,
  CASE
    WHEN counts_team THEN MIN(days_since_last)
    ELSE ARG_MAX(days_since_last, ROW(strength, value, -days_since_last))
  END
FROM ranked
GROUP BY account_id, signal, counts_team
