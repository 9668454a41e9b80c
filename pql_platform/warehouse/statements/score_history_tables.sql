-- What was said of each user and account, a row whenever it changed; without a score from when the
-- id was no longer judged (merged into another, or its program taken away).
CREATE TABLE IF NOT EXISTS pql.score_history (
  program TEXT NOT NULL,
  level TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  score DECIMAL(9, 2),
  qualified BOOLEAN NOT NULL,
  tier BIGINT,
  version TEXT NOT NULL,
  as_of TIMESTAMP NOT NULL
);

-- The latest row of everybody who is judged, so that a pass is compared without reading history.
CREATE TABLE IF NOT EXISTS pql.latest_scores (
  program TEXT NOT NULL,
  level TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  score DECIMAL(9, 2) NOT NULL,
  qualified BOOLEAN NOT NULL,
  tier BIGINT,
  version TEXT NOT NULL
);

-- The clock of the latest pass that was compared: history goes no further, and never back.
CREATE TABLE IF NOT EXISTS pql.history_clock (as_of TIMESTAMP NOT NULL);
