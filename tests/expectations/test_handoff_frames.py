"""The frames about hand-offs, drawn from a real ledger."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, update

from expectations.frames import Frames
from expectations.handoff_frames import handoff_frames
from pql_platform.ledger.engine import open_ledger
from pql_platform.ledger.handoffs import NewHandoff, NewMessage, close_episodes, open_handoff
from pql_platform.ledger.tables import handoffs
from pql_platform.ledger.versions import NewVersion, record_version
from pql_platform.settings import Settings

NOW = datetime(2026, 9, 30, 12, tzinfo=UTC)
STORY: dict[str, Any] = {
    "account_name": "Acme",
    "contact": {"user_id": "u1", "name": "Jane Doe"},
    "signals": [{"name": "invites"}, {"name": "sessions"}],
    "other_reasons": [
        {"name": "team_project", "category": "compound", "points": "10.00"},
        {"name": "team_spread", "category": "spread", "points": "5.00"},
        {"name": "student", "category": "negative", "points": "-20.00"},
        {"name": "cap", "category": "limit", "points": "-1.00"},
    ],
    "users_over_threshold": 0,
    "escalate_to": "manager",
}

Cross = Callable[..., str]


@pytest.fixture
def engine(home: Settings) -> Iterator[Engine]:
    engine = open_ledger(home.ledger_url)
    with engine.begin() as conn:
        record_version(
            conn,
            NewVersion(
                program="boards",
                program_digest="0" * 64,
                enter_account=Decimal("62.5"),
                enter_user=Decimal(55),
                leave_margin=Decimal(5),
                created_at=NOW,
                created_by="test",
                reason="first",
            ),
        )
    yield engine
    engine.dispose()


@pytest.fixture
def cross(engine: Engine) -> Cross:
    """Opens a hand-off two hours ago, with whatever is said otherwise."""

    def open_one(**changes: Any) -> str:
        story = STORY | changes.pop("story", {})
        opened_at = changes.get("opened_at", NOW - timedelta(hours=2))
        values: dict[str, Any] = {
            "program": "boards",
            "motion": "new_business",
            "level": "account",
            "subject_id": "acme",
            "account_id": "acme",
            "tier": 1,
            "episode": 1,
            "score": Decimal(70),
            "threshold": Decimal("62.5"),
            "version_id": "boards-v1",
            "paying": False,
            "crossed_at": opened_at - timedelta(minutes=30),
            "opened_at": opened_at,
            "owner": "ae.emea",
            "due_at": opened_at + timedelta(hours=2),
            "story": story,
        }
        new = NewHandoff(**(values | changes))
        messages = [] if new.suppressed_because else [NewMessage("slack", "alert", {})]
        with engine.begin() as conn:
            return open_handoff(conn, new, messages)

    return open_one


def drawn(engine: Engine) -> Frames:
    with engine.connect() as conn:
        return handoff_frames(conn, NOW)


def test_a_hand_off_is_a_row_of_figures(engine: Engine, cross: Cross) -> None:
    id_ = cross()

    (row,) = drawn(engine)["handoffs"].to_dict("records")

    assert math.isnan(row.pop("hours_to_delivery"))
    assert row == {
        "handoff": id_,
        "state": "PENDING",
        "told": 1,
        "delivered": 0,
        "escalates": 1,
        "age_hours": 2,
        "points_over_threshold": 7.5,
        "hours_from_crossing": 0.5,
        "hours_to_deadline": 2,
        "length_of_account_name": 4,
        "reasons": 4,
        "addresses": 0,
    }


def test_an_account_carried_by_its_users_need_not_have_the_score(
    engine: Engine, cross: Cross
) -> None:
    cross(score=Decimal(10), story={"users_over_threshold": 3})
    cross(score=Decimal(10), subject_id="other")

    margins = drawn(engine)["handoffs"]["points_over_threshold"]

    assert sorted(margins.dropna()) == [-52.5]
    assert margins.isna().sum() == 1


def test_addresses_are_counted_and_nothing_personal_is_in_a_frame(
    engine: Engine, cross: Cross
) -> None:
    cross(
        level="user",
        subject_id="jane@acme.example",
        story={"account_name": "", "contact": {"user_id": "u1", "name": "jane@acme.example"}},
    )

    frames = drawn(engine)

    assert frames["handoffs"]["addresses"].tolist() == [1]
    assert frames["handoffs"]["length_of_account_name"].tolist() == [0]
    assert frames["subjects"]["subject"].tolist() == ["…@acme.example"]
    text = json.dumps({name: frame.to_dict("list") for name, frame in frames.items()})
    assert "jane" not in text.lower()
    assert "acme" not in text.replace("@acme.example", "")


def test_what_is_older_than_a_week_is_judged_only_while_it_has_no_fate(
    engine: Engine, cross: Cross
) -> None:
    long_ago = NOW - timedelta(days=8)
    waiting = cross(subject_id="waiting", opened_at=long_ago)
    gone = cross(subject_id="gone", opened_at=long_ago)
    with engine.begin() as conn:
        close_episodes(conn, [gone], NOW, "fell below")

    assert drawn(engine)["handoffs"]["handoff"].tolist() == [waiting]
    assert drawn(engine)["week"].empty


def test_repetitions_are_counted_per_subject_without_the_suppressed(
    engine: Engine, cross: Cross
) -> None:
    for episode in (1, 2, 3):
        id_ = cross(episode=episode)
        with engine.begin() as conn:
            close_episodes(conn, [id_], NOW, "fell below")
    cross(subject_id="other", suppressed_because="history loaded in backfill mode")

    subjects = drawn(engine)["subjects"].to_dict("records")

    assert subjects == [
        {"program": "boards", "level": "account", "subject": "acme", "times_in_a_week": 3}
    ]


def test_the_week_says_what_was_given_up_and_who_has_no_contact(
    engine: Engine, cross: Cross
) -> None:
    ids = [cross(subject_id=f"a{i}") for i in range(3)]
    cross(subject_id="a3", story={"contact": None})
    cross(subject_id="a4", suppressed_because="history loaded in backfill mode")
    with engine.begin() as conn:
        conn.execute(update(handoffs).where(handoffs.c.id == ids[0]).values(state="DEAD"))

    (week,) = drawn(engine)["week"].to_dict("records")

    assert week == {
        "program": "boards",
        "handoffs": 4,
        "dead_share": 0.25,
        "without_contact_share": 0.25,
    }


def test_there_is_nothing_to_judge_in_an_empty_ledger(engine: Engine) -> None:
    assert drawn(engine) == {}
