/* One row per visit of a user: events no more than 30 minutes apart. */
MODEL (
  name features.sessions,
  kind FULL,
  owner product,
  grain (account_id, user_id, session_started_at),
  column_descriptions (
    account_id = 'The account in which the user worked',
    user_id = 'The visitor',
    session_started_at = 'First event of the visit, UTC',
    day = 'Day on which the visit started, UTC',
    seconds = 'First to last event, seconds',
    events = 'Product events in the visit, count'
  ),
  audits (
    not_null(columns := (account_id, user_id, session_started_at)),
    unique_combination_of_columns(columns := (account_id, user_id, session_started_at)),
    accepted_range("column" := seconds, min_v := 0)
  )
);

SELECT
  account_id::TEXT AS account_id,
  user_id::TEXT AS user_id,
  session_started_at::TIMESTAMP AS session_started_at,
  session_started_at::DATE AS day,
  DATE_DIFF('SECOND', MIN(occurred_at), MAX(occurred_at))::BIGINT AS seconds,
  COUNT(*)::BIGINT AS events
FROM staging.events
WHERE
  NOT session_started_at IS NULL
GROUP BY
  account_id,
  user_id,
  session_started_at
