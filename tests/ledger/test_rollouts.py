"""How far a program reaches: by its file, or by a decision for as long as the file stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pql_platform.errors import PqlError
from pql_platform.ledger.engine import reading
from pql_platform.ledger.rollouts import (
    RolloutDecision,
    decision_in_force,
    file_digest,
    last_decision,
    list_decisions,
    record_decision,
    rollout_of,
)
from pql_platform.program.load import load_program

BOARDS = Path(__file__).parents[2] / "programs" / "boards.yaml"


@pytest.fixture
def program():
    """The demo program, which its file says is live."""
    return load_program(BOARDS).program


@pytest.fixture
def decision(program, kit):
    """A decision for a pilot that any test may vary."""
    return RolloutDecision(
        program="boards",
        stage="pilot",
        sample=Decimal("0.25"),
        reps=("ann", "bo"),
        since=kit.START,
        decided_by="mia",
        why="a month with two reps",
        file_digest=file_digest(program),
    )


def decide(engine: Engine, *decisions: RolloutDecision) -> None:
    with engine.begin() as conn:
        for one in decisions:
            record_decision(conn, one)


def test_without_a_decision_the_file_speaks(engine: Engine, program) -> None:
    with reading(engine) as conn:
        assert rollout_of(conn, program) == program.rollout
        assert last_decision(conn, "boards") is None
        assert decision_in_force(conn, program) is None


def test_a_decision_counts_and_says_who_and_when(engine: Engine, program, decision) -> None:
    decide(engine, decision)
    with reading(engine) as conn:
        now = rollout_of(conn, program)
    assert (now.stage, now.sample, now.reps) == ("pilot", Decimal("0.25"), ("ann", "bo"))
    assert (now.by, now.on) == ("mia", decision.since.date())


def test_the_last_decision_counts_and_the_ones_before_stay(
    engine: Engine, program, decision
) -> None:
    # The clock of whoever decides later may be behind.
    live = replace(decision, stage="live", reps=(), since=decision.since - timedelta(hours=1))
    elsewhere = replace(decision, program="docs", stage="shadow")
    decide(engine, decision, live, elsewhere)
    with reading(engine) as conn:
        assert rollout_of(conn, program).stage == "live"
        assert [one.stage for one in list_decisions(conn, "boards")] == ["pilot", "live"]
        assert [one.reps for one in list_decisions(conn, "boards")] == [["ann", "bo"], None]
        assert list_decisions(conn, "none") == []


def test_who_edits_the_file_afterwards_has_spoken_last(engine: Engine, program, decision) -> None:
    decide(engine, decision)
    edited = program.model_copy(
        update={"rollout": program.rollout.model_copy(update={"stage": "shadow"})}
    )
    with reading(engine) as conn:
        assert rollout_of(conn, edited).stage == "shadow"
        assert decision_in_force(conn, edited) is None
        # Written back as it was at the decision, the file says nothing new.
        assert rollout_of(conn, program).stage == "pilot"


def test_other_changes_of_the_file_and_defaults_written_out_say_nothing_of_the_rollout(
    program,
) -> None:
    other = program.model_copy(update={"value_metric": "docs created"})
    spelled = program.model_copy(
        update={
            "rollout": type(program.rollout).model_validate(
                {**program.rollout.model_dump(exclude_defaults=True), "sample": 0.1, "reps": []}
            )
        }
    )
    assert file_digest(other) == file_digest(spelled) == file_digest(program)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"decided_by": " mia"}, "--by"),
        ({"decided_by": ""}, "--by"),
        ({"decided_by": "m\nia"}, "--by"),
        ({"decided_by": "m" * 201}, "--by"),
        ({"stage": "beta"}, "--stage"),
        ({"sample": Decimal(0)}, "--sample"),
        ({"sample": Decimal("1.01")}, "--sample"),
        ({"sample": Decimal("NaN")}, "--sample"),
        ({"sample": Decimal("1e-9")}, "--sample"),
        ({"reps": (" ann",)}, "--rep"),
    ],
)
def test_what_no_pass_could_read_back_is_not_written(
    engine: Engine, program, decision, change, field
) -> None:
    with pytest.raises(PqlError) as refused, engine.begin() as conn:
        record_decision(conn, replace(decision, **change))
    assert (refused.value.field, bool(refused.value.hint)) == (field, True)
    with reading(engine) as conn:
        assert list_decisions(conn, "boards") == []
        assert rollout_of(conn, program) == program.rollout
