/* Every message that was known at the clock's instant, exactly as it was received. */
MODEL (
  name staging.messages,
  kind VIEW,
  owner data,
  grain message_id,
  column_descriptions (
    message_id = 'Id of the message, unique for ever',
    type = 'Segment call, text: track, page, screen, identify, group or alias',
    event = 'Name of the event; page:Name for a page view; $identify, $group or $alias',
    link_id = 'Id of the combination of user, device, earlier and group id that it carries',
    occurred_at = 'When it happened, UTC',
    received_at = 'When it became known, UTC',
    properties = 'Event properties, JSON text',
    traits = 'User or account traits, JSON text'
  ),
  audits (
    not_null(columns := (message_id, link_id, occurred_at, received_at)),
    each_message_once
  )
);

SELECT
  events.message_id::TEXT AS message_id,
  events.type::TEXT AS type,
  events.event::TEXT AS event,
  events.link_id::BIGINT AS link_id,
  events.occurred_at::TIMESTAMP AS occurred_at,
  events.received_at::TIMESTAMP AS received_at,
  events.properties,
  events.traits
FROM raw.events AS events
CROSS JOIN raw.clock AS clock
WHERE
  events.received_at <= clock.as_of AND events.occurred_at <= clock.as_of
