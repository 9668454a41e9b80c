-- The messages known at an instant: how many there are, and when the first one became known.
SELECT
  COUNT(*) AS messages,
  MIN(received_at) AS first_at
FROM raw.events
WHERE received_at <= $as_of;
