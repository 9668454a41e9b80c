"""The frames that the suites about features and scores judge, drawn from the serving copy.

Shares and comparisons are computed in SQL, so that any number of accounts becomes a handful of
rows. A figure that cannot be computed is empty, and an empty figure breaks no promise.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from expectations.frames import MAX_ROWS, Frames, without_addresses
from pql_platform.program.schema import Program

# One program's rows are enough: what an account is does not depend on the program.
_ACCOUNTS = """
CREATE OR REPLACE TEMP VIEW accounts AS
SELECT account_id, employees, industry, funding, country, plan, users, first_seen_at
FROM features.subjects
WHERE level = 'account' AND program = (SELECT MIN(program) FROM features.subjects)
"""

# Active in the past two weeks, as `active_users` is defined.
_ACTIVE = """
CREATE OR REPLACE TEMP VIEW active AS
SELECT program, COUNT(*) AS accounts
FROM features.subjects
WHERE level = 'account' AND active_users > 0
GROUP BY program
"""

_LARGEST_ACCOUNTS = """
SELECT
  account_id,
  LOWER(TRIM(account_id)) AS id_in_lower_case,
  employees::DOUBLE AS employees,
  users::DOUBLE AS users,
  (users / NULLIF(SUM(users) OVER (), 0))::DOUBLE AS share_of_users,
  (SUM(users) OVER ())::DOUBLE AS all_users,
  (COUNT(*) OVER ())::DOUBLE AS all_accounts
FROM accounts
ORDER BY users DESC, HASH(account_id)
LIMIT $max_rows
"""

_FACTS = """
WITH told AS (
  SELECT
    first_seen_at > (SELECT as_of FROM raw.clock) - INTERVAL 28 DAY AS is_new,
    UNNEST(['head count', 'industry', 'funding', 'country', 'plan']) AS fact,
    UNNEST([
      employees IS NOT NULL, industry IS NOT NULL, funding IS NOT NULL, country IS NOT NULL,
      plan IS NOT NULL
    ]) AS is_known
  FROM accounts
)
SELECT
  fact,
  COUNT(*) FILTER (WHERE is_new)::DOUBLE AS new_accounts,
  COUNT(*) FILTER (WHERE NOT is_new)::DOUBLE AS older_accounts,
  (AVG(is_known::INT) FILTER (WHERE NOT is_new))::DOUBLE AS older_known_share,
  (
    AVG(is_known::INT) FILTER (WHERE is_new)
    / NULLIF(AVG(is_known::INT) FILTER (WHERE NOT is_new), 0)
  )::DOUBLE AS known_kept
FROM told
GROUP BY fact
ORDER BY fact
"""

_CONVERSIONS = """
SELECT
  program,
  COUNT(*) FILTER (
    WHERE converted_at > clock.as_of - INTERVAL 35 DAY
      AND converted_at <= clock.as_of - INTERVAL 7 DAY
  )::DOUBLE AS before,
  COUNT(*) FILTER (WHERE converted_at > clock.as_of - INTERVAL 7 DAY)::DOUBLE AS last_week
FROM features.subjects, raw.clock AS clock
WHERE level = 'account'
GROUP BY program
ORDER BY program
"""

# Values of an account are those of its best user or of its team; when a signal last occurred is a
# fact of the whole team.
_SIGNALS = """
WITH wanted AS (
  SELECT
    UNNEST($programs) AS program,
    UNNEST($signals) AS signal,
    UNNEST($windows) AS window_days,
    UNNEST($counts) AS is_count
), history AS (
  SELECT EPOCH(MAX(clock.as_of) - MIN(accounts.first_seen_at)) / 86400 AS days
  FROM accounts, raw.clock AS clock
), numbers AS (
  SELECT
    program,
    signal,
    COUNT(*) FILTER (WHERE value IS NULL OR NOT ISFINITE(value)) AS no_numbers,
    COUNT(*) FILTER (
      WHERE level = 'account' AND last_at > clock.as_of - INTERVAL 30 DAY
    ) AS accounts_fed
  FROM features.signals, raw.clock AS clock
  GROUP BY program, signal
), ranked AS (
  SELECT
    wanted.program,
    wanted.signal,
    wanted.is_count,
    signals.account_id,
    signals.value / wanted.window_days AS per_day,
    signals.days_since_last < wanted.window_days AS is_shown,
    ROW_NUMBER() OVER (
      PARTITION BY wanted.program, wanted.signal ORDER BY signals.value DESC, signals.account_id
    ) AS position
  FROM wanted
  LEFT JOIN features.signals AS signals
    ON wanted.program = signals.program
    AND wanted.signal = signals.signal
    AND signals.level = 'account'
)
SELECT
  ranked.program,
  ranked.signal,
  COALESCE(MAX(active.accounts), 0)::DOUBLE AS active_accounts,
  COALESCE(MAX(history.days), 0)::DOUBLE AS history_days,
  COUNT(*) FILTER (WHERE ranked.is_shown)::DOUBLE AS accounts_showing_it,
  COALESCE(MAX(numbers.accounts_fed), 0)::DOUBLE AS accounts_fed,
  COALESCE(MAX(numbers.no_numbers), 0)::DOUBLE AS no_numbers,
  MAX(CASE WHEN ranked.position = 1 THEN ranked.account_id END) AS busiest_account,
  MAX(CASE WHEN ranked.is_count THEN ranked.per_day END)::DOUBLE AS busiest_per_day
