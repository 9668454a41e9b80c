WITH earned AS (
  SELECT
    level,
    subject_id,
    FLOOR(
      max_points * 4 * LEAST(value, threshold) / threshold
        * POW(0.5, days_since_last / half_life_days)
    ) / 4 AS points
  FROM {{ ref("signals") }}
  INNER JOIN {{ source("rules", "signal_rules") }} USING (signal)
  CROSS JOIN {{ source("rules", "program_rules") }}
), compounds AS (
  SELECT level, subject_id, ANY_VALUE(points) AS points
  FROM {{ ref("signals") }}
  INNER JOIN {{ source("rules", "compound_rules") }} USING (signal)
  WHERE value >= at_least
  GROUP BY level, subject_id, compound
  HAVING COUNT(*) = ANY_VALUE(conditions)
), totals AS (
  SELECT level, subject_id, SUM(points) AS points
  FROM (FROM earned UNION ALL FROM compounds)
  GROUP BY level, subject_id
), teams AS (
  SELECT account_id, COUNT(DISTINCT user_id) AS engaged
  FROM {{ ref("user_signals") }}
  WHERE value > 0
  GROUP BY account_id
), penalised AS (
  SELECT DISTINCT emails.email_domain
  FROM (
    SELECT email_domain FROM {{ ref("users") }}
    UNION
    SELECT email_domain FROM {{ ref("accounts") }}
  ) AS emails
  INNER JOIN {{ source("rules", "penalised_domains") }} AS listed
    ON ENDS_WITH(emails.email_domain, '.' || listed.domain)
), subjects AS (
  SELECT
    'user' AS level, user_id AS subject_id, email_domain, 0 AS spread, 100 AS highest
  FROM {{ ref("users") }}
  UNION ALL
  SELECT
    'account',
    account_id,
    email_domain,
    CASE
      WHEN engaged > 1
      THEN FLOOR(4 * spread_points * LEAST(engaged - 1, spread_users - 1) / (spread_users - 1)) / 4
      ELSE 0
    END,
    CASE WHEN engaged > 1 THEN 100 ELSE single_user_cap END
  FROM {{ ref("accounts") }}
  LEFT JOIN teams USING (account_id)
  CROSS JOIN {{ source("rules", "program_rules") }}
), summed AS (
  SELECT
    level,
    subject_id,
    COALESCE(points, 0) + spread
      + CASE WHEN penalised.email_domain IS NULL THEN 0 ELSE penalty_points END AS points,
    highest
  FROM subjects
  CROSS JOIN {{ source("rules", "program_rules") }}
  LEFT JOIN totals USING (level, subject_id)
  LEFT JOIN penalised USING (email_domain)
)
SELECT level, subject_id, GREATEST(LEAST(points, highest), 0)::DECIMAL(9, 2) AS score
FROM summed
