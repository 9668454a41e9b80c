-- Every conversion of an account of one program, as far as known at the clock's instant.
SELECT
  account_id,
  occurred_at AS converted_at
FROM live.staging.events
WHERE event = $event
ORDER BY account_id, occurred_at;
