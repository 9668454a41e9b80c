-- Why those accounts and their users have their scores, and whose doing each reason is.
SELECT
  contributions.level,
  contributions.subject_id,
  contributions.signal,
  contributions.category,
  contributions.user_id,
  users.name AS person,
  contributions.value,
  contributions.points,
  contributions.max_points,
  signals.occurrences_ever,
  signals.first_at,
  signals.last_at,
  -- Of whom the value is; the times before are those of the whole team.
  clock.as_of::DATE - signals.days_since_last::INTEGER AS last_on
FROM scores.contributions AS contributions
CROSS JOIN raw.clock AS clock
LEFT JOIN features.signals AS signals
  USING (program, level, subject_id, signal)
LEFT JOIN staging.users AS users
  ON contributions.user_id = users.user_id
WHERE contributions.program = $program
  AND contributions.account_id IN (SELECT UNNEST($accounts))
ORDER BY contributions.points DESC, contributions.signal;
