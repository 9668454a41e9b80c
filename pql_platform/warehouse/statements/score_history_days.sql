-- The score with which each day from $day_from to $day_to ended, UTC, as far as known at $until.
-- A day before the first pass or after the last has none, nor one at whose end nobody had the id.
WITH told AS (
  SELECT level, subject_id, GREATEST(as_of::DATE, $day_from::DATE) AS day, score, as_of
  FROM pql.score_history
  WHERE program = $program
    AND as_of::DATE <= $day_to::DATE
    AND as_of <= $until
    AND ($level::TEXT IS NULL OR level = $level)
    AND ($subject_id::TEXT IS NULL OR subject_id = $subject_id)
), closing AS (
  -- A score that is absent is a closing score too, which ARG_MAX alone would pass over.
  SELECT level, subject_id, day, ARG_MAX_NULL(score, as_of) AS score
  FROM told
  GROUP BY level, subject_id, day
), held AS (
  SELECT
    level,
    subject_id,
    score,
    day,
    LEAD(day) OVER (PARTITION BY level, subject_id ORDER BY day) AS next_day,
    LEAST($day_to::DATE, $until::DATE, (SELECT as_of::DATE FROM pql.history_clock)) AS last_day
  FROM closing
)
SELECT
  level,
  subject_id,
  UNNEST(RANGE(day, LEAST(COALESCE(next_day, last_day + 1), last_day + 1), INTERVAL 1 DAY))::DATE
    AS day,
  score
FROM held
WHERE score IS NOT NULL
ORDER BY level, subject_id, day;
