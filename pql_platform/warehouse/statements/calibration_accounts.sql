-- The accounts of one program at the clock's instant, numbered, with what calibration asks of them.
CREATE OR REPLACE TABLE live.scope.calibrated AS
WITH activity AS (
  SELECT
    events.account_id,
    COUNT(DISTINCT events.day) AS active_days
  FROM live.staging.events AS events
  WHERE events.occurred_at >= (SELECT as_of::DATE - INTERVAL 13 DAY FROM live.raw.clock)
  GROUP BY events.account_id
), members AS (
  SELECT
    account_id,
    MIN(user_id) AS member
  FROM live.staging.users
  GROUP BY account_id
)
SELECT
  ROW_NUMBER() OVER (ORDER BY composites.subject_id) - 1 AS position,
  composites.subject_id AS account_id,
  members.member,
  subjects.segment,
  composites.score::DOUBLE AS score,
  composites.negative::DOUBLE AS negative,
  composites.categories_active,
  COALESCE(activity.active_days, 0)::DOUBLE AS active_days,
  subjects.engaged_users,
  subjects.profile,
  subjects.is_paying,
  subjects.excluded_as,
  subjects.unfit_because,
  subjects.aha_reached_at
FROM live.scores.composites AS composites
INNER JOIN live.features.subjects AS subjects USING (program, level, subject_id)
LEFT JOIN activity ON composites.subject_id = activity.account_id
LEFT JOIN members ON composites.subject_id = members.account_id
WHERE composites.program = $program AND composites.level = 'account';
