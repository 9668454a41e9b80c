/* One row per reason for a score: each signal, compound, deduction and limit with its points. The points of a user or account add up to its score to the last digit. */
MODEL (
  name scores.contributions,
  kind FULL,
  owner product,
  grain (program, level, subject_id, signal),
  column_descriptions (
    program = 'Program',
    level = 'user or account',
    subject_id = 'user_id or account_id',
    account_id = 'The account',
    signal = 'Name of the signal, compound or deduction; cap and floor keep the score within 0 and 100',
    category = 'usage_depth, frequency, feature_adoption, viral, compound, negative or limit',
    value = 'Value of the measure; empty where there is none',
    points = 'Points, in quarter points',
    max_points = 'Points at the full threshold; empty where there is no such limit'
  ),
  audits (
    not_null(columns := (program, level, subject_id, account_id, signal, category, points)),
    unique_combination_of_columns(columns := (program, level, subject_id, signal)),
    points_within_their_maximum
  )
);

WITH parameters AS (
  @signal_rows(@definition)
), compounds AS (
  @compound_rows(@definition)
), earned /* Multiplied before divided, as in domain/points.py: whole numbers then stay exact. */ AS (
  SELECT
    valued.program,
    valued.level,
    valued.subject_id,
    valued.account_id,
    valued.signal,
    parameters.category,
    valued.value,
    parameters.max_points,
    FLOOR(
      CASE
        WHEN parameters.measure = 'days_since_last'
        THEN parameters.max_points * 4 * parameters.threshold / GREATEST(valued.value, parameters.threshold)
        ELSE parameters.max_points * 4 * LEAST(valued.value, parameters.threshold) / parameters.threshold * POWER(0.5, valued.days_since_last / parameters.half_life_days)
      END
    ) / 4 AS points
  FROM features.signals AS valued
  INNER JOIN parameters
    ON valued.program = parameters.program AND valued.signal = parameters.signal
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
  INNER JOIN features.signals AS valued
    ON compounds.program = valued.program
    AND compounds.signal = valued.signal
    AND CASE
      WHEN compounds.lower_is_better
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
), reasons AS (
  SELECT
    program,
    level,
    subject_id,
    account_id,
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
    signal,
    'compound' AS category,
    NULL AS value,
    points::DECIMAL(9, 2) AS points,
    points::DECIMAL(9, 2) AS max_points
  FROM met
  WHERE
    conditions_met = conditions
  UNION ALL
  @negative_rows(@definition)
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
), limits AS (
  SELECT
    program,
    level,
    subject_id,
    account_id,
    CASE WHEN points > 100 THEN 'cap' ELSE 'floor' END AS signal,
    'limit' AS category,
    NULL AS value,
    CASE WHEN points > 100 THEN 100 - points ELSE -points END::DECIMAL(9, 2) AS points,
    NULL AS max_points
  FROM totals
  WHERE
    points > 100 OR points < 0
), contributions AS (
  SELECT
    program,
    level,
    subject_id,
    account_id,
    signal,
    category,
    value,
    points,
    max_points
  FROM reasons
  UNION ALL
  SELECT
    program,
    level,
    subject_id,
    account_id,
    signal,
    category,
    value,
    points,
    max_points
  FROM limits
)
SELECT
  program::TEXT AS program,
  level::TEXT AS level,
  subject_id::TEXT AS subject_id,
  account_id::TEXT AS account_id,
  signal::TEXT AS signal,
  category::TEXT AS category,
  value::DOUBLE AS value,
  points::DECIMAL(9, 2) AS points,
  max_points::DECIMAL(9, 2) AS max_points
FROM contributions
