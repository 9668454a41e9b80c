-- The accounts of one program at the clock's instant, with the facts that decide on the population.
SELECT
  subject_id AS account_id,
  first_seen_at,
  profile,
  is_paying,
  excluded_as,
  unfit_because,
  aha_reached_at,
  0 AS categories_active
FROM live.features.subjects
WHERE program = $program AND level = 'account';
