-- What each numbered account had of each signal; signals by their place in the list.
SELECT
  calibrated.position,
  LIST_POSITION($signals, valued.signal) - 1 AS signal,
  valued.value,
  valued.days_since_last::DOUBLE AS age
FROM live.features.signals AS valued
INNER JOIN live.scope.calibrated AS calibrated ON valued.subject_id = calibrated.account_id
WHERE valued.program = $program
  AND valued.level = 'account'
  AND LIST_CONTAINS($signals, valued.signal);
