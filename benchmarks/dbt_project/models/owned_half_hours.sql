WITH devices AS (
  SELECT DISTINCT device, user_id FROM {{ ref("stg_introductions") }} WHERE type = 'identify'
), spoken AS (
  SELECT
    half_hours.* EXCLUDE (group_id),
    CASE voice WHEN 1 THEN speaker WHEN 2 THEN devices.user_id END AS user_id
  FROM {{ ref("half_hours") }} AS half_hours
  -- A condition beside the key would make the join a nested loop.
  LEFT JOIN devices ON CASE voice WHEN 2 THEN speaker END = devices.device
)
SELECT spoken.*, COALESCE(users.account_id, spoken.speaker) AS account_id
FROM spoken
LEFT JOIN {{ ref("users") }} AS users USING (user_id)
WHERE spoken.voice = 3 OR NOT users.user_id IS NULL
