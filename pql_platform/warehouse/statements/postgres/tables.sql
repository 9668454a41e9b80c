-- What the live path keeps beside the models; the same tables as in the DuckDB warehouse.
CREATE SCHEMA IF NOT EXISTS ops;

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

CREATE TABLE IF NOT EXISTS ops.rescored (
  load_id BIGINT NOT NULL,
  as_of TIMESTAMP NOT NULL
);

CREATE TABLE IF NOT EXISTS ops.pending (
  link_id BIGINT NOT NULL,
  due_at TIMESTAMP NOT NULL
);

CREATE TABLE IF NOT EXISTS ops.restatements (
  load_id BIGINT NOT NULL,
  recorded_at TIMESTAMP NOT NULL,
  messages BIGINT NOT NULL,
  accounts BIGINT NOT NULL,
  first_occurred_at TIMESTAMP NOT NULL,
  first_received_at TIMESTAMP NOT NULL
);
