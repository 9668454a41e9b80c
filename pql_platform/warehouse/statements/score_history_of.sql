-- What was said of one user or account from $since on: the row that held then, and every later one.
SELECT as_of, score, qualified, tier, version
FROM pql.score_history
WHERE program = $program AND level = $level AND subject_id = $subject_id
QUALIFY COALESCE(LEAD(as_of) OVER (ORDER BY as_of) > $since, TRUE)
ORDER BY as_of;
