"""Who judged the last pass, and the one digest of what a new version makes cross."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, select

from pql_platform.ledger.conservation import conservation
from pql_platform.ledger.digests import write_digest
from pql_platform.ledger.handoffs import find_handoff, open_handoff
from pql_platform.ledger.judged_passes import judge_of_last_pass, note_judge
from pql_platform.ledger.states import BY_MODEL, SUPPRESSED
from pql_platform.ledger.tables import outbox
from pql_platform.ledger.versions import NewVersion, promote, record_version


@pytest.fixture
def second(engine: Engine, kit: Any) -> str:
    """Id of a second version."""
    with engine.begin() as conn:
        new = NewVersion(
            "boards", "d", Decimal(60), Decimal(50), Decimal(5), kit.START, "test", "second"
        )
        return record_version(conn, new).id


def test_the_judge_of_the_last_pass_is_the_one_noted_last(engine: Engine, second: str) -> None:
    with engine.begin() as conn:
        assert judge_of_last_pass(conn, "boards") is None
        for version in ("boards-v1", "boards-v1", second, "boards-v1"):
            note_judge(conn, "boards", version)
            assert judge_of_last_pass(conn, "boards") == version
        assert judge_of_last_pass(conn, "docs") is None


def test_a_pass_that_was_stopped_halfway_has_judged_nothing(engine: Engine, second: str) -> None:
    with engine.begin() as conn:
        note_judge(conn, "boards", "boards-v1")
    with pytest.raises(RuntimeError), engine.begin() as conn:
        note_judge(conn, "boards", second)
        raise RuntimeError
    with engine.begin() as conn:
        assert judge_of_last_pass(conn, "boards") == "boards-v1"


def test_a_version_has_one_digest_for_each_time_it_becomes_live(
    engine: Engine, kit: Any, second: str
) -> None:
    start = kit.START
    with engine.begin() as conn:
        promote(conn, "boards", "boards-v1", "ana", "first", None, now=start)
        promote(conn, "boards", second, "ana", "better", "boards-v1", now=start)
        assert write_digest(conn, "boards", second, {"leads": []}, start)
        assert not write_digest(conn, "boards", second, {"leads": []}, start + timedelta(days=9))
        promote(conn, "boards", "boards-v1", "bo", "worse", second, now=start)
        promote(conn, "boards", second, "ana", "no, better", "boards-v1", now=start)
        assert write_digest(conn, "boards", second, {"leads": []}, start)
        rows = conn.execute(select(outbox.c.kind, outbox.c.channel, outbox.c.handoff_id)).all()
    assert rows == [("digest", "slack", None)] * 2


def test_crossings_by_the_model_keep_the_books_and_the_digest_goes_out_once(
    engine: Engine, kit: Any, clock: Any, slack: Any
) -> None:
    why = "the new version boards-v1 alone"
    with engine.begin() as conn:
        new = kit.crossing("acme", suppressed_because=why, caused_by=BY_MODEL)
        id_ = open_handoff(conn, new, [])
        kit.cross(conn, "other")
        write_digest(conn, "boards", "boards-v1", {"leads": ["acme"]}, clock())
    kit.run_drain(engine, clock, {"slack": slack})
    kit.run_drain(engine, clock, {"slack": slack})
    with engine.begin() as conn:
        handoff = find_handoff(conn, id_)
        books = conservation(conn, "boards")
    assert (handoff.state, handoff.reason, handoff.caused_by) == (SUPPRESSED, why, "model")
    assert sorted(slack.kinds) == ["alert", "digest"]
    assert (books.crossed, books.suppressed, books.delivered, books.holds) == (2, 1, 1, True)
