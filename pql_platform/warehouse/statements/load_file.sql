-- Gives every row of the file that was read its fate: stored, duplicate or quarantined.
-- The first delivery of a message id wins for ever; the same id with other content is quarantined.
CREATE OR REPLACE TEMP TABLE fates AS
WITH first_deliveries AS (
  SELECT
    message_key,
    MIN(position) AS position,
    ARG_MIN(content_key, position) AS content_key
  FROM incoming
  WHERE message_key IS NOT NULL
  GROUP BY message_key
)
SELECT
  incoming.position,
  incoming.content_key,
  incoming.link_key,
  CASE
    WHEN NOT incoming.good THEN 'quarantined'
    WHEN known.message_key IS NULL AND incoming.position = first_deliveries.position THEN 'stored'
    WHEN incoming.content_key = COALESCE(known.content_key, first_deliveries.content_key)
      THEN 'duplicate'
    ELSE 'quarantined'
  END AS fate
FROM incoming
LEFT JOIN first_deliveries
  ON incoming.message_key = first_deliveries.message_key
LEFT JOIN known_messages AS known
  ON incoming.message_key = known.message_key;
