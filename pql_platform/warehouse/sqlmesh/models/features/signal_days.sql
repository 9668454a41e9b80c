/* One row per signal, user and day on which it occurred: the daily roll-up that every window sums. */
MODEL (
  name features.signal_days,
  kind FULL,
  owner product,
  grain (program, signal, account_id, user_id, day),
  column_descriptions (
    program = 'Program that defines the signal',
    signal = 'Name of the signal in the program file',
    account_id = 'The account in which it occurred',
    user_id = 'Who did it; empty for an event of the account alone',
    day = 'Day, UTC',
    occurrences = 'Matching events, or visits for the session measures, count',
    total = 'Sum of the property, or seconds of the visits; empty where the measure needs none',
    first_at = 'First occurrence of the day, UTC',
    last_at = 'Last occurrence of the day, UTC'
  ),
  audits (
    not_null(columns := (program, signal, account_id, day, occurrences)),
    unique_combination_of_columns(columns := (program, signal, account_id, user_id, day)),
    accepted_range("column" := occurrences, min_v := 1)
  )
);

@signal_days(@definition)
