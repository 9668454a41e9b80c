"""Who can appear in the live feed: teams of the simulated population, and newcomers.

Reads worlds as they stand at the end of the history. What these people then do is in `live`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from pql_platform.demo.behaviour import BEHAVIOURS
from pql_platform.demo.calendar import DAY_MS, Flags
from pql_platform.demo.identities import (
    Person,
    Workplace,
    browser_ids,
    name_people,
    name_workplaces,
)
from pql_platform.demo.population import KINDS, Accounts, draw_accounts
from pql_platform.demo.team import People
from pql_platform.demo.world import Run, World, build_world

_LOOK_BACK_DAYS = 28
_QUIET_UP_TO = 1
_NEW_TEAM_EMPLOYEES = (20, 900)
_KIND_ROWS = {kind.name: row for row, kind in enumerate(KINDS)}
_PLANTED = [action for behaviour in BEHAVIOURS if behaviour.effect for action in behaviour.actions]


@dataclass
class Team:
    """An account and its people, as the live feed knows it; it grows as colleagues join."""

    account: Accounts
    workplace: Workplace
    people: list[Person]

    def welcome(self, rng: np.random.Generator, tag: str) -> Person:
        """A new colleague, with an address that nobody in the team has."""
        rank = len(self.people)
        newcomer = _one_person(rank)
        taken = {person.traits["email"] for person in self.people}
        while True:
            person = name_people(rng, tag, self.account, [self.workplace], newcomer)[0]
            if person.traits["email"] not in taken:
                self.people.append(person)
                return person


class Cast:
    """Opens the worlds of a run one after the other, and invents newcomers after them."""

    def __init__(self, run: Run, rng: np.random.Generator) -> None:
        self._run = run
        self.tag = run.tag
        self._rng = rng
        self._worlds = (build_world(run, first) for first in run.firsts())
        self._quiet: list[Team] = []
        self._others: list[Team] = []
        self._numbers = count(run.accounts)

    def quiet_team(self) -> Team | None:
        """A recent trial team that has not paid and done little so far; None when all are used."""
        while not self._quiet:
            if not self._open_next():
                return None
        return self._quiet.pop()

    def anybody(self) -> Team:
        """An account that still uses the product and is not about to heat up."""
        if not self._others:
            self._open_next()
        if not self._others:
            return self.newcomer("personal")
        return self._others[self._rng.integers(len(self._others))]

    def newcomer(self, kind: str) -> Team:
        """An account of the given kind that nobody has seen before, with one person."""
        row = _KIND_ROWS[kind]
        account = draw_accounts(self._rng, next(self._numbers), 1, self._run.window)
        employees = 0
        if KINDS[row].mail == "company":
            employees = int(self._rng.integers(*_NEW_TEAM_EMPLOYEES))
        account = replace(
            account,
            kind=np.array([row]),
            employees=np.array([employees]),
            workspace=np.array([KINDS[row].workspace]),
        )
        workplace = name_workplaces(self._rng, self.tag, account)[0]
        team = Team(account, workplace, [])
        team.welcome(self._rng, self.tag)
        return team

    def stranger(self) -> str:
        """The anonymous id of somebody who only looks."""
        return browser_ids(self._rng, 1)[0]

    def _open_next(self) -> bool:
        world = next(self._worlds, None)
        if world is None:
            return False
        quiet = _quiet_rows(world, self._run.window.end_ms)
        using = world.fate.active_until_ms >= self._run.window.end_ms
        teams = list(_teams(world))
        self._quiet = [teams[row] for row in self._rng.permutation(np.flatnonzero(quiet))]
        self._others = [teams[row] for row in np.flatnonzero(using & ~quiet)]
        return True


def _quiet_rows(world: World, end_ms: int) -> Flags:
    """Trial teams that signed up lately, have not paid, and did few of the planted behaviours."""
    accounts, events = world.accounts, world.events
    recent = end_ms - _LOOK_BACK_DAYS * DAY_MS
    planted = (
        np.isin(events.action, _PLANTED)
        & (events.at_ms >= recent)
        & (events.person < len(world.people))
    )
    done = np.bincount(world.people.account[events.person[planted]], minlength=len(accounts))
    on_trial = (accounts.kind == _KIND_ROWS["trial_team"]) & accounts.workspace
    young = accounts.signup_ms >= recent
    unpaid = world.fate.pays_ms >= end_ms
    quiet: Flags = on_trial & young & unpaid & (done <= _QUIET_UP_TO)
    return quiet


def _teams(world: World) -> Iterator[Team]:
    members: list[list[Person]] = [[] for _ in range(len(world.accounts))]
    for row in np.lexsort((world.people.rank, world.people.account)).tolist():
        members[world.people.account[row]].append(world.persons[row])
    for row, workplace in enumerate(world.workplaces):
        yield Team(world.accounts.only(row), workplace, members[row])


def _one_person(rank: int) -> People:
    return People(
        account=np.zeros(1, dtype=np.int64),
        rank=np.array([rank]),
        joined_ms=np.zeros(1, dtype=np.int64),
        pace=np.ones(1),
    )
