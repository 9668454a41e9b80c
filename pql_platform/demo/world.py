"""One run of accounts, complete: who they are, what becomes of them, everything that they do.

Composes the drawing modules. A world depends only on the seed, the window and the numbers of its
accounts, so that the live feed meets the same people as the history.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from pql_platform.demo.behaviour import Fate, draw_fate
from pql_platform.demo.calendar import Window, open_window
from pql_platform.demo.diary import Events
from pql_platform.demo.identities import (
    Person,
    Workplace,
    browser_ids,
    name_people,
    name_workplaces,
    run_tag,
)
from pql_platform.demo.population import Accounts, draw_accounts
from pql_platform.demo.team import People, draw_teams
from pql_platform.demo.timeline import draw_events
from pql_platform.errors import PqlError

WORLD_ACCOUNTS = 200
"""Accounts per world: some 75,000 events, and 250 MB at the peak, in a run of 180 days."""


@dataclass(frozen=True)
class Run:
    """What a whole simulation is asked for.

    Attributes:
        seed: Same seed, same bytes.
        accounts: Number of accounts that sign up.
        window: The span of time.
        tag: Part of every id, different for different runs.
    """

    seed: int
    accounts: int
    window: Window
    tag: str

    def firsts(self) -> range:
        """Number of the first account of each world."""
        return range(0, self.accounts, WORLD_ACCOUNTS)


@dataclass(frozen=True)
class World:
    """A run of accounts with everything about them; rows of the parts fit each other.

    Attributes:
        accounts: Hidden and visible traits of accounts.
        fate: What becomes of them.
        people: Who belongs to which account.
        workplaces: The accounts as seen from outside.
        persons: The people as seen from outside.
        visitors: Anonymous ids of people who never sign up; rows of events after the people.
        events: Everything that happens inside the window.
        rng: The generator in the state after the world was drawn.
    """

    accounts: Accounts
    fate: Fate
    people: People
    workplaces: list[Workplace]
    persons: list[Person]
    visitors: list[str]
    events: Events
    rng: np.random.Generator


def open_run(*, seed: int, accounts: int, days: int, end: datetime) -> Run:
    """Check what is asked for and lay out the time.

    Raises:
        PqlError: `accounts` or `days` is out of range, `seed` is negative, or `end` has no zone.
    """
    if accounts < 1:
        raise PqlError(
            f"{accounts} accounts cannot be simulated", field="accounts", hint="Ask for 1 or more"
        )
    if seed < 0:
        raise PqlError(f"the seed {seed} is negative", field="seed", hint="Give 0 or more")
    window = open_window(days, end)
    return Run(seed, accounts, window, run_tag(seed, accounts, days, window.end_ms))


def build_worlds(run: Run) -> Iterator[World]:
    """All worlds of a run, one after the other."""
    return (build_world(run, first) for first in run.firsts())


def build_world(run: Run, first: int) -> World:
    """The world whose first account has this number."""
    rng = np.random.default_rng([run.seed, first])
    window = run.window
    accounts = draw_accounts(rng, first, min(WORLD_ACCOUNTS, run.accounts - first), window)
    fate = draw_fate(rng, accounts, window)
    people, sessions, invitations = draw_teams(rng, window, accounts, fate)
    events, visitors = draw_events(rng, window, accounts, fate, people, sessions, invitations)
    workplaces = name_workplaces(rng, run.tag, accounts)
    return World(
        accounts=accounts,
        fate=fate,
        people=people,
        workplaces=workplaces,
        persons=name_people(rng, run.tag, accounts, workplaces, people),
        visitors=browser_ids(rng, visitors),
        events=events.between(window.start_ms, window.end_ms),
        rng=rng,
    )
