"""A compound is kept only where it says more than its parts, on time that it was not found on."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pql_platform.calibration.compounds import find_compounds
from pql_platform.domain.points import is_quarter
from pql_platform.errors import PqlError

PLAIN = {"compounds": ()}


@pytest.fixture(scope="module")
def program(boards):
    return boards.model_copy(update=PLAIN)


def test_a_planted_compound_is_found_and_has_quarter_points(planted, program) -> None:
    examples = planted(
        {"limits": 1.0}, accounts=4000, base=-5.0, together=({"invites": 1, "integrations": 1}, 3.5)
    )
    found = find_compounds(examples, program, program.max_points)
    assert 1 <= len(found) <= 2
    assert set(found[0].all) == {"invites", "integrations"}
    assert all(is_quarter(each.points) and 0 < each.points <= 20 for each in found)
    again = program.model_copy(update={"compounds": found})
    assert {item.name for item in again.reachable_compounds} == {item.name for item in found}
    assert find_compounds(examples, again, program.max_points) == ()


@pytest.mark.parametrize("seed", range(4))
def test_parts_that_only_add_up_are_no_compound(planted, program, seed) -> None:
    points = {"invites": Decimal(60), "limits": Decimal(40)}
    examples = planted({"invites": 3.0, "limits": 2.0}, accounts=1500, base=-4.5, seed=seed)
    assert find_compounds(examples, program, points) == ()


@pytest.mark.parametrize("seed", range(4))
def test_in_a_null_world_no_compound_is_found(planted, program, seed) -> None:
    examples = planted({}, base=-2.6, seed=seed, accounts=1000)
    assert find_compounds(examples, program, program.max_points) == ()


def test_too_few_conversions_are_refused(planted, program) -> None:
    with pytest.raises(PqlError, match="too few"):
        find_compounds(planted({}, accounts=60), program, program.max_points)
