"""Whether the owners that programs name are in the team file: a lead must not go to a ghost.

What must hold between the routes themselves is `program/handover.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from pql_platform.program.load import LoadedProgram
from pql_platform.program.source import Loc
from pql_platform.program.suggest import did_you_mean
from pql_platform.team.schema import Team

MANAGER = "manager"
"""What a tier may write for the manager of whoever owns the lead."""


def check_owners(programs: Sequence[LoadedProgram], team: Team | None) -> None:
    """Refuse programs that name an owner who is in no team file.

    Raises:
        PqlError: The first such owner, with its line and the closest name.
    """
    if team is None:
        return
    for loaded in programs:
        for loc, name, known in _named(loaded, team):
            if name not in known:
                raise loaded.source.refuse(
                    loc,
                    f"`{name}` is not in the team file",
                    did_you_mean(name, known) or "Add them to the team file",
                )


def gone_owners(programs: Sequence[LoadedProgram], team: Team | None, day: date) -> list[str]:
    """What is wrong with owners as of a day, in sentences: somebody left, or a queue is empty."""
    if team is None:
        return []
    found = []
    for owner in sorted({route.owner for one in programs for route in one.program.routing}):
        queue = team.queues.get(owner)
        members = queue.members if queue is not None else {owner: 1}
        here = [name for name in members if name in team.people and team.people[name].is_here(day)]
        if not here:
            found.append(
                f"Nobody of {owner} is here on {day:%Y-%m-%d}: its leads go to whoever stands in."
            )
        elif len(here) < len(members):
            left = [
                name
                for name in members
                if (until := team.people[name].left) is not None and until <= day
            ]
            if left:
                found.append(f"{', '.join(left)} of {owner} left: take them out of the team file.")
    return found


def _named(loaded: LoadedProgram, team: Team) -> Iterator[tuple[Loc, str, list[str]]]:
    people = list(team.people)
    anybody = [*people, *team.queues]
    program = loaded.program
    for place, route in enumerate(program.routing):
        yield ("routing", place, "owner"), route.owner, anybody
    for place, tier in enumerate(program.tiers):
        if tier.escalate_to is not None:
            yield ("tiers", place, "escalate_to"), tier.escalate_to, [MANAGER, *people]
    for place, rep in enumerate(program.rollout.reps):
        yield ("rollout", "reps", place), rep, people
