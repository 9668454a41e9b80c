/* Every message that was known at the clock's instant, exactly as it was received. */
MODEL (
  name staging.messages,
  kind VIEW,
  owner data,
  grain message_id,
  column_descriptions (
    message_id = 'Id of the message, unique for ever',
    type = 'Segment call: track, page, screen, identify, group or alias',
    event = 'Name of the event; page:Name for a page view; $identify, $group or $alias',
    user_id = 'User id as sent, empty while anonymous',
    anonymous_id = 'Device id as sent',
    previous_id = 'Earlier id in an alias call',
    group_id = 'Account id as sent, from the call or its context',
    occurred_at = 'When it happened, UTC',
    received_at = 'When it became known, UTC',
    properties = 'Event properties, JSON text',
    traits = 'User or account traits, JSON text'
  ),
  audits (
    not_null(columns := (message_id, occurred_at, received_at)),
    unique_values(columns := (
      message_id
    ))
  )
);

SELECT
  events.message_id::TEXT AS message_id,
  events.type::TEXT AS type,
  events.event::TEXT AS event,
  events.user_id::TEXT AS user_id,
  events.anonymous_id::TEXT AS anonymous_id,
  events.previous_id::TEXT AS previous_id,
  events.group_id::TEXT AS group_id,
  events.occurred_at::TIMESTAMP AS occurred_at,
  events.received_at::TIMESTAMP AS received_at,
  events.properties::TEXT AS properties,
  events.traits::TEXT AS traits
FROM raw.events AS events
CROSS JOIN raw.clock AS clock
WHERE
  events.received_at <= clock.as_of AND events.occurred_at <= clock.as_of
