"""The warehouse on data that nobody here wrote: PostHog's Hedgebox simulation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pql_platform.intake.files import take_in
from pql_platform.warehouse.building import build
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.loading import load_inbox, unaccounted_loads
from pql_platform.warehouse.rescoring import rescore

REPOSITORY = Path(__file__).parents[2]
EVENTS = REPOSITORY.parent / "shared" / "data" / "hedgebox_500" / "events.ndjson.gz"
PROGRAM = REPOSITORY / "programs" / "examples" / "hedgebox.yaml"
AS_OF = datetime(2024, 7, 1, tzinfo=UTC)

pytestmark = pytest.mark.skipif(
    not EVENTS.exists(), reason="shared/data/hedgebox_500 is not beside the repository"
)


@pytest.fixture(scope="module")
def hedgebox(kit, tmp_path_factory):
    settings = kit.settings_of(tmp_path_factory.mktemp("hedgebox"), PROGRAM)
    taken = take_in(EVENTS, settings.inbox, now=AS_OF)
    with open_warehouse(settings) as connection:
        counts = load_inbox(connection, settings, AS_OF)
        assert counts.accepted == taken.accepted == 42_568
        assert unaccounted_loads(connection) == []
    build(settings, AS_OF)
    with open_warehouse(settings) as connection:
        yield connection


def test_accounts_users_and_paying_accounts_are_those_of_the_data(hedgebox, kit) -> None:
    assert kit.rows(
        hedgebox,
        "SELECT level, COUNT(*), COUNT(DISTINCT subject_id), COUNT(*) FILTER (is_paying)"
        " FROM features.subjects GROUP BY level ORDER BY level",
    )[0] == ("account", 184, 184, 30)
    assert kit.rows(hedgebox, "SELECT COUNT(*) FROM staging.accounts") == [(184,)]
    assert kit.rows(hedgebox, "SELECT COUNT(*), COUNT(DISTINCT user_id) FROM staging.users") == [
        (303, 303)
    ]


def test_each_subject_has_one_score_and_its_contributions_add_up_to_it(hedgebox, kit) -> None:
    assert kit.rows(
        hedgebox, "SELECT COUNT(*), COUNT(DISTINCT (level, subject_id)) FROM scores.composites"
    ) == [(184 + 303, 184 + 303)]
    sums = dict(
        kit.rows(
            hedgebox,
            "SELECT (level, subject_id), SUM(points) FROM scores.contributions GROUP BY 1",
        )
    )
    scores = dict(kit.rows(hedgebox, "SELECT (level, subject_id), score FROM scores.composites"))
    assert {subject: score for subject, score in scores.items() if score} == {
        subject: points for subject, points in sums.items() if points
    }
    assert 0 < max(scores.values()) <= 100


def test_a_day_later_and_back_gives_the_same_scores(hedgebox, kit) -> None:
    before = kit.tables(hedgebox)
    assert rescore(hedgebox, AS_OF + timedelta(days=1)).scope == "all"
    later = kit.rows(hedgebox, "FROM scores.composites")
    assert sorted(later, key=repr) != before["scores.composites"]
    assert rescore(hedgebox, AS_OF).scope == "all"
    assert rescore(hedgebox, AS_OF + timedelta(hours=1)).scope == "nothing"
    assert kit.tables(hedgebox) == before
