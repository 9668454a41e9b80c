/* One row per user or account and program: the composite score, 0 to 100, with its category parts. */
MODEL (
  name scores.composites,
  kind FULL,
  owner product,
  grain (program, level, subject_id),
  column_descriptions (
    program = 'Name of the program',
    level = 'user or account, text',
    subject_id = 'user_id or account_id',
    account_id = 'Id: the account',
    score = 'Composite score, 0 to 100 in quarter points: the sum of the contributions',
    usage_depth = 'Points from usage depth',
    frequency = 'Points from frequency',
    feature_adoption = 'Points from feature adoption',
    viral = 'Points from viral and social signals',
    compound = 'Points from compound signals',
    spread = 'Points for the spread across the team',
    negative = 'Points taken away',
    limited = 'Points cut or given by the limits of a score',
    categories_active = 'Categories with points, count of 4',
    last_signal_at = 'Latest event that fed a signal, UTC'
  ),
  audits (
    not_null(columns := (program, level, subject_id, account_id, score)),
    unique_combination_of_columns(columns := (program, level, subject_id)),
    accepted_range("column" := score, min_v := 0, max_v := 100),
    contributions_add_up_to_the_score
  )
);

WITH points AS (
  SELECT
    program,
    level,
    subject_id,
    SUM(points) AS score,
    SUM(CASE WHEN category = 'usage_depth' THEN points ELSE 0 END) AS usage_depth,
    SUM(CASE WHEN category = 'frequency' THEN points ELSE 0 END) AS frequency,
    SUM(CASE WHEN category = 'feature_adoption' THEN points ELSE 0 END) AS feature_adoption,
    SUM(CASE WHEN category = 'viral' THEN points ELSE 0 END) AS viral,
    SUM(CASE WHEN category = 'compound' THEN points ELSE 0 END) AS compound,
    SUM(CASE WHEN category = 'spread' THEN points ELSE 0 END) AS spread,
    SUM(CASE WHEN category = 'negative' THEN points ELSE 0 END) AS negative,
    SUM(CASE WHEN category = 'limit' THEN points ELSE 0 END) AS limited,
    COUNT(
      DISTINCT CASE
        WHEN category IN ('usage_depth', 'frequency', 'feature_adoption', 'viral')
        THEN category
      END
    ) AS categories_active
  FROM scores.contributions
  GROUP BY
    program,
    level,
    subject_id
), latest AS (
  SELECT
    program,
    level,
    subject_id,
    MAX(last_at) AS last_signal_at
  FROM features.signals
  GROUP BY
    program,
    level,
    subject_id
)
SELECT
  subjects.program::TEXT AS program,
  subjects.level::TEXT AS level,
  subjects.subject_id::TEXT AS subject_id,
  subjects.account_id::TEXT AS account_id,
  COALESCE(points.score, 0)::DECIMAL(9, 2) AS score,
  COALESCE(points.usage_depth, 0)::DECIMAL(9, 2) AS usage_depth,
  COALESCE(points.frequency, 0)::DECIMAL(9, 2) AS frequency,
  COALESCE(points.feature_adoption, 0)::DECIMAL(9, 2) AS feature_adoption,
  COALESCE(points.viral, 0)::DECIMAL(9, 2) AS viral,
  COALESCE(points.compound, 0)::DECIMAL(9, 2) AS compound,
  COALESCE(points.spread, 0)::DECIMAL(9, 2) AS spread,
  COALESCE(points.negative, 0)::DECIMAL(9, 2) AS negative,
  COALESCE(points.limited, 0)::DECIMAL(9, 2) AS limited,
  COALESCE(points.categories_active, 0)::BIGINT AS categories_active,
  latest.last_signal_at::TIMESTAMP AS last_signal_at
FROM features.subjects AS subjects
LEFT JOIN points
  ON subjects.program = points.program
  AND subjects.level = points.level
  AND subjects.subject_id = points.subject_id
LEFT JOIN latest
  ON subjects.program = latest.program
  AND subjects.level = latest.level
  AND subjects.subject_id = latest.subject_id
