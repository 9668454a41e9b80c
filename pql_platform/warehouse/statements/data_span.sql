-- From when to when there are events, and the instant of the last pass.
SELECT
  COUNT(*) AS events,
  MIN(occurred_at) AS first_at,
  MAX(GREATEST(occurred_at, received_at)) AS last_at,
  (SELECT MAX(as_of) FROM raw.clock) AS clock
FROM raw.events;
