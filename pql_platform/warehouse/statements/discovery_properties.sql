-- Which values the events of a sample of accounts carry at the top level of their properties, if
-- a property has few of them. Names with other signs than a program file can write are passed over.
WITH seen AS (
  SELECT links.account, events.event, events.properties
  FROM raw.events AS events
  INNER JOIN discovery_links AS links
    ON events.link_id = links.link_id
  WHERE links.sampled
    AND events.type IN ('track', 'page', 'screen')
    AND events.received_at <= $as_of
    AND events.occurred_at <= $as_of
    AND (
      EPOCH_MS(events.occurred_at) - links.signed_up_ms < $early_ms
      OR ABS(links.index_ms - EPOCH_MS(events.occurred_at)) <= $around_ms
    )
), carried AS (
  SELECT account, event, UNNEST(JSON_KEYS(properties)) AS property, properties
  FROM seen
), valued AS (
  SELECT
    account,
    event,
    property,
    JSON_EXTRACT(properties, '$."' || property || '"') AS value
  FROM carried
  WHERE REGEXP_FULL_MATCH(property, '[A-Za-z0-9_$]([A-Za-z0-9_$ -]*[A-Za-z0-9_$-])?')
), counted AS (
  SELECT
    event,
    property,
    value ->> '$' AS value,
    COUNT(DISTINCT account) AS accounts,
    COUNT(*) AS occurrences
  FROM valued
  WHERE JSON_TYPE(value) IN ('VARCHAR', 'BOOLEAN', 'UBIGINT', 'BIGINT', 'DOUBLE')
  GROUP BY ALL
), totals AS (
  SELECT event, COUNT(*) AS occurrences FROM seen GROUP BY event
)
SELECT
  counted.event,
  counted.property,
  counted.value,
  counted.accounts,
  counted.occurrences,
  totals.occurrences AS of_event
FROM counted
INNER JOIN totals
  ON counted.event = totals.event
WHERE LENGTH(counted.value) BETWEEN 1 AND $longest
QUALIFY COUNT(*) OVER (PARTITION BY counted.event, counted.property) <= $most_values
ORDER BY counted.event, counted.property, counted.accounts DESC, counted.value;
