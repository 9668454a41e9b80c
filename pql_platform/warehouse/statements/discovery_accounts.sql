-- Every account of one program with what it is compared by. The first plan is that of the sign-up:
-- the latest one follows from the purchase, or from a trial that has run out.
WITH plans AS (
  SELECT
    traits.account_id,
    ARG_MIN(LOWER(TRIM(traits.value)), traits.valid_from) AS plan,
    MIN(traits.valid_from) AS plan_known_at,
    LIST(LOWER(TRIM(traits.value)) ORDER BY traits.valid_from) AS plans
  FROM staging.account_traits AS traits
  INNER JOIN features.subjects AS subjects
    ON subjects.program = $program
    AND subjects.level = 'account'
    AND subjects.subject_id = traits.account_id
  WHERE traits.trait = 'plan'
    AND (subjects.converted_at IS NULL OR traits.valid_from < subjects.converted_at)
  GROUP BY traits.account_id
)
SELECT
  subjects.subject_id AS account_id,
  -- For lots that fall the same way every time, whatever the order of the rows.
  MD5_NUMBER_LOWER(subjects.subject_id) AS lot,
  subjects.first_seen_at,
  subjects.converted_at,
  subjects.segment,
  subjects.excluded_as,
  plans.plan,
  plans.plan_known_at,
  plans.plans
FROM features.subjects AS subjects
LEFT JOIN plans
  ON subjects.subject_id = plans.account_id
WHERE subjects.program = $program AND subjects.level = 'account'
ORDER BY subjects.subject_id;
