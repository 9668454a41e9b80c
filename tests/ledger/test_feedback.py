"""Answers of reps: each is written down once, and found again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError

from pql_platform.ledger.engine import reading
from pql_platform.ledger.feedback import (
    REMEMBERED,
    Feedback,
    answers_since,
    list_feedback,
    misfits,
    note_request,
    record_feedback,
)
from pql_platform.ledger.tables import received_requests

HOUR = timedelta(hours=1)


@pytest.fixture
def answer(kit):
    """An answer that any test may vary."""

    def given(id_: str, key: str = "e1", action: str = "contacted", hours: int = 0, **changes):
        values = {"detail": None, "source": "slack", "given_by": "ann", **changes}
        return Feedback(id_, key, action, given_at=kit.START + hours * HOUR, **values)

    return given


def test_an_answer_counts_once_whatever_it_says_the_second_time(
    engine: Engine, kit, answer
) -> None:
    with engine.begin() as conn:
        id_ = kit.cross(conn)
        assert record_feedback(conn, answer(id_))
        assert not record_feedback(conn, answer(id_))
        assert not record_feedback(conn, answer(id_, action="snooze", hours=3))
        assert record_feedback(conn, answer(id_, "e2", hours=-1, detail="x"))
        assert list_feedback(conn, id_) == [
            answer(id_, "e2", hours=-1, detail="x"),
            answer(id_),
        ]


def test_an_answer_about_nothing_or_of_no_kind_is_refused_by_the_database(
    engine: Engine, kit, answer
) -> None:
    with engine.begin() as conn:
        id_ = kit.cross(conn)
    for wrong in (answer("h0"), answer(id_, action="liked")):
        with pytest.raises(IntegrityError), engine.begin() as conn:
            record_feedback(conn, wrong)
    with reading(engine) as conn:
        assert list_feedback(conn) == []


def test_answers_are_counted_and_listed_by_program_and_hand_off(
    engine: Engine, kit, answer
) -> None:
    with engine.begin() as conn:
        ours, theirs = kit.cross(conn), kit.cross(conn, program="docs")
        for number, (id_, action) in enumerate(
            [(ours, "contacted"), (ours, "snooze"), (ours, "snooze"), (theirs, "wrong_owner")]
        ):
            record_feedback(conn, answer(id_, f"e{number}", action, hours=number))
        boards, docs = (answers_since(conn, name, kit.START) for name in ("boards", "docs"))
        assert (boards.answered, boards.contacted, boards.wrong_owner) == (1, 1, 0)
        assert (docs.answered, docs.contacted, docs.wrong_owner) == (1, 0, 1)
        assert answers_since(conn, "none", kit.START).answered == 0
        assert answers_since(conn, "boards", kit.START + timedelta(seconds=1)).answered == 0
        assert [one.event_key for one in list_feedback(conn)] == ["e0", "e1", "e2", "e3"]
        assert [one.event_key for one in list_feedback(conn, theirs)] == ["e3"]


def test_who_does_not_fit_is_known_by_level_and_id_with_the_latest_answer(
    engine: Engine, kit, answer
) -> None:
    with engine.begin() as conn:
        account, user = kit.cross(conn), kit.cross(conn, level="user")
        other = kit.cross(conn, "other")
        docs = kit.cross(conn, program="docs")
        for number, (id_, action) in enumerate(
            [
                (account, "not_a_fit"),
                (account, "not_a_fit"),
                (user, "not_a_fit"),
                (other, "contacted"),
                (docs, "not_a_fit"),
            ]
        ):
            record_feedback(conn, answer(id_, f"e{number}", action, hours=number))
        found = misfits(conn, "boards", kit.START)
        assert {key: one.event_key for key, one in found.items()} == {
            ("account", "acme"): "e1",
            ("user", "acme"): "e2",
        }
        assert list(misfits(conn, "boards", kit.START + 2 * HOUR)) == [("user", "acme")]
        assert misfits(conn, "boards", kit.START + 3 * HOUR) == {}


def test_a_signed_request_is_taken_once_while_it_could_be_replayed(engine: Engine, kit) -> None:
    with engine.begin() as conn:
        assert note_request(conn, "v0=a", kit.START)
        assert not note_request(conn, "v0=a", kit.START + timedelta(minutes=5))
        assert note_request(conn, "v0=b", kit.START + timedelta(minutes=5))
        assert not note_request(conn, "v0=a", kit.START + REMEMBERED)
        # Later it is too old to be valid anyhow, and is forgotten.
        assert note_request(conn, "v0=c", kit.START + REMEMBERED + timedelta(seconds=1))
        count = select(func.count()).select_from(received_requests)
        assert conn.execute(count).scalar_one() == 2
