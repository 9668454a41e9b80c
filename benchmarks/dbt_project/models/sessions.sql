WITH marked AS (
  SELECT
    *,
    first_at - MAX(last_at) OVER (
      PARTITION BY user_id ORDER BY first_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) <= INTERVAL 30 MINUTE AS goes_on
  FROM {{ ref("owned_half_hours") }}
  WHERE NOT user_id IS NULL
), numbered AS (
  SELECT
    *,
    SUM(CASE WHEN goes_on THEN 0 ELSE 1 END) OVER (PARTITION BY user_id ORDER BY first_at) AS number
  FROM marked
)
SELECT account_id, user_id, MIN(first_at)::DATE AS day
FROM numbered
GROUP BY account_id, user_id, number
HAVING BOOL_OR(is_meaningful)
