-- When the converted accounts did it, seen from their conversion: one row per behaviour, counts of
-- accounts. The time after is as long as that before, so that mere use looks the same on both sides.
WITH told AS (
  SELECT
    occurrences.account,
    occurrences.behaviour,
    compared.index_ms - compared.signed_up_ms AS age_ms,
    MAX(occurrences.before_index_ms) AS first_ms,
    BOOL_OR(occurrences.before_index_ms BETWEEN 1 AND $hours_ms) AS near,
    BOOL_OR(
      occurrences.before_index_ms <= 0
      AND -occurrences.before_index_ms < GREATEST(
        $least_after_ms, LEAST(compared.index_ms - compared.signed_up_ms, $around_ms)
      )
    ) AS soon_after
  FROM discovery_occurrences AS occurrences
  INNER JOIN compared
    ON occurrences.account = compared.account
  WHERE compared.converted
  GROUP BY ALL
)
SELECT
  behaviour,
  COUNT(*) AS ever,
  COUNT(*) FILTER (first_ms > 0) AS before,
  COUNT(*) FILTER (first_ms <= 0 AND soon_after) AS only_soon_after,
  -- Who bought within hours of the sign-up did everything within hours.
  COUNT(*) FILTER (first_ms > 0 AND age_ms >= 4 * $hours_ms::BIGINT) AS before_hours,
  COUNT(*) FILTER (first_ms BETWEEN 1 AND $hours_ms AND age_ms >= 4 * $hours_ms::BIGINT) AS first_in_hours,
  COUNT(*) FILTER (near AND age_ms >= 4 * $hours_ms::BIGINT) AS in_hours,
  COUNT(*) FILTER (first_ms > 0 AND age_ms >= 4 * $days_ms::BIGINT) AS before_days,
  COUNT(*) FILTER (first_ms BETWEEN 1 AND $days_ms AND age_ms >= 4 * $days_ms::BIGINT) AS first_in_days
FROM told
GROUP BY behaviour
ORDER BY behaviour;
