/* One row per account, trait and change of it: what was known of a company, from when until when. */
MODEL (
  name staging.account_traits,
  kind FULL,
  owner data,
  grain (account_id, trait, valid_from),
  column_descriptions (
    account_id = 'Id of the account',
    trait = 'Name of the trait: name, domain, employees, industry, plan, country or funding',
    value = 'The value as it was given, text',
    valid_from = 'First call that gave this value after another or none, UTC',
    valid_to = 'First call that gave a different value, UTC; empty for the present value'
  ),
  audits (
    not_null(columns := (account_id, trait, value, valid_from)),
    unique_combination_of_columns(columns := (account_id, trait, valid_from))
  )
);

WITH group_calls AS (
  SELECT
    people.group_id AS account_id,
    messages.traits,
    messages.occurred_at
  FROM staging.messages AS messages
  INNER JOIN staging.people AS people
    ON messages.link_id = people.link_id
  WHERE
    messages.type = 'group' AND NOT people.group_id IS NULL
), given AS (
  @given_traits(
    group_calls,
    account_id,
    ['name', 'domain', 'employees', 'industry', 'plan', 'country', 'funding']
  )
), compared AS (
  SELECT
    account_id,
    trait,
    value,
    occurred_at,
    LAG(value) OVER (PARTITION BY account_id, trait ORDER BY occurred_at) AS previous
  FROM given
), changes AS (
  SELECT
    account_id,
    trait,
    value,
    occurred_at
  FROM compared
  WHERE
    previous IS NULL OR previous <> value
)
SELECT
  account_id::TEXT AS account_id,
  trait::TEXT AS trait,
  value::TEXT AS value,
  occurred_at::TIMESTAMP AS valid_from,
  LEAD(occurred_at) OVER (PARTITION BY account_id, trait ORDER BY occurred_at)::TIMESTAMP AS valid_to
FROM changes
