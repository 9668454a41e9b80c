-- Every user and account of one program with its score and the facts that gate and tier it.
SELECT
  composites.level,
  composites.subject_id,
  composites.account_id,
  composites.score,
  composites.categories_active,
  composites.last_signal_at,
  subjects.segment,
  subjects.country,
  subjects.profile,
  subjects.is_paying,
  subjects.excluded_as,
  subjects.unfit_because,
  subjects.aha_reached_at
FROM scores.composites AS composites
INNER JOIN features.subjects AS subjects USING (program, level, subject_id)
WHERE composites.program = $program
ORDER BY composites.level, composites.subject_id;
