"""Whether the events of the data carry the properties that programs name.

A property that no event has, or that is no number where numbers are added up, would leave a score
silently lower; so it is refused with its line. Counting them is the warehouse's business.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pql_platform.program.load import LoadedProgram
from pql_platform.program.schema import Program
from pql_platform.program.source import Loc
from pql_platform.program.suggest import did_you_mean, odd_letters


@dataclass(frozen=True)
class NamedProperty:
    """A property that a signal reads.

    Attributes:
        loc: Where the program names it.
        events: The events that should carry it, at least one of them; for a signal that names no
            event the program's meaningful events.
        path: Its name, with dots into nested ones.
        is_summed: Whether it is added up, and so must be a number.
    """

    loc: Loc
    events: tuple[str, ...]
    path: str
    is_summed: bool


@dataclass(frozen=True)
class Occurrence:
    """How often one event carries one property: at all, and as a finite number."""

    carried: int
    numbers: int


def named_properties(program: Program) -> tuple[NamedProperty, ...]:
    """All properties that a program names, in the order of the file."""
    return tuple(_named(program))


def check_properties_occur(
    programs: Sequence[LoadedProgram],
    occurrences: Mapping[tuple[str, str], Occurrence],
    names_of: Callable[[Sequence[str]], Collection[str]],
) -> tuple[str, ...]:
    """Refuse programs that name a property which their events never carry, or not as a number.

    Args:
        programs: What `load_programs` returned.
        occurrences: By event and path, for what `named_properties` names; missing means never.
        names_of: Events -> the names of their properties; asked only for a suggestion.

    Returns:
        Warnings: sums of a property that some events carry as something else, which adds nothing.

    Raises:
        PqlError: The first such property, with its line and the closest one that does occur.
    """
    warnings: list[str] = []
    for loaded in programs:
        for named in named_properties(loaded.program):
            found = [occurrences.get((event, named.path)) for event in named.events]
            carried = sum(item.carried for item in found if item)
            numbers = sum(item.numbers for item in found if item)
            if not carried:
                names = sorted(names_of(named.events))
                hint = did_you_mean(named.path, names) or "These events carry no properties"
                message = f"no {_listed(named.events)} carries `{named.path}`"
                raise loaded.source.refuse(named.loc, message + odd_letters(named.path), hint)
            if named.is_summed and not numbers:
                message = f"`{named.path}` is never a number, so there is nothing to add up"
                raise loaded.source.refuse(named.loc, message, "Name a number, or use count")
            if named.is_summed and numbers < carried:
                warnings.append(
                    f"{loaded.name}: {carried - numbers:,} of {carried:,} values of "
                    f"`{named.path}` are no numbers and add nothing"
                )
    return tuple(warnings)


def _named(program: Program) -> Iterator[NamedProperty]:
    for position, signal in enumerate(program.signals):
        events = signal.events or program.meaningful_events
        for path in signal.where:
            yield NamedProperty(("signals", position, "where", path), events, path, False)
        if signal.sum_property is not None:
            loc: Loc = ("signals", position, "measure")
            yield NamedProperty(loc, events, signal.sum_property, True)


def _listed(events: Sequence[str]) -> str:
    return " or ".join(f"`{event}`" for event in events)
