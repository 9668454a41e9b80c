AUDIT (
  name points_within_their_maximum
);

SELECT
  program,
  level,
  subject_id,
  signal,
  points,
  max_points
FROM @this_model
WHERE
  points > max_points
