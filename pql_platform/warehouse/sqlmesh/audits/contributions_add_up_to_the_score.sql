AUDIT (
  name contributions_add_up_to_the_score
);

SELECT
  composites.program,
  composites.level,
  composites.subject_id,
  composites.score,
  COALESCE(explained.points, 0) AS explained
FROM @this_model AS composites
LEFT JOIN (
  SELECT
    program,
    level,
    subject_id,
    SUM(points) AS points
  FROM scores.contributions
  GROUP BY
    program,
    level,
    subject_id
) AS explained
  ON composites.program = explained.program
  AND composites.level = explained.level
  AND composites.subject_id = explained.subject_id
WHERE
  composites.score <> COALESCE(explained.points, 0)
  OR composites.score <> composites.usage_depth + composites.frequency + composites.feature_adoption + composites.viral + composites.compound + composites.spread + composites.negative + composites.limited
