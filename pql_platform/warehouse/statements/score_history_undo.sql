-- A pass that is repeated with another result: as though it had not been.
DELETE FROM pql.score_history WHERE as_of = $as_of;

DELETE FROM pql.latest_scores;

INSERT INTO pql.latest_scores
SELECT program, level, subject_id, score, qualified, tier, version
FROM (
  FROM pql.score_history
  QUALIFY ROW_NUMBER() OVER (PARTITION BY program, level, subject_id ORDER BY as_of DESC) = 1
)
WHERE score IS NOT NULL;