FROM ranked
CROSS JOIN history
LEFT JOIN active USING (program)
LEFT JOIN numbers USING (program, signal)
GROUP BY ranked.program, ranked.signal
ORDER BY ranked.program, ranked.signal
"""

_PROFILES = """
WITH wanted AS (
  SELECT UNNEST($programs) AS program, UNNEST($profiles) AS profile
)
SELECT
  wanted.program,
  COALESCE(MAX(active.accounts), 0)::DOUBLE AS active_accounts,
  CASE
    WHEN wanted.profile <> 'any'
    THEN COUNT(*) FILTER (WHERE subjects.profile = wanted.profile)
  END::DOUBLE AS accounts_on_its_plans
FROM wanted
LEFT JOIN active USING (program)
LEFT JOIN features.subjects AS subjects
  ON wanted.program = subjects.program AND subjects.level = 'account'
GROUP BY wanted.program, wanted.profile
ORDER BY wanted.program
"""

_SCORES = """
SELECT
  composites.program,
  composites.level,
  COUNT(*)::DOUBLE AS subjects,
  COUNT(*) FILTER (WHERE composites.score > 0)::DOUBLE AS with_points,
  COUNT(DISTINCT composites.score)::DOUBLE AS different_scores,
  AVG(composites.score)::DOUBLE AS mean_score,
  AVG((composites.score = 100)::INT)::DOUBLE AS full_share,
  COUNT(*) FILTER (
    WHERE composites.score IS NULL OR NOT ISFINITE(composites.score::DOUBLE)
  )::DOUBLE AS no_numbers,
  COALESCE(MAX(active.accounts), 0)::DOUBLE AS active_accounts,
  (AVG((composites.score = 0)::INT) FILTER (
    WHERE composites.level = 'account' AND subjects.active_users > 0
  ))::DOUBLE AS active_zero_share,
  COUNT(*) FILTER (WHERE tiers.subject_id IS NULL)::DOUBLE AS unjudged,
  COUNT(*) FILTER (WHERE tiers.score <> composites.score)::DOUBLE AS judged_by_another_score
FROM scores.composites AS composites
INNER JOIN features.subjects AS subjects USING (program, level, subject_id)
LEFT JOIN pql.tiers AS tiers USING (program, level, subject_id)
LEFT JOIN active USING (program)
GROUP BY composites.program, composites.level
ORDER BY composites.program, composites.level
"""

_CATEGORIES = """
WITH wanted AS (
  SELECT UNNEST($programs) AS program, UNNEST($categories) AS category
)
SELECT
  wanted.program,
  wanted.category,
  COALESCE(MAX(active.accounts), 0)::DOUBLE AS active_accounts,
  COUNT(DISTINCT contributions.subject_id)::DOUBLE AS accounts_earning
FROM wanted
LEFT JOIN active USING (program)
LEFT JOIN scores.contributions AS contributions
  ON wanted.program = contributions.program
  AND wanted.category = contributions.category
  AND contributions.level = 'account'
GROUP BY wanted.program, wanted.category
ORDER BY wanted.program, wanted.category
"""


def features_frames(connection: duckdb.DuckDBPyConnection, programs: Sequence[Program]) -> Frames:
    """Draw the frames of `FEATURES` from the serving copy; none while there is no account."""
    if connection.execute("SELECT 1 FROM features.subjects LIMIT 1").fetchone() is None:
        return {}
    connection.execute(_ACCOUNTS)
    connection.execute(_ACTIVE)
    signals = [(program.program, signal) for program in programs for signal in program.signals]
    parameters = {
        "programs": [program for program, _ in signals],
        "signals": [signal.name for _, signal in signals],
        "windows": [signal.window_days for _, signal in signals],
        "counts": [signal.measure in ("count", "sessions") for _, signal in signals],
    }
    accounts = connection.execute(_LARGEST_ACCOUNTS, {"max_rows": MAX_ROWS}).df()
    busiest = connection.execute(_SIGNALS, parameters).df()
    return {
        "accounts": without_addresses(accounts, "account_id", "id_in_lower_case"),
        "conversions": connection.execute(_CONVERSIONS).df(),
        "profiles": connection.execute(
            _PROFILES,
            {
                "programs": [program.program for program in programs],
                "profiles": [program.profile for program in programs],
            },
        ).df(),
        "facts": connection.execute(_FACTS).df(),
        "signals": without_addresses(busiest, "busiest_account"),
    }


def scores_frames(connection: duckdb.DuckDBPyConnection, programs: Sequence[Program]) -> Frames:
    """Draw the frames of `SCORES` from the serving copy; none while nobody has a score."""
    if connection.execute("SELECT 1 FROM scores.composites LIMIT 1").fetchone() is None:
        return {}
    connection.execute(_ACTIVE)
    used = [
        (program.program, category)
        for program in programs
        for category, signals in program.signals_by_category.items()
        if signals and program.weights.get(category)
    ]
    parameters = {
        "programs": [program for program, _ in used],
        "categories": [category for _, category in used],
    }
    return {
        "programs": connection.execute(_SCORES).df(),
        "categories": connection.execute(_CATEGORIES, parameters).df(),
    }
