"""Which accounts a user or account can have belonged to at any time, by the ids it was seen with.

A question about the past must look at the accounts of that time, not at those of today: somebody
may have moved, or be known under another id since. Which of them it was then is for the models to
say; here it only matters that none is missing.
"""

from __future__ import annotations

from datetime import datetime

import duckdb

from pql_platform.errors import PqlError
from pql_platform.program.suggest import closest

_ACCOUNTS_EVER = """
WITH RECURSIVE aliases AS (
  SELECT previous_id, user_id FROM warehouse.raw.links
  WHERE previous_id IS NOT NULL AND user_id IS NOT NULL
), people AS (
  SELECT $id::TEXT AS user_id
  UNION
  SELECT CASE WHEN aliases.user_id = people.user_id THEN aliases.previous_id
    ELSE aliases.user_id END
  FROM people
  INNER JOIN aliases ON people.user_id = aliases.user_id OR people.user_id = aliases.previous_id
), devices AS (
  SELECT anonymous_id FROM warehouse.raw.links
  WHERE anonymous_id IS NOT NULL AND user_id IN (FROM people)
  UNION
  FROM people
), seen AS (
  SELECT link_id, cluster, group_id FROM warehouse.raw.links
  WHERE user_id IN (FROM people) OR (user_id IS NULL AND anonymous_id IN (FROM devices))
), identified AS (
  -- Two scans, so that the first can pass over all clusters but those of the id.
  SELECT traits FROM warehouse.raw.events
  WHERE type = 'identify' AND cluster IN (SELECT cluster FROM seen)
    AND link_id IN (SELECT link_id FROM seen)
  UNION ALL
  SELECT traits FROM warehouse.raw.events
  WHERE type = 'identify' AND cluster IS NULL AND link_id IN (SELECT link_id FROM seen)
)
SELECT group_id AS account_id FROM seen WHERE group_id IS NOT NULL
UNION
SELECT REGEXP_EXTRACT(LOWER(JSON_EXTRACT_STRING(traits, '$.email')), '(?s)@(.+)', 1)
FROM identified
WHERE JSON_EXTRACT_STRING(traits, '$.email') LIKE '%@%'
UNION
SELECT 'user:' || user_id FROM people
UNION
SELECT account_id FROM warehouse.staging.users WHERE user_id IN (FROM people)
UNION
SELECT $id
"""


def accounts_ever(connection: duckdb.DuckDBPyConnection, subject_id: str) -> list[str]:
    """Return every account that the scores of a user or account can follow from, at any time.

    Args:
        connection: The warehouse.
        subject_id: A user id or an account id, also one that has been merged into another since.
    """
    rows = connection.execute(_ACCOUNTS_EVER, {"id": subject_id}).fetchall()
    return sorted(account for (account,) in rows)


def merged_into(connection: duckdb.DuckDBPyConnection, subject_id: str) -> str | None:
    """Return the user id that stands for a merged one; `staging` is that of the instant asked."""
    row = connection.execute(
        "SELECT merged_into FROM staging.merged_users WHERE user_id = ?", [subject_id]
    ).fetchone()
    return str(row[0]) if row else None


def refused_subject(
    connection: duckdb.DuckDBPyConnection,
    subject_id: str,
    successor: str | None,
    as_of: datetime,
) -> PqlError:
    """Return the error for an id that was no user or account at an instant.

    Args:
        connection: The warehouse.
        subject_id: The id.
        successor: The user id that stood for it by then, if it had been merged.
        as_of: The instant.
    """
    if successor is not None:
        return PqlError(
            f"{subject_id} had been merged into {successor} by {as_of.isoformat()}",
            hint=f"Ask for `{successor}`, or for an earlier time with --as-of",
        )
    seen = connection.execute(
        """
        SELECT 1 FROM warehouse.raw.links
        WHERE $id IN (user_id, group_id, previous_id) OR 'user:' || user_id = $id
        UNION ALL
        SELECT 1 FROM warehouse.staging.accounts WHERE account_id = $id
        LIMIT 1
        """,
        {"id": subject_id},
    ).fetchone()
    if seen is not None:
        return PqlError(
            f"{subject_id} was not known at {as_of.isoformat()}",
            hint="Ask for a later time with --as-of",
        )
    known = connection.execute(
        "SELECT subject_id FROM warehouse.features.subjects ORDER BY subject_id LIMIT 20000"
    ).fetchall()
    meant = closest(subject_id, [name for (name,) in known])
    return PqlError(
        f"There is no user or account {subject_id!r}",
        hint=f"Did you mean `{meant}`?" if meant else "List them with `pql scores`",
    )
