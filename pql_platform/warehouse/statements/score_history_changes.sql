-- Who is judged otherwise than in the latest row of the history, or no longer judged at all.
CREATE OR REPLACE TEMP TABLE score_changes AS
SELECT
  COALESCE(tiers.program, latest.program) AS program,
  COALESCE(tiers.level, latest.level) AS level,
  COALESCE(tiers.subject_id, latest.subject_id) AS subject_id,
  tiers.score,
  COALESCE(tiers.qualified, FALSE) AS qualified,
  tiers.tier,
  COALESCE(tiers.version, latest.version) AS version
FROM pql.tiers AS tiers
FULL JOIN pql.latest_scores AS latest
  ON tiers.program = latest.program
  AND tiers.level = latest.level
  AND tiers.subject_id = latest.subject_id
WHERE tiers.score IS DISTINCT FROM latest.score
  OR tiers.qualified IS DISTINCT FROM latest.qualified
  OR tiers.tier IS DISTINCT FROM latest.tier
  OR tiers.version IS DISTINCT FROM latest.version;
