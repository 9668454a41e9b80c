-- Writes the fates of one inbox file, and the count of each, under one load id.
INSERT INTO raw.loads
SELECT
  NEXTVAL('raw.load_ids'),
  $inbox_file,
  MIN(file),
  COUNT(*),
  COUNT(*) FILTER (WHERE fate = 'stored'),
  COUNT(*) FILTER (WHERE fate = 'duplicate'),
  COUNT(*) FILTER (WHERE fate = 'quarantined'),
  $loaded_at
FROM fates;

INSERT INTO raw.events
SELECT
  message_id, source, type, event, user_id, anonymous_id, previous_id, group_id,
  occurred_at, received_at, properties, traits, content_hash, file,
  (SELECT load_id FROM raw.loads WHERE inbox_file = $inbox_file)
FROM fates
WHERE fate = 'stored'
ORDER BY position;

INSERT INTO raw.quarantine
SELECT
  file, byte_offset, reason,
  raw, raw_sha256, message_id,
  (SELECT load_id FROM raw.loads WHERE inbox_file = $inbox_file)
FROM fates
WHERE fate = 'quarantined';
