"""The planted truth per account, for whoever judges a model; no part of the platform may read it.

Counts what the events of a world really hold, not what was planned. The table per behaviour is in
`description`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from pql_platform.demo.behaviour import BEHAVIOURS, CAUSES, EARLY_DAYS
from pql_platform.demo.calendar import DAY_MS, Flags, Ints, from_ms
from pql_platform.demo.catalogue import Action
from pql_platform.demo.population import KINDS, segment_of
from pql_platform.demo.world import World

PROXIES = tuple(behaviour.name for behaviour in BEHAVIOURS if behaviour not in CAUSES)
VANITY = {"logins": Action.LOGGED_IN, "help_articles": Action.HELP_ARTICLE_VIEWED}

# By then nearly everyone who is going to pay has paid: span, decision and the next working day.
MATURE_DAYS = 42


@dataclass(frozen=True)
class AccountTruth:
    """What was planted for one account.

    Attributes:
        account: Workspace id, else company domain, else the id of the only user.
        kind: `trial_team`, `freemium_team`, `personal`, `tyre_kicker`, `student`, `competitor`,
            `staff` or `test`.
        segment: `self_serve` (no company), `smb`, `mid_market` or `enterprise`.
        signed_up_at: Sign-up of the first user.
        converts: Whether it pays inside the window.
        converted_at: When; None if it does not.
        users: Ids of its users.
        enthusiasm: Hidden; raises vanity and causes alike.
        need: Hidden; raises the causes.
        causes: How often each cause happened in the first weeks.
        proxies: The same for behaviours that go with the causes and cause nothing.
        vanity: The same for the first user's logins and help articles.
    """

    account: str
    kind: str
    segment: str
    signed_up_at: datetime
    converts: bool
    converted_at: datetime | None
    users: tuple[str, ...]
    enthusiasm: float
    need: float
    causes: dict[str, int]
    proxies: dict[str, int]
    vanity: dict[str, int]


def read_truth(world: World, received: Ints) -> list[AccountTruth]:
    """The truth about each account of a world, as far as the `received` rows of events show it."""
    accounts, people = world.accounts, world.people
    size = len(accounts)
    person = world.events.person[received]
    known = person < len(people)
    person = person[known]
    at_ms, action = world.events.at_ms[received][known], world.events.action[received][known]
    account = people.account[person]
    early = at_ms < accounts.signup_ms[account] + EARLY_DAYS * DAY_MS

    def count(actions: tuple[Action, ...], rows: Flags) -> list[int]:
        counts: list[int] = np.bincount(
            account[rows & np.isin(action, actions)], minlength=size
        ).tolist()
        return counts

    done = {behaviour.name: count(behaviour.actions, early) for behaviour in BEHAVIOURS}
    owner = early & (people.rank[person] == 0)
    vain = {name: count((what,), owner) for name, what in VANITY.items()}
    pays_ms = {
        row: int(at)
        for row, at in zip(
            account[action == Action.SUBSCRIPTION_STARTED],
            at_ms[action == Action.SUBSCRIPTION_STARTED],
            strict=True,
        )
    }
    users: list[list[str]] = [[] for _ in range(size)]
    for row, member in zip(people.account.tolist(), world.persons, strict=True):
        users[row].append(member.user_id)
    return [
        AccountTruth(
            account=world.workplaces[row].key,
            kind=KINDS[accounts.kind[row]].name,
            segment=segment_of(int(accounts.employees[row])),
            signed_up_at=from_ms(int(accounts.signup_ms[row])),
            converts=row in pays_ms,
            converted_at=from_ms(pays_ms[row]) if row in pays_ms else None,
            users=tuple(users[row]),
            enthusiasm=float(accounts.enthusiasm[row]),
            need=float(accounts.need[row]),
            causes={cause.name: done[cause.name][row] for cause in CAUSES},
            proxies={name: done[name][row] for name in PROXIES},
            vanity={name: counts[row] for name, counts in vain.items()},
        )
        for row in range(size)
    ]


def mature(truth: Sequence[AccountTruth], end: datetime) -> list[AccountTruth]:
    """Accounts of the kinds that can pay, old enough at `end` to have decided."""
    buyers = {kind.name for kind in KINDS if kind.buys is not None}
    latest = end - timedelta(days=MATURE_DAYS)
    return [one for one in truth if one.kind in buyers and one.signed_up_at <= latest]
