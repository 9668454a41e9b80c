"""A nurtured lead that comes to need a person is handed over; one that does not is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest

from pql_platform.domain.qualification import Decisions, Episode, Leave
from pql_platform.domain.tiering import TierRule
from pql_platform.handoff.nurture import out_of_nurture
from pql_platform.ledger.engine import reading
from pql_platform.ledger.episodes import nurtured_episodes

RULES = {
    1: TierRule(1, Decimal(80), None, timedelta(hours=2), "manager"),
    3: TierRule(3, nurture="tips"),
}
OPENED = datetime(2026, 3, 2, 9, tzinfo=UTC)
EPISODE = Episode("h1", "account", "acme", "acme", OPENED, None, 2, 3)
NOTHING = Decisions((), (), ())


def rows(tier: int, qualified: bool = True, level: str = "account") -> pd.DataFrame:
    frame = pd.DataFrame(
        [
            {
                "level": level,
                "subject_id": "acme",
                "account_id": "acme",
                "score": 84.5,
                "tier": tier,
                "qualified": qualified,
            }
        ]
    )
    return frame.set_index(["level", "subject_id"], drop=False)


def test_its_episode_ends_and_the_next_begins() -> None:
    found = out_of_nurture(NOTHING, "account", [EPISODE], {"h1"}, rows(1), RULES)
    [leave], [entry] = found.leave, found.enter
    assert (leave.episode, leave.reason) == (EPISODE, "rose out of nurture to tier 1")
    assert (entry.subject.subject_id, entry.subject.score, entry.number) == (
        "acme",
        Decimal("84.5"),
        3,
    )


@pytest.mark.parametrize(
    ("decisions", "level", "nurtured", "now"),
    [
        (NOTHING, "account", {"h1"}, rows(3)),
        (NOTHING, "account", {"h1"}, rows(1, qualified=False)),
        (NOTHING, "account", {"h1"}, rows(1, level="user")),
        (NOTHING, "account", set(), rows(1)),
        (NOTHING, "user", {"h1"}, rows(1)),
        (Decisions((), (Leave(EPISODE, "fell"),), ()), "account", {"h1"}, rows(1)),
    ],
    ids=["still nurtured", "below", "gone", "called already", "other level", "leaves anyway"],
)
def test_every_other_lead_is_left_alone(decisions, level, nurtured, now) -> None:
    assert out_of_nurture(decisions, level, [EPISODE], nurtured, now, RULES) == decisions


def test_nurtured_is_what_runs_and_nobody_is_asked_to_call(engine, kit) -> None:
    nurtured = kit.cross("acme", kinds=("crm_task",), due_at=None, remind_at=None)
    kit.cross("zen")
    kit.cross("old", suppressed_because="backfill", due_at=None)
    with reading(engine) as conn:
        assert nurtured_episodes(conn, "boards") == {nurtured}
