CREATE SCHEMA IF NOT EXISTS raw;
CREATE SCHEMA IF NOT EXISTS ops;
CREATE SCHEMA IF NOT EXISTS pql;

CREATE SEQUENCE IF NOT EXISTS raw.load_ids;

CREATE TABLE IF NOT EXISTS raw.events (
  message_id TEXT NOT NULL,
  source TEXT NOT NULL,
  type TEXT NOT NULL,
  event TEXT NOT NULL,
  user_id TEXT,
  anonymous_id TEXT,
  previous_id TEXT,
  group_id TEXT,
  occurred_at TIMESTAMP NOT NULL,
  received_at TIMESTAMP NOT NULL,
  properties TEXT,
  traits TEXT,
  content_hash TEXT NOT NULL,
  file TEXT NOT NULL,
  load_id BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS raw.quarantine (
  file TEXT NOT NULL,
  byte_offset BIGINT NOT NULL,
  reason TEXT NOT NULL,
  raw BLOB,
  raw_sha256 TEXT,
  message_id TEXT,
  load_id BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS raw.loads (
  load_id BIGINT NOT NULL,
  inbox_file TEXT NOT NULL,
  source_file TEXT,
  accepted BIGINT NOT NULL,
  stored BIGINT NOT NULL,
  duplicates BIGINT NOT NULL,
  quarantined BIGINT NOT NULL,
  loaded_at TIMESTAMP NOT NULL
);

CREATE TABLE IF NOT EXISTS raw.clock (as_of TIMESTAMP NOT NULL);

CREATE TABLE IF NOT EXISTS raw.personal_email_domains (domain TEXT NOT NULL);

-- The models as they were last deployed: enough to compute any account at any instant.
CREATE TABLE IF NOT EXISTS ops.models (
  position BIGINT NOT NULL,
  model TEXT NOT NULL,
  kind TEXT NOT NULL,
  physical_table TEXT,
  fingerprint TEXT NOT NULL,
  query TEXT NOT NULL
);

-- How far the features and scores have followed the raw events.
CREATE TABLE IF NOT EXISTS ops.rescored (
  load_id BIGINT NOT NULL,
  as_of TIMESTAMP NOT NULL
);
