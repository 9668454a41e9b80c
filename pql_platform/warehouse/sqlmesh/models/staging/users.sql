/* One row per identified person: who they are, and the account they belong to. */
MODEL (
  name staging.users,
  kind FULL,
  owner data,
  grain user_id,
  column_descriptions (
    user_id = 'Id of the user',
    account_id = 'Latest group, else the company domain of the e-mail, else user:<user_id>',
    name = 'Latest name given',
    email = 'Latest e-mail given, lower case',
    email_domain = 'Part of the e-mail after the @',
    title = 'Latest job title given, text',
    country = 'Latest country given, ISO 3166 alpha-2 where the source sends that, text',
    first_seen_at = 'First message, anonymous ones included, UTC',
    last_seen_at = 'Latest message, UTC'
  ),
  audits (
    not_null(columns := (user_id, account_id, first_seen_at)),
    unique_values(columns := (
      user_id
    ))
  )
);

WITH seen AS (
  SELECT
    user_id,
    MIN(first_at) AS first_seen_at,
    MAX(last_at) AS last_seen_at
  FROM staging.people
  WHERE
    NOT user_id IS NULL
  GROUP BY
    user_id
), memberships AS (
  SELECT
    user_id,
    group_id,
    ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY last_at DESC, group_id DESC) AS position
  FROM staging.people
  WHERE
    NOT user_id IS NULL AND NOT group_id IS NULL
), identify_calls AS (
  SELECT
    people.user_id,
    messages.traits,
    messages.occurred_at
  FROM staging.messages AS messages
  INNER JOIN staging.people AS people
    ON messages.link_id = people.link_id
  WHERE
    messages.type = 'identify' AND NOT people.user_id IS NULL
), given AS (
  @given_traits(identify_calls, user_id, ['name', 'email', 'title', 'country'])
), ranked AS (
  SELECT
    user_id,
    trait,
    value,
    ROW_NUMBER() OVER (PARTITION BY user_id, trait ORDER BY occurred_at DESC) AS position
  FROM given
), traits AS (
  SELECT
    user_id,
    @trait_columns(['name', 'email', 'title', 'country'])
  FROM ranked
  WHERE
    position = 1
  GROUP BY
    user_id
), people AS (
  SELECT
    seen.user_id,
    memberships.group_id,
    traits.name,
    LOWER(traits.email) AS email,
    CASE
      WHEN STRPOS(traits.email, '@') > 0
      THEN NULLIF(LOWER(SUBSTRING(traits.email, STRPOS(traits.email, '@') + 1)), '')
    END AS email_domain,
    traits.title,
    traits.country,
    seen.first_seen_at,
    seen.last_seen_at
  FROM seen
  LEFT JOIN memberships
    ON seen.user_id = memberships.user_id AND memberships.position = 1
  LEFT JOIN traits
    ON seen.user_id = traits.user_id
)
SELECT
  people.user_id::TEXT AS user_id,
  (
    @account_of_user(@identity)
  )::TEXT AS account_id,
  people.name::TEXT AS name,
  people.email::TEXT AS email,
  people.email_domain::TEXT AS email_domain,
  people.title::TEXT AS title,
  people.country::TEXT AS country,
  people.first_seen_at::TIMESTAMP AS first_seen_at,
  people.last_seen_at::TIMESTAMP AS last_seen_at
FROM people
LEFT JOIN raw.personal_email_domains AS personal_email_domains
  ON people.email_domain = personal_email_domains.domain
