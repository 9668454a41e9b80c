WITH seen AS (
  SELECT account_id, NULL AS domain, email_domain FROM {{ ref("users") }}
  UNION ALL
  SELECT group_id, domain, NULL FROM {{ ref("stg_introductions") }} WHERE type = 'group'
  UNION ALL
  SELECT DISTINCT speaker, NULL, NULL FROM {{ ref("half_hours") }} WHERE voice = 3
)
SELECT account_id, COALESCE(MAX(domain), MIN(email_domain)) AS email_domain
FROM seen
GROUP BY account_id
