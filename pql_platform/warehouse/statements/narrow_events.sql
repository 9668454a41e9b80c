-- What the models read of live.raw.events, taken once: the ids of messages and, unless a signal asks
-- for them ($with_properties), their properties are the widest columns, and nobody reads them.
CREATE OR REPLACE TABLE live.raw.narrow_events AS
SELECT
  NULL::TEXT AS message_id,
  type,
  event,
  link_id,
  occurred_at,
  received_at,
  CASE WHEN $with_properties THEN properties END AS properties,
  CASE WHEN type IN ('identify', 'group') THEN traits END AS traits
FROM live.raw.events;

DROP VIEW live.raw.events;

ALTER TABLE live.raw.narrow_events RENAME TO events;
