-- For a question about the past: whoever ever gave an e-mail address of one of the accounts.
CREATE OR REPLACE TABLE live.scope.people AS
SELECT DISTINCT links.user_key AS key
FROM warehouse.raw.links AS links
INNER JOIN warehouse.raw.email_domains AS email_domains
  ON links.link_id = email_domains.link_id
WHERE links.user_key IS NOT NULL AND email_domains.email_domain IN (FROM live.scope.accounts);

CREATE OR REPLACE TABLE live.scope.devices AS
SELECT NULL::UBIGINT AS key WHERE FALSE;

CREATE OR REPLACE TABLE live.scope.links AS
SELECT NULL::BIGINT AS link_id WHERE FALSE;
