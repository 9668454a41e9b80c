-- The same for events with one value of a property, where it can matter: in the first days, and
-- around the index date.
INSERT INTO discovery_occurrences
WITH paths AS (
  SELECT DISTINCT event, property, '$."' || property || '"' AS path
  FROM asked
  WHERE property IS NOT NULL
), carried AS (
  SELECT
    links.account,
    paths.event,
    paths.property,
    JSON_EXTRACT_STRING(events.properties, paths.path) AS value,
    EPOCH_MS(events.occurred_at) - links.signed_up_ms AS since_signup_ms,
    links.index_ms - EPOCH_MS(events.occurred_at) AS before_index_ms
  FROM raw.events AS events
  INNER JOIN discovery_links AS links
    ON events.link_id = links.link_id
  INNER JOIN paths
    ON events.event = paths.event
  WHERE events.type IN ('track', 'page', 'screen')
    AND events.received_at <= $as_of
    AND events.occurred_at <= $as_of
    AND (
      EPOCH_MS(events.occurred_at) - links.signed_up_ms < $early_ms
      OR ABS(links.index_ms - EPOCH_MS(events.occurred_at)) <= $around_ms
    )
)
SELECT carried.account, asked.behaviour, carried.since_signup_ms, carried.before_index_ms
FROM carried
INNER JOIN asked
  ON carried.event = asked.event
  AND carried.property = asked.property
  AND carried.value = asked.value;
