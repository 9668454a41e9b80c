CREATE SCHEMA IF NOT EXISTS raw;
CREATE SCHEMA IF NOT EXISTS ops;
CREATE SCHEMA IF NOT EXISTS pql;

CREATE SEQUENCE IF NOT EXISTS raw.load_ids;
CREATE SEQUENCE IF NOT EXISTS raw.link_ids;

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
  content_key UBIGINT NOT NULL,
  file TEXT NOT NULL,
  load_id BIGINT NOT NULL,
  link_id BIGINT NOT NULL,
  -- Rows of one cluster lie together; empty for what came after they were last put in order.
  cluster BIGINT
);

-- Every combination of the four ids. The keys are hashes: the whole combination is told apart by
-- link_key, of 128 bits; the others only widen what is looked at when two of them should collide.
CREATE TABLE IF NOT EXISTS raw.links (
  link_id BIGINT NOT NULL,
  user_id TEXT,
  anonymous_id TEXT,
  previous_id TEXT,
  group_id TEXT,
  link_key UHUGEINT NOT NULL,
  user_key UBIGINT,
  anonymous_key UBIGINT,
  previous_key UBIGINT,
  group_key UBIGINT,
  cluster BIGINT
);

-- The domains of all e-mail addresses that identify calls ever gave: signs of belonging to an account.
CREATE TABLE IF NOT EXISTS raw.email_domains (link_id BIGINT NOT NULL, email_domain TEXT NOT NULL);

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

-- The models of every deployment: enough to compute any account at any instant.
CREATE TABLE IF NOT EXISTS ops.models (
  deployment BIGINT NOT NULL,
  deployed_at TIMESTAMP NOT NULL,
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

-- Messages that were loaded before they were due: they count from due_at on.
CREATE TABLE IF NOT EXISTS ops.pending (
  link_id BIGINT NOT NULL,
  due_at TIMESTAMP NOT NULL
);

-- Loads that changed what had been said of the past: messages that, by their own word, were known
-- before the pass that came before them.
CREATE TABLE IF NOT EXISTS ops.restatements (
  load_id BIGINT NOT NULL,
  recorded_at TIMESTAMP NOT NULL,
  messages BIGINT NOT NULL,
  accounts BIGINT NOT NULL,
  first_occurred_at TIMESTAMP NOT NULL,
  first_received_at TIMESTAMP NOT NULL
);

-- How much of raw.events lies in the order of accounts; the rest came after.
CREATE TABLE IF NOT EXISTS ops.clustered (events BIGINT NOT NULL);
