-- Everything that carries one of the combinations in live.raw.links, as it stands.
-- Two scans, since those in order are found by their cluster and the latest by their link alone.
-- Each cluster once: only a short list of keys is told to the scan, which then passes over the row
-- groups that hold none of them (measured on ten million messages: half the time).
CREATE OR REPLACE VIEW live.raw.events AS
SELECT * FROM warehouse.raw.events
WHERE cluster IN (SELECT DISTINCT cluster FROM live.raw.links)
  AND link_id IN (SELECT link_id FROM live.raw.links)
UNION ALL
SELECT * FROM warehouse.raw.events
WHERE cluster IS NULL AND link_id IN (SELECT link_id FROM live.raw.links);
