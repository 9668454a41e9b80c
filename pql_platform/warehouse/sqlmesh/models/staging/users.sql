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
    title = 'Latest job title given',
    country = 'Latest country given, ISO 3166 alpha-2 where the source sends that',
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

WITH resolved AS (
  SELECT
    COALESCE(messages.user_id, identities.user_id) AS user_id,
    messages.group_id,
    messages.occurred_at,
    messages.message_id
  FROM staging.messages AS messages
  LEFT JOIN staging.identities AS identities
    ON CASE WHEN messages.user_id IS NULL THEN messages.anonymous_id END = identities.anonymous_id
), seen AS (
  SELECT
    user_id,
    MIN(occurred_at) AS first_seen_at,
    MAX(occurred_at) AS last_seen_at
  FROM resolved
  WHERE
    NOT user_id IS NULL
  GROUP BY
    user_id
), memberships AS (
  SELECT
    user_id,
    group_id,
    ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY occurred_at DESC, message_id DESC) AS position
  FROM resolved
  WHERE
    NOT user_id IS NULL AND NOT group_id IS NULL
), traits AS (
  @latest_traits(
    relation := staging.messages,
    key := user_id,
    call := 'identify',
    traits := ['name', 'email', 'title', 'country']
  )
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
    @account_of_user(@definition)
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
