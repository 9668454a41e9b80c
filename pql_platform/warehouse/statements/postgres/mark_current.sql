-- Features and scores have now followed everything that was loaded, up to the clock.
-- since_load and since are the load and the instant up to which they had before.
INSERT INTO ops.restatements
SELECT
  events.load_id,
  (SELECT as_of FROM raw.clock),
  COUNT(*),
  COUNT(DISTINCT owners.account_id),
  MIN(events.occurred_at),
  MIN(events.received_at)
FROM raw.events AS events
LEFT JOIN staging.owners AS owners
  ON events.link_id = owners.link_id
WHERE events.load_id > %(since_load)s
  AND events.received_at <= %(since)s AND events.occurred_at <= %(since)s
GROUP BY events.load_id;

DELETE FROM ops.pending
WHERE due_at <= (SELECT as_of FROM raw.clock) OR %(anew)s;

INSERT INTO ops.pending
SELECT DISTINCT events.link_id, GREATEST(events.received_at, events.occurred_at)
FROM raw.events AS events
CROSS JOIN raw.clock AS clock
WHERE (%(anew)s OR events.load_id > %(since_load)s)
  AND (events.received_at > clock.as_of OR events.occurred_at > clock.as_of);

DELETE FROM ops.rescored;

INSERT INTO ops.rescored
SELECT (SELECT COALESCE(MAX(load_id), 0) FROM raw.events), as_of
FROM raw.clock;
