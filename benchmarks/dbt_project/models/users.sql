WITH seen AS (
  SELECT user_id, group_id, email_domain FROM {{ ref("stg_introductions") }} WHERE type = 'identify'
  UNION ALL
  SELECT speaker, group_id, NULL FROM {{ ref("half_hours") }} WHERE voice = 1
)
SELECT
  user_id,
  COALESCE(
    MAX(group_id),
    MAX(email_domain) FILTER (
      email_domain NOT IN (FROM {{ source("rules", "personal_domains") }})
    ),
    'user:' || user_id
  ) AS account_id,
  MAX(email_domain) AS email_domain
FROM seen
GROUP BY user_id
