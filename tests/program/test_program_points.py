"""Most points per signal, written in the file instead of a category's weight in equal parts."""

from decimal import Decimal

import pytest

from pql_platform.errors import PqlError
from pql_platform.warehouse.definition import compile_variables, definition_digest

BEFORE = "negative:\n"
EQUAL = {
    "boards_created": Decimal("17.5"),
    "integrations": Decimal("17.5"),
    "sessions": Decimal(25),
    "limits": Decimal(25),
    "invites": Decimal(15),
}


def points(text: str) -> tuple[str, str]:
    return BEFORE, f"points: {text}\n{BEFORE}"


def test_named_points_take_the_place_of_equal_parts_and_the_rest_stays(edited):
    assert edited().program.max_points == EQUAL
    written = edited(points("{boards_created: 20.25, integrations: 14.75}"))
    assert written.program.max_points == {
        **EQUAL,
        "boards_created": Decimal("20.25"),
        "integrations": Decimal("14.75"),
    }
    assert written.warnings == ()


def test_a_signal_may_be_left_in_the_file_without_points(edited):
    written = edited(points("{boards_created: 35, integrations: 0}"))
    assert written.program.max_points["integrations"] == 0
    assert written.warnings == ()


def test_points_that_say_what_equal_parts_give_are_the_same_definition(edited):
    same = edited(points("{integrations: 17.50, boards_created: 17.5, invites: 15.0}"))
    assert definition_digest(same.program) == definition_digest(edited().program)


def test_other_points_change_what_a_value_is_worth_and_nothing_else(edited):
    old = compile_variables([edited().program])
    new = compile_variables([edited(points("{boards_created: 20, integrations: 15}")).program])
    assert [name for name in old if old[name] != new[name]] == ["weights"]


@pytest.mark.parametrize(
    ("written", "field", "message", "hint"),
    [
        ("{board_created: 35}", "points.board_created", "no signal", "`boards_created`"),
        ("{boards_created: -1}", "points.boards_created", "equal to 0", "Write 0 or more"),
        ("{boards_created: 101}", "points.boards_created", "equal to 100", "100 or less"),
        ("{boards_created: 17.6}", "points.boards_created", "multiple of 0.25", "quarters"),
        ("{boards_created: many}", "points.boards_created", "not a number", "quotes"),
        ("{Boards: 3}", "points.Boards", "lower-case", "boards"),
        ("[3]", "points", "mapping", "{key: value}"),
        ("{invites: 14}", "points.invites", "of viral add up to 14, not to its weight 15", "add 1"),
        ("{sessions: 26}", "points.sessions", "add up to 26, not to its weight 25", "take away 1"),
        (
            "{boards_created: 20, integrations: 14.75}",
            "points.integrations",
            "usage_depth add up to 34.75, not to its weight 35",
            "Please add 0.25, or change weights.usage_depth",
        ),
        (
            "{boards_created: 20}",
            "points",
            "names boards_created and not integrations, which is usage_depth too",
            "Add `integrations:` with its points, or 0 (what is left is 15)",
        ),
    ],
)
def test_points_that_cannot_be_are_refused_with_the_line_and_what_to_write(
    edited, written, field, message, hint
):
    with pytest.raises(PqlError) as refused:
        edited(points(written))
    error = refused.value
    assert error.field == field
    assert message in error.message
    assert hint in error.hint
    assert error.line == 69


def test_the_line_that_is_named_is_that_of_the_signal(edited):
    block = "points:\n  sessions: 25\n  invites: 14\n"
    with pytest.raises(PqlError, match="of viral add up to 14") as refused:
        edited((BEFORE, block + BEFORE))
    assert refused.value.line == 71
