/* One row per product event that belongs to an account: what happened, who did it, in which visit. */
MODEL (
  name staging.events,
  kind FULL,
  owner data,
  grain message_id,
  column_descriptions (
    message_id = 'Id of the message',
    account_id = 'The account at the time: the group of the event, else the account of its user',
    user_id = 'The person, anonymous events stitched; empty for an event of the account alone',
    event = 'Name of the event; page:Name for a page view',
    occurred_at = 'When it happened, UTC',
    day = 'Day on which it happened, UTC',
    properties = 'Event properties, JSON text',
    session_started_at = 'Start of its visit (30 idle minutes end one), UTC; empty without a user'
  ),
  audits (
    not_null(columns := (message_id, account_id, event, occurred_at)),
    unique_values(columns := (
      message_id
    ))
  )
);

WITH product_events AS (
  SELECT
    messages.message_id,
    COALESCE(messages.group_id, users.account_id) AS account_id,
    users.user_id,
    messages.event,
    messages.occurred_at,
    messages.properties
  FROM staging.messages AS messages
  LEFT JOIN staging.identities AS identities
    ON CASE WHEN messages.user_id IS NULL THEN messages.anonymous_id END = identities.anonymous_id
  LEFT JOIN staging.users AS users
    ON COALESCE(messages.user_id, identities.user_id) = users.user_id
  WHERE
    messages.type IN ('track', 'page', 'screen')
), account_events AS (
  SELECT
    message_id,
    account_id,
    user_id,
    event,
    occurred_at,
    properties,
    CASE
      WHEN occurred_at - LAG(occurred_at) OVER (PARTITION BY account_id, user_id ORDER BY occurred_at, message_id) <= INTERVAL '30' MINUTE
      THEN 0
      ELSE 1
    END AS starts_session
  FROM product_events
  WHERE
    NOT account_id IS NULL
), numbered AS (
  SELECT
    message_id,
    account_id,
    user_id,
    event,
    occurred_at,
    properties,
    SUM(starts_session) OVER (
      PARTITION BY account_id, user_id
      ORDER BY occurred_at, message_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS session_number
  FROM account_events
)
SELECT
  message_id::TEXT AS message_id,
  account_id::TEXT AS account_id,
  user_id::TEXT AS user_id,
  event::TEXT AS event,
  occurred_at::TIMESTAMP AS occurred_at,
  occurred_at::DATE AS day,
  properties::TEXT AS properties,
  CASE
    WHEN NOT user_id IS NULL
    THEN MIN(occurred_at) OVER (PARTITION BY account_id, user_id, session_number)
  END::TIMESTAMP AS session_started_at
FROM numbered
