"""The facts of a story are those of the warehouse: whose doing, how often, and every point."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from pql_platform.domain.reason_wording import plain_signal
from pql_platform.domain.story import AlertStory, OtherReason
from pql_platform.domain.tiering import TierRule
from pql_platform.handoff.stories import Facts, Lead, tell
from pql_platform.program.load import load_program
from pql_platform.program.schema import Program

NOW = datetime(2026, 9, 15, 14, tzinfo=UTC)
BOARDS = Path(__file__).parents[2] / "programs" / "boards.yaml"

_TABLES = """
CREATE SCHEMA raw; CREATE SCHEMA staging; CREATE SCHEMA features; CREATE SCHEMA scores;
CREATE TABLE raw.clock AS SELECT TIMESTAMP '2026-09-15 14:00:00' AS as_of;
CREATE TABLE staging.accounts AS SELECT
  'acme' AS account_id, 'Acme' AS name, 600 AS employees, 'retail' AS industry, 'trial' AS plan,
  'DE' AS country, 3 AS users, TIMESTAMP '2026-09-01' AS first_seen_at;
CREATE TABLE staging.users (
  user_id TEXT, account_id TEXT, name TEXT, title TEXT, email TEXT, email_domain TEXT,
  first_seen_at TIMESTAMP
);
INSERT INTO staging.users VALUES
  ('ann', 'acme', 'Ann Lee', 'CEO', 'ann@acme.example', 'acme.example', '2026-09-01'),
  ('bob', 'acme', NULL, NULL, NULL, NULL, '2026-09-02'),
  ('guest', 'bolt', 'Guy Guest', NULL, NULL, NULL, '2026-09-02');
CREATE TABLE features.subjects AS SELECT
  'boards' AS program, 'account' AS level, 'acme' AS subject_id, 3 AS active_users,
  'enterprise' AS segment;
CREATE TABLE scores.composites AS SELECT
  'boards' AS program, 'user' AS level, UNNEST(['ann', 'bob', 'guest']) AS subject_id,
  UNNEST([40.25, 10, 99]) AS score;
CREATE TABLE features.signals (
  program TEXT, level TEXT, subject_id TEXT, signal TEXT, days_since_last BIGINT,
  occurrences_ever BIGINT, first_at TIMESTAMP, last_at TIMESTAMP
);
INSERT INTO features.signals VALUES
  ('boards', 'account', 'acme', 'boards_created', 5, 9, '2026-09-01', '2026-09-15 13:00:00'),
  ('boards', 'account', 'acme', 'integrations', 0, 1, '2026-09-15', '2026-09-15 13:00:00'),
  ('boards', 'account', 'acme', 'sessions', 1, 6, '2026-09-01', '2026-09-14 13:00:00'),
  ('boards', 'account', 'acme', 'limits', 1, 2, '2026-09-01', '2026-09-14 13:00:00'),
  ('boards', 'account', 'acme', 'invites', 4, 7, '2026-09-01', '2026-09-11 13:00:00'),
  ('boards', 'user', 'ann', 'boards_created', 5, 3, '2026-09-01', '2026-09-10 13:00:00');
CREATE TABLE scores.contributions (
  program TEXT, level TEXT, subject_id TEXT, account_id TEXT, signal TEXT, category TEXT,
  user_id TEXT, value DOUBLE, points DECIMAL(9, 2), max_points DECIMAL(9, 2)
);
INSERT INTO scores.contributions VALUES
  ('boards', 'account', 'acme', 'acme', 'boards_created', 'usage_depth', 'ann', 3, 10.5, 17.5),
  ('boards', 'account', 'acme', 'acme', 'integrations', 'usage_depth', 'guest', 1, 17.5, 17.5),
  ('boards', 'account', 'acme', 'acme', 'sessions', 'frequency', 'bob', 2, 11.25, 25),
  ('boards', 'account', 'acme', 'acme', 'limits', 'feature_adoption', NULL, 2, 22.5, 25),
  ('boards', 'account', 'acme', 'acme', 'invites', 'viral', NULL, 5, 9.75, 15),
  ('boards', 'account', 'acme', 'acme', 'team_spread', 'spread', NULL, 3, 5, 10),
  ('boards', 'account', 'acme', 'acme', 'team_project', 'compound', NULL, NULL, 10, 10),
  ('boards', 'account', 'acme', 'acme', 'student', 'negative', NULL, NULL, -20, NULL),
  ('boards', 'account', 'acme', 'acme', 'single_user_cap', 'limit', NULL, NULL, -0.25, NULL),
  ('boards', 'user', 'ann', 'acme', 'boards_created', 'usage_depth', 'ann', 3, 10.5, 17.5);
