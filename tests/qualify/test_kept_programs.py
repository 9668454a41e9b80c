"""A program survives being kept by a version: to the digit, with aliases and order."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pql_platform.errors import PqlError
from pql_platform.ledger.versions import ModelVersion
from pql_platform.program.load import digest, load_program, program_text
from pql_platform.program.schema import Program
from pql_platform.program.signals import CATEGORIES
from pql_platform.qualify.kept_programs import keeps, program_of_version
from pql_platform.warehouse.check import UNIT_PROGRAM
from pql_platform.warehouse.definition import compile_definition

REPOSITORY = Path(__file__).parents[2]
FILES = [*sorted((REPOSITORY / "programs").rglob("*.yaml")), UNIT_PROGRAM]
BOARDS = load_program(REPOSITORY / "programs" / "boards.yaml")


def version(text: str | None) -> ModelVersion:
    return ModelVersion(
        "boards",
        "d",
        Decimal(60),
        Decimal(50),
        Decimal(5),
        datetime(2026, 3, 1, tzinfo=UTC),
        "test",
        "test",
        program_text=text,
        id="boards-v1",
        number=1,
    )


def assert_survives(program: Program) -> None:
    kept = version(program_text(program))
    again = program_of_version(kept)
    assert again == program
    assert again is not None
    assert list(again.segments) == list(program.segments)
    assert compile_definition([again]) == compile_definition([program])
    assert digest(again) == digest(program)
    assert keeps(kept, program)


def numbers(lowest: float, highest: float) -> st.SearchStrategy[float | int]:
    written = st.floats(lowest, highest, allow_nan=False)
    return written | st.integers(int(lowest) + 1, int(highest))


scalars = st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-(10**9), 10**9) | st.text()
lines = st.text(st.characters(codec="utf-8", exclude_characters="{}"), min_size=1, max_size=40).map(
    lambda text: "".join(char if char.isprintable() else "?" for char in text).strip() or "x"
)
quarters = st.integers(1, 399).map(lambda quarter: quarter / 4)
conditions = st.sampled_from(
    [
        "email_domain in @education",
        "email_domain not in @own",
        "employees < 10.5",
        "users in [1, 7]",
        "title not in ['a, b', \"c\"]",
        'country == "trinidad and tobago"',
        "days_since_signup >= 0.000001",
    ]
)
signals = st.fixed_dictionaries(
    {
        "category": st.sampled_from(CATEGORIES),
        "threshold": numbers(0.001, 10**6),
        "says": lines,
        "window_days": st.integers(1, 365),
        "where": st.dictionaries(
            st.sampled_from(["plan", "plan.name", "a b.$c"]),
            scalars | st.lists(scalars, min_size=1, max_size=3),
        ),
        "measure": st.sampled_from(["count", "ever", "days_since_last", "sum:plan.seats"]),
    },
    optional={"any_of": st.lists(lines, min_size=1, max_size=3), "speakable": st.booleans()},
)
programs = st.fixed_dictionaries(
    {
        "signals": st.lists(signals, min_size=1, max_size=4).map(
            lambda written: [
                {"name": f"s{number}", **signal} for number, signal in enumerate(written)
            ]
        ),
        "half_life_days": numbers(1, 365),
        "threshold": st.fixed_dictionaries(
            {"top_share": numbers(0.0001, 1), "capacity_per_day": st.integers(1, 99)},
            optional={"enter": st.just("auto") | numbers(0, 100), "leave_margin": numbers(0, 100)},
        ),
        "accounts": st.sampled_from([{"from": ["email_domain"]}, {"from": ["group"]}, {}]),
        "negative": st.lists(
            st.tuples(conditions, quarters), max_size=2, unique_by=lambda item: item[0]
        ).map(
            lambda found: [
                {"name": f"n{number}", "when": when, "points": -points}
                for number, (when, points) in enumerate(found)
            ]
        ),
        "fit": st.fixed_dictionaries(
            {},
            optional={
                "require": st.dictionaries(
                    st.sampled_from(["country", "plan"]),
                    st.sampled_from(["de", ["us", "a, b"], "in [x, y]", "!= free", "50 and more"]),
                )
            },
        ),
        "segments": st.permutations(["large", "middle", "small"]).map(
            lambda names: dict(zip(names, [">= 500.5", "in [7, 8]", "otherwise"], strict=True))
        ),
        "rollout": st.fixed_dictionaries(
            {"stage": st.sampled_from(["shadow", "live"]), "on": st.dates()}
        ),
        "lists": st.sampled_from([{}, {"own": ["*.example.com", "@education"]}]),
        "core_events": st.lists(lines, max_size=2),
    },
    optional={"aha": st.just({"event": "Board Created", "at_least": 3, "within_days": 2})},
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_program_of_the_repository_survives(path: Path) -> None:
    assert_survives(load_program(path).program)


@settings(deadline=None)
@given(programs)
def test_any_program_survives(changes: dict[str, Any]) -> None:
    usual = json.loads(program_text(BOARDS.program))
    del usual["aha"]
    tier = {"tier": 1, "otherwise": True, "contact_within": "90m"}
    try:
        program = Program.model_validate({**usual, "compounds": [], "tiers": [tier], **changes})
    except ValidationError:
        reject()  # what a file may say is decided, and tested, elsewhere
    assert_survives(program)


def test_the_order_of_segments_is_part_of_what_is_kept() -> None:
    segments = list(BOARDS.program.segments.items())
    turned = BOARDS.program.model_copy(update={"segments": dict(reversed(segments))})
    assert not keeps(version(program_text(BOARDS.program)), turned)


def test_a_version_without_a_program_keeps_none() -> None:
    assert program_of_version(version(None)) is None
    assert not keeps(version(None), BOARDS.program)


def test_a_program_that_this_release_cannot_read_is_named_and_never_taken_for_another() -> None:
    strange = version(program_text(BOARDS.program).replace('"motion"', '"movement"'))
    with pytest.raises(PqlError, match=r"The program of boards-v1 cannot be read") as refused:
        program_of_version(strange)
    assert refused.value.hint
    assert not keeps(strange, BOARDS.program)
