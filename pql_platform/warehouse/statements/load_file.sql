-- Gives every row of one inbox file its fate: stored, duplicate or quarantined.
-- The first delivery of a message id wins for ever; the same id with other content is quarantined.
CREATE OR REPLACE TEMP TABLE fates AS
WITH incoming AS (
  SELECT
    *,
    -- Only good records have an identity: a condition beside the key would make the joins nested
    -- loops (measured: minutes instead of a second for 250,000 rows).
    CASE WHEN reason IS NULL THEN message_id END AS identity,
    ROW_NUMBER() OVER (ORDER BY file_row_number) AS position
  FROM read_parquet($inbox_file, file_row_number = TRUE)
), first_deliveries AS (
  SELECT
    identity,
    MIN(position) AS position,
    ARG_MIN(content_hash, position) AS content_hash
  FROM incoming
  WHERE identity IS NOT NULL
  GROUP BY identity
)
SELECT
  incoming.* EXCLUDE (file_row_number, identity, reason),
  CASE
    WHEN incoming.reason IS NOT NULL THEN 'quarantined'
    WHEN known.message_id IS NULL AND incoming.position = first_deliveries.position THEN 'stored'
    WHEN incoming.content_hash = COALESCE(known.content_hash, first_deliveries.content_hash)
      THEN 'duplicate'
    ELSE 'quarantined'
  END AS fate,
  COALESCE(incoming.reason, 'conflicting_duplicate: the message id is known with other content')
    AS reason
FROM incoming
LEFT JOIN first_deliveries
  ON incoming.identity = first_deliveries.identity
LEFT JOIN raw.events AS known
  ON incoming.identity = known.message_id;
