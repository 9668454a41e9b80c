-- Why those accounts and their users have their scores.
SELECT
  contributions.level,
  contributions.subject_id,
  contributions.signal,
  contributions.category,
  contributions.value,
  contributions.points,
  contributions.max_points,
  signals.occurrences_ever,
  signals.first_at,
  signals.last_at
FROM scores.contributions AS contributions
LEFT JOIN features.signals AS signals
  USING (program, level, subject_id, signal)
WHERE contributions.program = $program
  AND contributions.account_id IN (SELECT UNNEST($accounts))
ORDER BY contributions.points DESC, contributions.signal;
