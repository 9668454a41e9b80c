-- Writes the fates of one inbox file, and the count of each, under one load id.
-- The file is read a second time, so that nothing wide is ever copied on the way.
INSERT INTO raw.loads
SELECT
  NEXTVAL('raw.load_ids'),
  $inbox_name,
  (SELECT MIN(file) FROM read_parquet($inbox_file)),
  COUNT(*),
  COUNT(*) FILTER (WHERE fate = 'stored'),
  COUNT(*) FILTER (WHERE fate = 'duplicate'),
  COUNT(*) FILTER (WHERE fate = 'quarantined'),
  $loaded_at
FROM fates;

INSERT INTO raw.links
SELECT
  NEXTVAL('raw.link_ids'),
  file.user_id, file.anonymous_id, file.previous_id, file.group_id,
  new.link_key,
  MD5_NUMBER_LOWER(file.user_id), MD5_NUMBER_LOWER(file.anonymous_id),
  MD5_NUMBER_LOWER(file.previous_id), MD5_NUMBER_LOWER(file.group_id),
  NULL
FROM read_parquet($inbox_file, file_row_number = TRUE) AS file
INNER JOIN (
  SELECT fates.link_key, MIN(fates.position) AS position
  FROM fates
  ANTI JOIN raw.links AS known ON fates.link_key = known.link_key
  WHERE fates.fate = 'stored'
  GROUP BY fates.link_key
) AS new
  ON file.file_row_number = new.position;

CREATE OR REPLACE TEMP TABLE stored AS
SELECT fates.position, fates.content_key, links.link_id
FROM fates
INNER JOIN raw.links AS links
  ON fates.link_key = links.link_key
WHERE fates.fate = 'stored';

INSERT INTO raw.events
SELECT
  file.message_id, file.source, file.type, file.event, file.user_id, file.anonymous_id,
  file.previous_id, file.group_id, file.occurred_at, file.received_at, file.properties,
  file.traits, stored.content_key, file.file,
  (SELECT load_id FROM raw.loads WHERE inbox_file = $inbox_name),
  stored.link_id,
  NULL
FROM read_parquet($inbox_file, file_row_number = TRUE) AS file
INNER JOIN stored
  ON file.file_row_number = stored.position;

INSERT INTO raw.email_domains
SELECT DISTINCT given.link_id, given.email_domain
FROM (
  SELECT
    stored.link_id,
    REGEXP_EXTRACT(LOWER(JSON_EXTRACT_STRING(file.traits, '$.email')), '(?s)@(.+)', 1)
      AS email_domain
  FROM read_parquet($inbox_file, file_row_number = TRUE) AS file
  INNER JOIN stored
    ON file.file_row_number = stored.position
  WHERE file.type = 'identify'
) AS given
ANTI JOIN raw.email_domains AS known
  ON given.link_id = known.link_id AND given.email_domain = known.email_domain
WHERE given.email_domain <> '';

INSERT INTO raw.quarantine
SELECT
  file.file, file.byte_offset,
  COALESCE(file.reason, 'conflicting_duplicate: the message id is known with other content'),
  file.raw, file.raw_sha256, file.message_id,
  (SELECT load_id FROM raw.loads WHERE inbox_file = $inbox_name)
FROM read_parquet($inbox_file, file_row_number = TRUE) AS file
INNER JOIN fates
  ON file.file_row_number = fates.position
WHERE fates.fate = 'quarantined';
