SELECT
  type,
  user_id,
  anonymous_id AS device,
  group_id,
  NULLIF(SPLIT_PART(LOWER(JSON_EXTRACT_STRING(traits, '$.email')), '@', 2), '') AS email_domain,
  LOWER(JSON_EXTRACT_STRING(traits, '$.domain')) AS domain
FROM {{ source("inbox", "messages") }}
WHERE
  type IN ('identify', 'group')
  AND received_at <= '{{ var("as_of") }}'::TIMESTAMP
  AND occurred_at <= '{{ var("as_of") }}'::TIMESTAMP
