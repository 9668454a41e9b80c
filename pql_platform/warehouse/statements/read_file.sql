-- The identity of every row of one inbox file: of the message, of its content, and of its ids.
CREATE OR REPLACE TEMP TABLE incoming AS
SELECT
  file_row_number AS position,
  reason IS NULL AS good,
  -- Only good records have an identity: a condition beside the key would make the joins nested
  -- loops (measured: minutes instead of a second for 250,000 rows).
  CASE WHEN reason IS NULL THEN MD5_NUMBER(message_id) END AS message_key,
  CASE WHEN reason IS NULL THEN MD5_NUMBER_LOWER(content_hash) END AS content_key,
  CASE
    WHEN reason IS NULL
      THEN MD5_NUMBER(CONCAT_WS(
        CHR(31),
        COALESCE('u' || user_id, ''), COALESCE('a' || anonymous_id, ''),
        COALESCE('p' || previous_id, ''), COALESCE('g' || group_id, '')
      ))
  END AS link_key
FROM read_parquet($inbox_file, file_row_number = TRUE);
