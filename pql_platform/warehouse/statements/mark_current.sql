-- Features and scores have now followed everything that was loaded, up to the clock.
-- $since_load and $since are the load and the instant up to which they had before.
INSERT INTO warehouse.ops.restatements
SELECT
  events.load_id,
  (SELECT as_of FROM warehouse.raw.clock),
  COUNT(*),
  COUNT(DISTINCT owners.account_id),
  MIN(events.occurred_at),
  MIN(events.received_at)
FROM warehouse.raw.events AS events
LEFT JOIN warehouse.staging.owners AS owners
  ON events.link_id = owners.link_id
WHERE events.load_id > $since_load AND events.received_at <= $since AND events.occurred_at <= $since
GROUP BY events.load_id;

DELETE FROM warehouse.ops.pending
WHERE due_at <= (SELECT as_of FROM warehouse.raw.clock) OR $anew;

INSERT INTO warehouse.ops.pending
SELECT DISTINCT events.link_id, GREATEST(events.received_at, events.occurred_at)
FROM warehouse.raw.events AS events
CROSS JOIN warehouse.raw.clock AS clock
WHERE ($anew OR events.load_id > $since_load)
  AND (events.received_at > clock.as_of OR events.occurred_at > clock.as_of);

DELETE FROM warehouse.ops.rescored;

INSERT INTO warehouse.ops.rescored
SELECT (SELECT COALESCE(MAX(load_id), 0) FROM warehouse.raw.loads), as_of
FROM warehouse.raw.clock;
