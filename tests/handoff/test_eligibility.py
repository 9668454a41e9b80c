"""Whether a lead is still one when it is sent, by a copy that may be older than its crossing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pql_platform.handoff.eligibility import eligibility_at_send
from pql_platform.ledger.claims import OutboxRow
from pql_platform.settings import Settings

PUBLISHED = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation whose published copy knows one account that cannot be a lead."""
    settings = Settings().model_copy(update={"home": tmp_path})
    with duckdb.connect(str(settings.serving)) as connection:
        connection.execute("CREATE SCHEMA pql")
        connection.execute(
            "CREATE TABLE pql.tiers AS SELECT 'boards' AS program, 'account' AS level,"
            " 'acme' AS subject_id, FALSE AS eligible, 'already pays' AS reason, ? AS as_of",
            [PUBLISHED.replace(tzinfo=None)],
        )
    return settings


def row(opened_at: datetime | None, subject: str = "acme") -> OutboxRow:
    values: dict[str, Any] = dict.fromkeys(OutboxRow.__dataclass_fields__)
    values |= {"program": "boards", "level": "account", "subject_id": subject}
    return OutboxRow(**{**values, "opened_at": opened_at})


def test_who_bought_since_the_crossing_is_not_called(settings: Settings) -> None:
    why_not = eligibility_at_send(settings)
    assert why_not(row(PUBLISHED - timedelta(minutes=5))) == "already pays"
    assert why_not(row(PUBLISHED)) == "already pays"
    assert why_not(row(PUBLISHED - timedelta(minutes=5), "zen")) is None


def test_a_copy_that_is_older_than_the_crossing_has_nothing_to_say(settings: Settings) -> None:
    # A moment ago it was not eligible, and that is why it crosses only now.
    assert eligibility_at_send(settings)(row(PUBLISHED + timedelta(seconds=1))) is None


def test_before_anything_was_published_every_crossing_stands(tmp_path: Path) -> None:
    nothing = Settings().model_copy(update={"home": tmp_path})
    assert eligibility_at_send(nothing)(row(PUBLISHED)) is None
