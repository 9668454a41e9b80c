/* One row per product event that belongs to an account: what happened, and who did it. */
MODEL (
  name staging.events,
  kind VIEW,
  owner data,
  grain message_id,
  column_descriptions (
    message_id = 'Id of the message',
    account_id = 'Id: the account at the time: the group of the event, else the account of its user',
    user_id = 'Id: the person, anonymous events stitched; empty for an event of the account alone',
    event = 'Name of the event; page:Name for a page view',
    occurred_at = 'When it happened, UTC',
    day = 'Day on which it happened, UTC',
    properties = 'Event properties, JSON text'
  ),
  audits (
    not_null(columns := (message_id, account_id, event, occurred_at))
  )
);

SELECT
  messages.message_id::TEXT AS message_id,
  owners.account_id::TEXT AS account_id,
  owners.user_id::TEXT AS user_id,
  messages.event::TEXT AS event,
  messages.occurred_at::TIMESTAMP AS occurred_at,
  messages.occurred_at::DATE AS day,
  messages.properties
FROM staging.messages AS messages
INNER JOIN staging.owners AS owners
  ON messages.link_id = owners.link_id
WHERE
  messages.type IN ('track', 'page', 'screen')
