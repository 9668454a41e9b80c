-- What changed, and nothing else, in the history and in the latest row of each.
INSERT INTO pql.score_history
SELECT program, level, subject_id, score, qualified, tier, version, $as_of
FROM score_changes;

DELETE FROM pql.latest_scores AS latest
USING score_changes AS changes
WHERE latest.program = changes.program
  AND latest.level = changes.level
  AND latest.subject_id = changes.subject_id;

INSERT INTO pql.latest_scores BY NAME
SELECT * FROM score_changes WHERE score IS NOT NULL;
