"""A home with a warehouse, a serving copy and a ledger, each as small as a suite allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from pql_platform.program.load import load_programs
from pql_platform.program.schema import Program
from pql_platform.qualify.tiers import TIER_COLUMNS
from pql_platform.settings import Settings, load_settings
from pql_platform.warehouse import statements

NOW = datetime(2026, 9, 30, 12, tzinfo=UTC)
PROGRAM_FILE = Path(__file__).parents[2] / "programs" / "boards.yaml"

_SERVING = """
CREATE SCHEMA raw; CREATE SCHEMA features; CREATE SCHEMA scores; CREATE SCHEMA pql;
CREATE TABLE raw.clock (as_of TIMESTAMP);
INSERT INTO raw.clock VALUES (TIMESTAMP '2026-09-30 12:00:00');
CREATE TABLE features.subjects (
  program TEXT, level TEXT, subject_id TEXT, account_id TEXT, plan TEXT, profile TEXT,
  employees BIGINT, industry TEXT, funding TEXT, country TEXT, users BIGINT, active_users BIGINT,
  engaged_users BIGINT, first_seen_at TIMESTAMP, converted_at TIMESTAMP
);
CREATE TABLE features.signals (
  program TEXT, level TEXT, subject_id TEXT, account_id TEXT, signal TEXT, user_id TEXT,
  value DOUBLE, days_since_last BIGINT, last_at TIMESTAMP
);
CREATE TABLE scores.composites (
  program TEXT, level TEXT, subject_id TEXT, account_id TEXT, score DECIMAL(9, 2)
);
CREATE TABLE scores.contributions (
  program TEXT, level TEXT, subject_id TEXT, account_id TEXT, signal TEXT, category TEXT,
  user_id TEXT, points DECIMAL(9, 2)
);
"""

_ACCOUNTS = """
INSERT INTO features.subjects
SELECT
  'boards', 'account', 'a' || i, 'a' || i, 'free', 'freemium', 100, 'retail', 'seed', 'DE', 3, 1, 1,
  TIMESTAMP '2026-09-30' - i * INTERVAL 4 HOUR, NULL
FROM RANGE($accounts) AS numbers(i);
INSERT INTO features.signals
SELECT
  'boards', 'account', 'a' || i, 'a' || i, signal, 'u' || i, 1 + i % 5, 1,
  TIMESTAMP '2026-09-29 12:00:00'
FROM RANGE($accounts) AS numbers(i),
  (SELECT UNNEST(['boards_created', 'integrations', 'sessions', 'limits', 'invites']) AS signal);
INSERT INTO scores.composites
SELECT 'boards', 'account', 'a' || i, 'a' || i, (i % 200) / 4 FROM RANGE($accounts) AS numbers(i);
INSERT INTO scores.contributions
SELECT 'boards', 'account', 'a' || i, 'a' || i, category, category, 'u' || i, 1
FROM RANGE($accounts) AS numbers(i),
  (SELECT UNNEST(['usage_depth', 'frequency', 'feature_adoption', 'viral']) AS category);
INSERT INTO pql.tiers (program, level, subject_id, score)
SELECT program, level, subject_id, score FROM scores.composites;
"""

Change = Callable[[str], None]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("PQL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PQL_PROGRAMS", str(PROGRAM_FILE))
    monkeypatch.delenv("PQL_STATE_URL", raising=False)
    settings = load_settings()
    settings.prepare_home()
    return settings


@pytest.fixture(scope="session")
def programs() -> list[Program]:
    return [loaded.program for loaded in load_programs(PROGRAM_FILE)]


@pytest.fixture
def serving() -> Iterator[duckdb.DuckDBPyConnection]:
    """400 active accounts with everything in order, in memory."""
    with duckdb.connect() as connection:
        fill_serving(connection)
        yield connection


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """35 days of 60 events of each of two names a day, loaded in five files, in memory."""
    with duckdb.connect() as connection:
        fill_warehouse(connection)
        yield connection


def fill_serving(connection: duckdb.DuckDBPyConnection, accounts: int = 400) -> None:
    connection.execute(_SERVING)
    tier_columns = ", ".join(f"{name} {kind}" for name, kind in TIER_COLUMNS.items())
    connection.execute(f"CREATE TABLE pql.tiers ({tier_columns})")
    for statement in duckdb.extract_statements(_ACCOUNTS):
        wanted = dict.fromkeys(statement.named_parameters, accounts)
        connection.execute(statement, wanted or None)


def fill_warehouse(connection: duckdb.DuckDBPyConnection) -> None:
    statements.run(connection, "raw_tables")
    connection.execute("INSERT INTO raw.clock VALUES (TIMESTAMP '2026-09-30 12:00:00')")
    connection.execute(
        """
        INSERT INTO raw.events (
          message_id, source, type, event, user_id, occurred_at, received_at, content_key, file,
          load_id, link_id
        )
        SELECT event || i, 'segment', 'track', event, 'u' || i % 50, moment, moment, 0, 'f', 1,
          i % 50
        FROM (
          SELECT
            i,
            UNNEST(['Board Created', 'Teammate Invited']) AS event,
            TIMESTAMP '2026-09-30 11:59:00' - i * INTERVAL 24 MINUTE AS moment
          FROM RANGE(35 * 60) AS numbers(i)
        )
        """
    )
    connection.execute(
        """
        INSERT INTO raw.loads
        SELECT
          i, 'file' || i, 'file' || i, 840, 840, 0, 0,
          TIMESTAMP '2026-09-30 12:00:00' - i * INTERVAL 1 HOUR
        FROM RANGE(5) AS numbers(i)
        """
    )


@pytest.fixture
def installed(home: Settings) -> Settings:
    """The home with both DuckDB files in place, everything in order."""
    with duckdb.connect(str(home.warehouse)) as connection:
        fill_warehouse(connection)
    with duckdb.connect(str(home.serving)) as connection:
        fill_serving(connection)
    return home
