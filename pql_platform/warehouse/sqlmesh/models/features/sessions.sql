/* One row per signal that counts visits and visit that counts for it: events of a person no more than 30 minutes apart, at least one of them a core action. */
MODEL (
  name features.sessions,
  kind FULL,
  owner product,
  grain (program, signal, account_id, user_id, session_started_at),
  column_descriptions (
    program = 'Name of the program that defines the signal',
    signal = 'Name of the signal in the program file',
    account_id = 'Id: the account in which the user worked',
    user_id = 'Id: the visitor',
    session_started_at = 'First event of the visit, UTC',
    day = 'Day on which the visit started, UTC',
    seconds = 'First to last event, seconds',
    events = 'Product events in the visit, count',
    meaningful_events = 'Core actions among them, count'
  ),
  audits (
    not_null(columns := (program, signal, account_id, user_id, session_started_at)),
    unique_combination_of_columns(columns := (program, signal, account_id, user_id, session_started_at)),
    accepted_range("column" := seconds, min_v := 0),
    accepted_range("column" := meaningful_events, min_v := 1)
  )
);

WITH visitors /* A number for each, since sorting all events by two texts takes twice as long. */ AS (
  SELECT
    link_id,
    account_id,
    user_id,
    DENSE_RANK() OVER (ORDER BY account_id, user_id) AS visitor
  FROM staging.owners
  WHERE
    NOT user_id IS NULL
), core_actions /* Joined, not listed in the sum: comparing every event with a list takes thrice as long. */ AS (
  @visit_events(@behaviours)
), half_hours /* Two events of a link in one of them are of one visit, whatever lies between: a fifth of the rows to sort. */ AS (
  SELECT
    events.link_id,
    MIN(events.occurred_at) AS first_at,
    MAX(events.occurred_at) AS last_at,
    COUNT(*) AS events,
    @visit_counts(@behaviours)
  FROM staging.messages AS events
  LEFT JOIN core_actions
    ON events.event = core_actions.event
  WHERE
    events.type IN ('track', 'page', 'screen')
  GROUP BY
    events.link_id,
    events.occurred_at::DATE,
    EXTRACT(HOUR FROM events.occurred_at),
    CASE WHEN EXTRACT(MINUTE FROM events.occurred_at) < 30 THEN 0 ELSE 1 END
), flagged AS (
  SELECT
    half_hours.*,
    visitors.visitor,
    CASE
      WHEN half_hours.first_at - MAX(half_hours.last_at) OVER (
        PARTITION BY visitors.visitor
        ORDER BY half_hours.first_at NULLS FIRST
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
      ) <= INTERVAL '30' MINUTE
      THEN 0
      ELSE 1
    END AS starts_visit
  FROM half_hours
  INNER JOIN visitors
    ON half_hours.link_id = visitors.link_id
), numbered /* By range, so that links with the same first moment are in the same visit. */ AS (
  SELECT
    *,
    SUM(starts_visit) OVER (
      PARTITION BY visitor
      ORDER BY first_at NULLS FIRST
      RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS visit
  FROM flagged
), timed AS (
  SELECT
    visitor,
    MIN(first_at) AS session_started_at,
    MAX(last_at) AS session_ended_at,
    SUM(events) AS events,
    @visit_sums(@behaviours)
  FROM numbered
  GROUP BY
    visitor,
    visit
), names AS (
  SELECT DISTINCT
    visitor,
    account_id,
    user_id
  FROM visitors
), visits AS (
  SELECT
    timed.*,
    names.account_id,
    names.user_id
  FROM timed
  INNER JOIN names
    ON timed.visitor = names.visitor
), sessions AS (
  @meaningful_visits(@behaviours)
)
SELECT
  program::TEXT AS program,
  signal::TEXT AS signal,
  account_id::TEXT AS account_id,
  user_id::TEXT AS user_id,
  session_started_at::TIMESTAMP AS session_started_at,
  session_started_at::DATE AS day,
  DATE_DIFF(
    'SECOND',
    DATE_TRUNC('SECOND', session_started_at),
    DATE_TRUNC('SECOND', session_ended_at)
  )::BIGINT AS seconds,
  events::BIGINT AS events,
  meaningful_events::BIGINT AS meaningful_events
FROM sessions
