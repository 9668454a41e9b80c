"""The team file into memory: read, validate, refuse with the line.

Where the file lies is a setting; whether the owners of routes are in it is `routes.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from pql_platform.errors import PqlError
from pql_platform.program.shape import refused_by_shape
from pql_platform.program.source import Loc, Refusal, Source, read_source
from pql_platform.program.suggest import did_you_mean
from pql_platform.team.routes import MANAGER
from pql_platform.team.schema import Team


def load_team(path: Path | None) -> Team | None:
    """Load the team file.

    Args:
        path: The file; None where there is none, and then owners are names and nothing more.

    Raises:
        PqlError: The file is missing or refused; the error names the line and what to write.
    """
    if path is None:
        return None
    if not path.exists():
        raise PqlError("no such team file", hint="Name it in PQL_TEAM, or unset that", file=path)
    source = read_source(path, example="team.yaml")
    if not isinstance(source.data, dict):
        raise source.refuse((), "is not a mapping of keys", "Start with `people:`")
    try:
        team = Team.model_validate(source.data)
    except ValidationError as error:
        raise refused_by_shape(source, error.errors(), Team) from error
    found = min(_refusals(team, source), key=lambda one: source.line_of(one.loc), default=None)
    if found is not None:
        raise source.refuse(found.loc, found.message, found.hint)
    return team


def _refusals(team: Team, source: Source) -> Iterator[Refusal]:
    for name in team.queues:
        if name in team.people:
            yield Refusal(("queues", name), "is also a person", "Give the queue another name")
    unknown = [(loc, name) for loc, name in _named(team) if name not in team.people]
    if unknown:
        # Only the one that will be told: looking for a likeness takes its time.
        loc, name = min(unknown, key=lambda found: source.line_of(found[0]))
        hint = did_you_mean(name, list(team.people))
        yield Refusal(loc, f"`{name}` is not among the people", hint)
    if MANAGER in team.people:
        message = "is what a tier writes for the manager of whoever owns the lead"
        yield Refusal(("people", MANAGER), message, "Give this person another name")
    yield from _one_address_each(team)
    for name in team.people:
        if _manages_itself(team, name):
            message = "is in the end their own manager"
            yield Refusal(("people", name, "manager"), message, "Name somebody above them")


def _named(team: Team) -> Iterator[tuple[Loc, str]]:
    for name, queue in team.queues.items():
        for member in queue.members:
            yield ("queues", name, "members", member), member
        if queue.fallback is not None:
            yield ("queues", name, "fallback"), queue.fallback
    for name, person in team.people.items():
        if person.manager is not None:
            yield ("people", name, "manager"), person.manager
    if team.fallback is not None:
        yield ("fallback",), team.fallback


def _one_address_each(team: Team) -> Iterator[Refusal]:
    first: dict[str, str] = {}
    for name, person in team.people.items():
        if person.email is not None:
            other = first.setdefault(person.email.casefold(), name)
            if other != name:
                message = f"is also the address of {other}"
                yield Refusal(("people", name, "email"), message, "Each person needs their own")


def _manages_itself(team: Team, name: str) -> bool:
    above, seen = team.people[name].manager, {name}
    while above is not None and above in team.people:
        if above in seen:
            return above == name
        seen.add(above)
        above = team.people[above].manager
    return False
