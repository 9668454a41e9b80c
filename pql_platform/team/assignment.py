"""Which person gets a lead: whoever speaks with the account already, else by the route, in turn.

A lead is never left with nobody: who is away, gone or full is passed over, and where nobody is left
the lead keeps the name of its route and people are told. Which route fits is `domain/routing.py`;
what somebody has today comes from the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pql_platform.domain.grammar import counted
from pql_platform.team.calendars import day_begins, local_day
from pql_platform.team.schema import Person, Queue, Team

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Assignment:
    """Who gets a lead.

    Attributes:
        owner: Name in the team file, or that of the route where there is nobody.
        reason: Why them, for the rep and for whoever asks later.
        nobody: Why there is nobody, so that somebody is told; None when there is somebody.
    """

    owner: str
    reason: str
    nobody: str | None = None


@dataclass
class Load:
    """What everybody has got lately: the moments of the leads of each owner, any order."""

    taken: dict[str, list[datetime]] = field(default_factory=dict)

    def add(self, owner: str, at: datetime) -> None:
        """Count a lead that was just given."""
        self.taken.setdefault(owner, []).append(at)

    def since(self, name: str, begin: datetime) -> int:
        """How many leads a person got from a moment on."""
        return sum(at >= begin for at in self.taken.get(name, ()))

    def today(self, name: str, person: Person, now: datetime) -> int:
        """How many leads a person got on their date of `now`."""
        return self.since(name, day_begins(person, now))

    def last(self, name: str) -> datetime:
        """When a person last got a lead; long ago when never."""
        return max(self.taken.get(name, ()), default=_NEVER)


@dataclass(frozen=True)
class Known:
    """Who speaks with an account already, each None where nobody does.

    Attributes:
        conversation: Owner of a hand-off of the account that is open in another program.
        program: That program.
        crm: Owner of the account in the CRM, by their name in the team file or their address.
    """

    conversation: str | None = None
    program: str | None = None
    crm: str | None = None


def assign(
    team: Team | None, routed_to: str, load: Load, now: datetime, known: Known | None = None
) -> Assignment:
    """Choose who gets a lead.

    Args:
        team: The directory; None leaves every lead with the name of its route.
        routed_to: The person or queue that the route names.
        load: What everybody has got lately; the caller adds this lead to it.
        now: The moment.
        known: Who speaks with the account already.
    """
    if team is None:
        return Assignment(routed_to, "the route names them")
    passed_over: list[str] = []
    for name, why in _speaking(team, known or Known()):
        obstacle = _obstacle(team, name, load, now, full_counts=False)
        if obstacle is None:
            return Assignment(name, why)
        passed_over.append(obstacle)
    queue = team.queues.get(routed_to)
    members = queue.members if queue is not None else {routed_to: 1}
    free = [name for name in members if _obstacle(team, name, load, now) is None]
    if free:
        owner = _next(team, free, members, load, now)
        why = f"next in {routed_to}" if queue is not None else "the route names them"
        return Assignment(owner, _with(why, passed_over))
    passed_over += [_obstacle(team, name, load, now) or name for name in members]
    return _instead(team, routed_to, queue, members, load, now, passed_over)


def _speaking(team: Team, known: Known) -> list[tuple[str, str]]:
    found = []
    if known.conversation is not None:
        found.append(
            (known.conversation, f"speaks with this account already, for program {known.program}")
        )
    if known.crm is not None:
        found.append((team.known_as(known.crm), "owns the account in the CRM"))
    return found


def _instead(
    team: Team,
    routed_to: str,
    queue: Queue | None,
    members: Mapping[str, int],
    load: Load,
    now: datetime,
    passed_over: Sequence[str],
) -> Assignment:
    """Who takes a lead that nobody of its route can take."""
    person = team.people.get(routed_to)
    stand_ins = [
        queue.fallback if queue is not None else None,
        team.fallback,
        person.manager if person is not None else None,
    ]
    for name in dict.fromkeys(name for name in stand_ins if name is not None):
        if _obstacle(team, name, load, now) is None:
            return Assignment(name, _with(f"stands in for {routed_to}", passed_over))
    # Better one lead too many for somebody who is there than none for anybody.
    here = [
        name
        for name in dict.fromkeys([*members, *(name for name in stand_ins if name is not None)])
        if _obstacle(team, name, load, now, full_counts=False) is None
    ]
    if here:
        owner = _next(team, here, members, load, now)
        return Assignment(owner, _with("everybody has as many leads as they can take", passed_over))
    why = f"nobody can take leads of {routed_to}: {'; '.join(passed_over)}"
    return Assignment(routed_to, "nobody is there to take it", why)


def _next(
    team: Team, names: Sequence[str], weights: Mapping[str, int], load: Load, now: datetime
) -> str:
    """Whose turn it is: fewest leads today for their weight, then whoever waits longest.

    By what was given today and not by a pointer, so that two passes, a restart or somebody's return
    from a holiday upset nothing. The day is the one that began last among them: whose midnight
    comes later is not given everything that the others got before it. Nobody is ever a whole lead
    away from their share, by the quota method (Balinski and Young 1975, The Quota Method of
    Apportionment, American Mathematical Monthly 82): only who is below it for the next lead.
    """
    begin = max(day_begins(team.people[name], now) for name in names)
    given = {name: load.since(name, begin) for name in names}
    weight = {name: weights.get(name, 1) for name in names}
    whole, leads = sum(weight.values()), sum(given.values()) + 1
    if leads == 1:
        # The first lead of a day, which with few leads is all there are: by how long each has
        # waited, or it would be the heaviest member's every day.
        return min(names, key=lambda name: (load.last(name) - now) * weight[name])
    below = [name for name in names if given[name] * whole < weight[name] * leads]

    def turn(name: str) -> tuple[float, datetime, str]:
        return (given[name] + 1) / weight[name], load.last(name), name

    return min(below, key=turn)


def _obstacle(
    team: Team, name: str, load: Load, now: datetime, *, full_counts: bool = True
) -> str | None:
    """Why somebody cannot take a lead now; None when they can."""
    person = team.people.get(name)
    if person is None:
        return f"{name} is not in the team file"
    day = local_day(person, now)
    if person.left is not None and person.left <= day:
        return f"{person.name} left"
    if person.is_away(day):
        back = max(off.to for off in person.away if off.from_ <= day <= off.to)
        return f"{person.name} is away until {back:%d %b}"
    if full_counts and person.capacity_per_day is not None:
        today = load.today(name, person, now)
        if today >= person.capacity_per_day:
            return f"{person.name} has {counted(today, 'lead')} today"
    return None


def _with(why: str, passed_over: Sequence[str]) -> str:
    return f"{why}; {'; '.join(passed_over)}" if passed_over else why
