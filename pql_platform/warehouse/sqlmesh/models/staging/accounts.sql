/* One row per account: the company, or the single person who uses the product alone. */
MODEL (
  name staging.accounts,
  kind FULL,
  owner data,
  grain account_id,
  column_descriptions (
    account_id = 'Id of the account',
    name = 'Latest name given; else the domain or the id',
    domain = 'Latest company domain given',
    employees = 'Latest head count given, persons',
    industry = 'Latest industry given, text',
    plan = 'Latest plan given, text',
    funding = 'Latest funding given, text',
    country = 'Latest country given for the account, else that of its first user, text',
    users = 'Identified users that belong to it, persons',
    first_seen_at = 'First message of any of its users or of the group itself, UTC'
  ),
  audits (
    not_null(columns := (account_id, name, first_seen_at)),
    unique_values(columns := (
      account_id
    ))
  )
);

WITH members AS (
  SELECT
    account_id,
    COUNT(*) AS users,
    MIN(first_seen_at) AS first_seen_at,
    MIN(country) AS country,
    MIN(name) AS name
  FROM staging.users
  GROUP BY
    account_id
), groups AS (
  SELECT
    group_id AS account_id,
    MIN(first_at) AS first_seen_at
  FROM staging.people
  WHERE
    NOT group_id IS NULL
  GROUP BY
    group_id
), ids AS (
  SELECT
    account_id
  FROM members
  UNION
  SELECT
    account_id
  FROM groups
), traits AS (
  SELECT
    account_id,
    @trait_columns(['name', 'domain', 'employees', 'industry', 'plan', 'country', 'funding'])
  FROM staging.account_traits
  WHERE
    valid_to IS NULL
  GROUP BY
    account_id
)
SELECT
  ids.account_id::TEXT AS account_id,
  COALESCE(
    traits.name,
    CASE WHEN ids.account_id LIKE 'user:%' THEN members.name END,
    traits.domain,
    ids.account_id
  )::TEXT AS name,
  LOWER(traits.domain)::TEXT AS domain,
  (
    @whole_number(traits.employees)
  )::BIGINT AS employees,
  traits.industry::TEXT AS industry,
  traits.plan::TEXT AS plan,
  traits.funding::TEXT AS funding,
  COALESCE(traits.country, members.country)::TEXT AS country,
  COALESCE(members.users, 0)::BIGINT AS users,
  LEAST(
    COALESCE(members.first_seen_at, groups.first_seen_at),
    COALESCE(groups.first_seen_at, members.first_seen_at)
  )::TIMESTAMP AS first_seen_at
FROM ids
LEFT JOIN members
  ON ids.account_id = members.account_id
LEFT JOIN groups
  ON ids.account_id = groups.account_id
LEFT JOIN traits
  ON ids.account_id = traits.account_id
