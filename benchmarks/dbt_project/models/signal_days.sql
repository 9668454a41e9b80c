WITH counted AS (
  SELECT
    account_id,
    user_id,
    first_at::DATE AS day,
    NULLIF(boards_created, 0) AS boards_created,
    NULLIF(integrations, 0) AS integrations,
    NULLIF(limits, 0) AS limits,
    NULLIF(invites, 0) AS invites
  FROM {{ ref("owned_half_hours") }}
), occurrences AS (
  UNPIVOT counted
  ON boards_created, integrations, limits, invites
  INTO NAME signal VALUE occurrences
  UNION ALL BY NAME
  SELECT account_id, user_id, 'sessions' AS signal, day, 1 AS occurrences
  FROM {{ ref("sessions") }}
)
SELECT account_id, user_id, signal, day, SUM(occurrences) AS occurrences
FROM occurrences
GROUP BY account_id, user_id, signal, day