"""


@pytest.fixture(scope="module")
def program() -> Program:
    """The program of the demo, but that invitations count for the team together."""
    boards = load_program(BOARDS).program
    signals = tuple(
        signal.model_copy(update={"account_value": "team"}) if signal.name == "invites" else signal
        for signal in boards.signals
    )
    return boards.model_copy(update={"signals": signals})


@pytest.fixture(scope="module")
def facts(program: Program) -> Iterator[Facts]:
    with duckdb.connect() as connection:
        for statement in duckdb.extract_statements(_TABLES):
            connection.execute(statement)
        yield Facts(connection, program, {"acme"})


def story_of(facts: Facts, level: str, subject_id: str, score: str) -> AlertStory:
    lead = Lead(
        handoff_id="h1",
        level=level,
        subject_id=subject_id,
        account_id="acme",
        score=Decimal(score),
        threshold=Decimal(50),
        users_over=0,
        tier=TierRule(tier=1),
        owner="ae",
        region=None,
        crossed_at=NOW,
        version="boards-v1",
    )
    return tell(lead, facts, {})


def test_each_signal_of_an_account_says_whose_it_is(facts: Facts) -> None:
    story = story_of(facts, "account", "acme", "66.25")
    assert {fact.name: plain_signal(fact, NOW) for fact in story.signals} == {
        "limits": "Somebody reached for more than the free plan allows twice in the last 14 days",
        "integrations": (
            "Guy Guest connected an integration in the last 30 days, for the first time"
        ),
        "sessions": "One person worked in 2 sessions over the last 14 days",
        "boards_created": (
            "Ann Lee created 3 boards in the last 14 days"
            " (9 times so far in the account, last time 5 days ago)"
        ),
        "invites": "The team invited 5 teammates in the last 30 days (last time 4 days ago)",
    }


def test_of_a_person_the_day_counts_and_of_a_team_the_moment(facts: Facts) -> None:
    story = story_of(facts, "account", "acme", "66.25")
    boards = next(fact for fact in story.signals if fact.name == "boards_created")
    assert (boards.last_at, boards.last_on) == (None, date(2026, 9, 10))
    invites = next(fact for fact in story.signals if fact.name == "invites")
    assert (invites.last_at, invites.last_on) == (datetime(2026, 9, 11, 13, tzinfo=UTC), None)


def test_every_point_of_the_score_has_its_reason(facts: Facts) -> None:
    story = story_of(facts, "account", "acme", "66.25")
    assert story.other_reasons == (
        OtherReason("team_project", "compound", Decimal(10)),
        OtherReason("team_spread", "spread", Decimal(5), Decimal(3)),
        OtherReason("single_user_cap", "limit", Decimal("-0.25"), Decimal(75)),
        OtherReason("student", "negative", Decimal(-20)),
    )
    assert sum(part.points for part in (*story.signals, *story.other_reasons)) == story.score


def test_a_user_is_told_of_without_a_subject_and_by_their_own_count(facts: Facts) -> None:
    story = story_of(facts, "user", "ann", "10.5")
    (fact,) = story.signals
    assert plain_signal(fact, NOW) == (
        "Created 3 boards in the last 14 days (last time 5 days ago)"
    )
    assert (fact.actor, fact.occurrences_ever) == ("", 3)


def test_the_contact_is_the_best_of_the_accounts_own_people(facts: Facts) -> None:
    contact = story_of(facts, "account", "acme", "66.25").contact
    assert contact is not None
    assert (contact.user_id, contact.score) == ("ann", Decimal("40.25"))
