-- Whose messages are those of the compared accounts. The statements that follow join the messages
-- themselves with it: joined with the clock, as in staging.messages, the planner expects a handful
-- of them and hashes them all (measured on ten million: minutes in place of seconds).
CREATE OR REPLACE TEMP TABLE discovery_links AS
SELECT
  owners.link_id,
  compared.account,
  compared.converted,
  compared.sampled,
  compared.signed_up_ms,
  compared.index_ms
FROM staging.owners AS owners
INNER JOIN compared
  ON owners.account_id = compared.account_id;
