"""Properties that programs name are held against those that the events carry."""

import pytest

from pql_platform.errors import PqlError
from pql_platform.program.properties import (
    Occurrence,
    check_properties_occur,
    named_properties,
)

EVENT = "    event: Board Created\n"


def names_of(events):
    assert tuple(events) == ("Board Created",)
    return ["plan", "size", "template.nam"]


def nobody_asks(events):
    raise AssertionError(f"{events} needed no suggestion")


@pytest.fixture
def loaded(edited):
    """A program that wants `plan` and `template.name` of Board Created and adds up `size`."""
    where = EVENT + "    where: {plan: free, template.name: [a, b]}\n"
    return edited((EVENT, where), ("measure: count", "measure: sum:size"))


def seen(**changes):
    found = {
        ("Board Created", "plan"): Occurrence(10, 0),
        ("Board Created", "template.name"): Occurrence(3, 0),
        ("Board Created", "size"): Occurrence(10, 10),
    }
    return found | {("Board Created", path): found for path, found in changes.items()}


def test_the_properties_of_a_program_are_those_it_filters_by_and_adds_up(loaded):
    named = named_properties(loaded.program)
    assert [(item.path, item.events, item.is_summed) for item in named] == [
        ("plan", ("Board Created",), False),
        ("template.name", ("Board Created",), False),
        ("size", ("Board Created",), True),
    ]


def test_a_signal_of_any_activity_reads_its_properties_from_the_core_events(edited):
    program = edited(("measure: sessions", "measure: sessions\n    where: {source: web}")).program
    (named,) = named_properties(program)
    assert named.events == program.meaningful_events


def test_properties_that_occur_are_taken_without_a_warning(loaded):
    assert check_properties_occur([loaded], seen(), nobody_asks) == ()


def test_a_property_that_no_event_carries_is_refused_with_the_closest_one(loaded):
    missing = {key: value for key, value in seen().items() if key[1] != "template.name"}
    with pytest.raises(PqlError, match=r"no `Board Created` carries `template\.name`") as refused:
        check_properties_occur([loaded], missing, names_of)
    assert refused.value.field == "signals[0].where.template.name"
    assert refused.value.line == loaded.source.line_of(("signals", 0, "where"))
    assert refused.value.hint == "Did you mean `template.nam`?"


def test_an_event_without_properties_is_said_to_carry_none(loaded):
    with pytest.raises(PqlError) as refused:
        check_properties_occur([loaded], {}, lambda events: [])
    assert refused.value.field == "signals[0].where.plan"
    assert refused.value.hint == "These events carry no properties"


def test_one_of_several_events_is_enough_to_carry_a_property(edited):
    any_of = "    any_of: [Board Created, Board Shared]\n    where: {plan: free}\n"
    loaded = edited((EVENT, any_of))
    assert (
        check_properties_occur([loaded], {("Board Shared", "plan"): Occurrence(1, 0)}, nobody_asks)
        == ()
    )


def test_a_sum_of_what_is_never_a_number_is_refused(loaded):
    with pytest.raises(PqlError, match="`size` is never a number") as refused:
        check_properties_occur([loaded], seen(size=Occurrence(10, 0)), nobody_asks)
    assert refused.value.field == "signals[0].measure"
    assert refused.value.hint == "Name a number, or use count"


def test_values_that_add_nothing_are_counted_and_said(loaded):
    assert check_properties_occur([loaded], seen(size=Occurrence(1200, 1100)), nobody_asks) == (
        "boards: 100 of 1,200 values of `size` are no numbers and add nothing",
    )
