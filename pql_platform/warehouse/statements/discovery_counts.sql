-- How often each account did each behaviour, by window, one row per account and behaviour. Windows
-- end at the index date; $hours_ms before it for what is crowded into the last hours.
SELECT
  occurrences.account,
  occurrences.behaviour,
  LEAST(COUNT(*) FILTER (in_time AND since_signup_ms < 3 * $day_ms::BIGINT), 255)::UTINYINT
    AS first_3_days,
  LEAST(COUNT(*) FILTER (in_time AND since_signup_ms < 7 * $day_ms::BIGINT), 255)::UTINYINT
    AS first_7_days,
  LEAST(COUNT(*) FILTER (in_time AND since_signup_ms < 14 * $day_ms::BIGINT), 255)::UTINYINT
    AS first_14_days,
  LEAST(COUNT(*) FILTER (in_time AND before_index_ms <= 7 * $day_ms::BIGINT), 255)::UTINYINT
    AS before_7_days,
  LEAST(COUNT(*) FILTER (in_time AND before_index_ms <= 14 * $day_ms::BIGINT), 255)::UTINYINT
    AS before_14_days,
  LEAST(COUNT(*) FILTER (in_time AND before_index_ms <= 30 * $day_ms::BIGINT), 255)::UTINYINT
    AS before_30_days,
  LEAST(COUNT(*), 255)::UTINYINT AS ever
FROM (
  SELECT
    discovery_occurrences.*,
    before_index_ms > CASE WHEN asked.crowded THEN $hours_ms ELSE 0 END AS in_time
  FROM discovery_occurrences
  INNER JOIN asked
    ON discovery_occurrences.behaviour = asked.behaviour
) AS occurrences
GROUP BY occurrences.account, occurrences.behaviour;
