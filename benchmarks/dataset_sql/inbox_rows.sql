-- The happenings as the rows of one inbox file, in the order of receipt. A copy, of a client that
-- tries again, comes up to ten minutes after the original.
WITH arrivals AS (
  SELECT
    *,
    MAKE_TIMESTAMP_MS(GETVARIABLE('start_ms') + ROUND(1000 * seconds)::BIGINT) AS occurred_at,
    occurred_at + TO_MILLISECONDS(
      ROUND(
        1000 * (delay(number) + CASE WHEN is_copy THEN 600 * chance(number, 'retry') ELSE 0 END)
      )::BIGINT
    ) AS received_at
  FROM happenings
), messages AS (
  SELECT
    *,
    HEX(HASH(number, 1, GETVARIABLE('seed'))) || '-' || HEX(HASH(number, 2, GETVARIABLE('seed')))
      AS message_id
  FROM arrivals
  WHERE received_at >= GETVARIABLE('from_at') AND received_at < GETVARIABLE('until_at')
)
SELECT
  message_id,
  'segment' AS source,
  CASE WHEN event LIKE 'page:%' THEN 'page' ELSE type END AS type,
  event,
  user_id,
  anonymous_id,
  NULL::TEXT AS previous_id,
  group_id,
  occurred_at,
  received_at,
  CASE
    WHEN type IN ('identify', 'group') THEN '{}'
    ELSE ['{"source":"web"}', '{"source":"mobile","version":3}', '{}'][1 + ABS(number) % 3]
  END AS properties,
  traits,
  message_id AS content_hash,
  'benchmark.ndjson' AS file,
  0::BIGINT AS byte_offset,
  NULL::TEXT AS reason,
  NULL::BLOB AS raw,
  NULL::TEXT AS raw_sha256
FROM messages
ORDER BY received_at, message_id
