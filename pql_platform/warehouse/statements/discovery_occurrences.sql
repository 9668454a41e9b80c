-- What the compared accounts did, each occurrence with its distance from sign-up and index date.
CREATE OR REPLACE TEMP TABLE discovery_occurrences AS
SELECT
  links.account,
  asked.behaviour,
  EPOCH_MS(events.occurred_at) - links.signed_up_ms AS since_signup_ms,
  links.index_ms - EPOCH_MS(events.occurred_at) AS before_index_ms
FROM raw.events AS events
INNER JOIN discovery_links AS links
  ON events.link_id = links.link_id
INNER JOIN asked
  ON events.event = asked.event
WHERE asked.property IS NULL
  AND events.type IN ('track', 'page', 'screen')
  AND events.received_at <= $as_of
  AND events.occurred_at <= $as_of;
