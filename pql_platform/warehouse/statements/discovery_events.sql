-- The events by name, the most frequent first.
SELECT events.event, COUNT(*) AS occurrences
FROM raw.events AS events
WHERE events.type IN ('track', 'page', 'screen')
  AND events.received_at <= $as_of
  AND events.occurred_at <= $as_of
GROUP BY events.event
ORDER BY occurrences DESC, events.event
LIMIT $most;
