-- Gives every row of one inbox file its fate: stored, duplicate or quarantined.
-- The first delivery of a message id wins for ever; the same id with other content is quarantined.
CREATE OR REPLACE TEMP TABLE fates AS
WITH incoming AS (
  SELECT
    *,
    ROW_NUMBER() OVER (ORDER BY file_row_number) AS position
  FROM read_parquet($inbox_file, file_row_number = TRUE)
), ranked AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY message_id ORDER BY reason IS NOT NULL, position) AS delivery,
    FIRST_VALUE(content_hash) OVER (
      PARTITION BY message_id ORDER BY reason IS NOT NULL, position
    ) AS first_hash
  FROM incoming
)
SELECT
  ranked.* EXCLUDE (file_row_number, delivery, first_hash, reason),
  CASE
    WHEN ranked.reason IS NOT NULL THEN 'quarantined'
    WHEN known.message_id IS NULL AND ranked.delivery = 1 THEN 'stored'
    WHEN ranked.content_hash = COALESCE(known.content_hash, ranked.first_hash) THEN 'duplicate'
    ELSE 'quarantined'
  END AS fate,
  COALESCE(ranked.reason, 'conflicting_duplicate: the message id is known with other content')
    AS reason
FROM ranked
LEFT JOIN raw.events AS known
  ON ranked.reason IS NULL AND ranked.message_id = known.message_id;
