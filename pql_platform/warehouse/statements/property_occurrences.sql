-- How often each event carries each property that a program names, at all and as a finite number.
SELECT
  named.event,
  named.path,
  COUNT(given.value) AS carried,
  COUNT(TRY_CAST(given.value AS DECIMAL(28, 6))) AS numbers
FROM (
  SELECT UNNEST($events) AS event, UNNEST($paths) AS path, UNNEST($json_paths) AS json_path
) AS named
INNER JOIN raw.events AS events
  ON named.event = events.event
CROSS JOIN LATERAL (
  SELECT JSON_EXTRACT_STRING(events.properties, named.json_path) AS value
) AS given
GROUP BY named.event, named.path;
