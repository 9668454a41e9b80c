SELECT
  COALESCE(user_id, anonymous_id, group_id) AS speaker,
  CASE WHEN NOT user_id IS NULL THEN 1 WHEN NOT anonymous_id IS NULL THEN 2 ELSE 3 END AS voice,
  EPOCH_MS(occurred_at) // 1800000 AS half_hour,
  MAX(group_id) AS group_id,
  MIN(occurred_at) AS first_at,
  MAX(occurred_at) AS last_at,
  BOOL_OR(is_core) AS is_meaningful,
  COUNT(*) FILTER (signal = 'boards_created') AS boards_created,
  COUNT(*) FILTER (signal = 'integrations') AS integrations,
  COUNT(*) FILTER (signal = 'limits') AS limits,
  COUNT(*) FILTER (signal = 'invites') AS invites
FROM {{ ref("stg_events") }}
LEFT JOIN {{ source("rules", "event_rules") }} USING (event)
GROUP BY speaker, voice, half_hour
