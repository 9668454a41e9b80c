/* One row per reason for a score: each signal, compound, deduction and limit with its points. The points of a user or account add up to its score to the last digit. */
MODEL (
  name scores.contributions,
  kind FULL,
  owner product,
  grain (program, level, subject_id, signal),
  column_descriptions (
    program = 'Name of the program',
    level = 'user or account, text',
    subject_id = 'user_id or account_id',
    account_id = 'Id: the account',
    signal = 'Name of the signal, compound or deduction; team_spread; cap, single_user_cap and floor keep the score within its limits',
    category = 'usage_depth, frequency, feature_adoption, viral, compound, spread, negative or limit, text',
    user_id = 'Id: whose value earned the points; empty for those of a team, and where there is no value',
    value = 'Value of the measure in the unit of the measure: count, days, sessions, minutes, persons, ratio; empty where there is none',
    points = 'Points, in quarter points',
    max_points = 'Points at the full threshold; empty where there is no such limit'
  ),
  audits (
    not_null(columns := (program, level, subject_id, account_id, signal, category, points)),
    unique_combination_of_columns(columns := (program, level, subject_id, signal)),
    points_within_their_maximum
  )
);

WITH weights AS (
  @signal_weights(@weights)
), compounds AS (
  @compound_conditions(@weights)
), rules AS (
  @account_rules(@weights)
), earned /* Multiplied before divided, as in domain/points.py: whole numbers then stay exact. */ AS (
  SELECT
    valued.program,
    valued.level,
    valued.subject_id,
    valued.account_id,
    valued.user_id,
    valued.signal,
    weights.category,
    valued.value,
    weights.max_points,
    FLOOR(
      CASE
        WHEN weights.lower_is_better
        THEN weights.max_points * 4 * weights.threshold / GREATEST(valued.value, weights.threshold)
        ELSE weights.max_points * 4 * LEAST(valued.value, weights.threshold) / weights.threshold * POWER(0.5, LEAST(valued.days_since_last / weights.half_life_days, 1000))
      END
    ) / 4 AS points
  FROM features.signals AS valued
  INNER JOIN weights
    ON valued.program = weights.program AND valued.signal = weights.signal
), met AS (
  SELECT
    compounds.program,
    valued.level,
    valued.subject_id,
    valued.account_id,
    compounds.compound AS signal,
    compounds.points,
    compounds.conditions,
    COUNT(*) AS conditions_met
  FROM compounds
  INNER JOIN weights
    ON compounds.program = weights.program AND compounds.signal = weights.signal
  INNER JOIN features.signals AS valued
    ON compounds.program = valued.program
    AND compounds.signal = valued.signal
    AND CASE
      WHEN weights.lower_is_better
      THEN valued.value <= compounds.at_least
      ELSE valued.value >= compounds.at_least
    END
  GROUP BY
    compounds.program,
    valued.level,
    valued.subject_id,
    valued.account_id,
    compounds.compound,
    compounds.points,
    compounds.conditions
), spread AS (
  SELECT
    subjects.program,
    subjects.level,
    subjects.subject_id,
    subjects.account_id,
    subjects.engaged_users,
    rules.spread_points,
    FLOOR(
      4 * rules.spread_points * LEAST(subjects.engaged_users - 1, rules.spread_users - 1) / (
        rules.spread_users - 1
      )
    ) / 4 AS points
  FROM features.subjects AS subjects
  INNER JOIN rules
    ON subjects.program = rules.program
  WHERE
    subjects.level = 'account' AND subjects.engaged_users >= 2
), reasons AS (
  SELECT
    program,
    level,
    subject_id,
    account_id,
    user_id,
    signal,
    category,
    value,
    points::DECIMAL(9, 2) AS points,
    max_points::DECIMAL(9, 2) AS max_points
  FROM earned
  WHERE
    points > 0
  UNION ALL
  SELECT
    program,
    level,
    subject_id,
    account_id,
    NULL::TEXT AS user_id,
    signal,
    'compound' AS category,
    NULL::DOUBLE AS value,
    points::DECIMAL(9, 2) AS points,
    points::DECIMAL(9, 2) AS max_points
  FROM met
  WHERE
    conditions_met = conditions
  UNION ALL
  SELECT
    program,
    level,
    subject_id,
    account_id,
    NULL::TEXT AS user_id,
    'team_spread' AS signal,
    'spread' AS category,
    engaged_users::DOUBLE AS value,
    points::DECIMAL(9, 2) AS points,
    spread_points::DECIMAL(9, 2) AS max_points
  FROM spread
  WHERE
    points > 0
  UNION ALL
  @negative_rows(@weights)
), totals AS (
  SELECT
    program,
    level,
    subject_id,
    account_id,
    SUM(points) AS points
  FROM reasons
  GROUP BY
    program,
    level,
    subject_id,
    account_id
), capped AS (
  SELECT
    totals.program,
    totals.level,
    totals.subject_id,
    totals.account_id,
    totals.points,
    CASE
      WHEN totals.level = 'account' AND COALESCE(subjects.engaged_users, 0) < 2
      THEN rules.single_user_cap
      ELSE 100
    END AS highest
  FROM totals
  INNER JOIN rules
    ON totals.program = rules.program
  LEFT JOIN features.subjects AS subjects
    ON totals.program = subjects.program
    AND totals.level = subjects.level
    AND totals.subject_id = subjects.subject_id
), limits AS (
  SELECT
    program,
    level,
    subject_id,
    account_id,
    CASE
      WHEN points <= highest
      THEN 'floor'
      WHEN highest < 100
      THEN 'single_user_cap'
      ELSE 'cap'
    END AS signal,
    CASE WHEN points > highest THEN highest - points ELSE -points END::DECIMAL(9, 2) AS points
  FROM capped
  WHERE
    points > highest OR points < 0
)
SELECT
  program::TEXT AS program,
  level::TEXT AS level,
  subject_id::TEXT AS subject_id,
  account_id::TEXT AS account_id,
  signal::TEXT AS signal,
  category::TEXT AS category,
  user_id::TEXT AS user_id,
  value::DOUBLE AS value,
  points::DECIMAL(9, 2) AS points,
  max_points::DECIMAL(9, 2) AS max_points
FROM reasons
UNION ALL
SELECT
  program::TEXT AS program,
  level::TEXT AS level,
  subject_id::TEXT AS subject_id,
  account_id::TEXT AS account_id,
  signal::TEXT AS signal,
  'limit'::TEXT AS category,
  NULL::TEXT AS user_id,
  NULL::DOUBLE AS value,
  points::DECIMAL(9, 2) AS points,
  NULL::DECIMAL(9, 2) AS max_points
FROM limits
