SELECT DISTINCT message_id, user_id, anonymous_id, group_id, event, occurred_at
FROM {{ source("inbox", "messages") }}
WHERE
  type IN ('track', 'page', 'screen')
  AND received_at <= '{{ var("as_of") }}'::TIMESTAMP
  AND occurred_at <= '{{ var("as_of") }}'::TIMESTAMP
