"""What people do in a planted world before anybody buys: sign up, come back, take things up, leave.

Arrays over all accounts at once; times are days after the start of the world. Each ordinary event
is taken up by some accounts, mostly in their first days, and done again now and then while they
stay. Nothing here looks at who buys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from benchmarks.worlds_truth import Truth
from benchmarks.worlds_vocabulary import DASHBOARD, HELP, LOGGED_IN, NUMBER_OF, ORDINARY

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

SEGMENTS: tuple[str, ...] = ("smb", "mid_market", "enterprise")
SEGMENT_SHARES = (0.6, 0.25, 0.15)
SEGMENT_SHARES_CONFOUNDED = (0.55, 0.15, 0.3)
MOST_USERS = 5

ADOPTION = (0.15, 0.45)
"""Between these lie the shares of accounts that take up an event with no part in the truth."""
PROXY_ADOPTION = (0.15, 0.25)
"""The same for a proxy, among those who do not take up the cause."""
PROXY_PULL = 1.7
"""Logits by which taking up the cause makes taking up a proxy likelier: from 20 % to 58 %."""
CONFOUNDED_ADOPTION = (0.08, 0.35, 0.85)
"""By segment."""
ACTIVITY_PULL = 0.4
"""Logits by which one standard deviation of activity makes taking up anything likelier."""
NEAR_MISS = 0.15
"""Share of the accounts that do the cause, but not often enough."""
LATE = 0.15
"""Share of those who take something up that do so after their first days."""


@dataclass(frozen=True)
class People:
    """The accounts of a world, one entry each; `members` has one row per account."""

    account_ids: npt.NDArray[np.object_]
    segment: Ints
    segments: npt.NDArray[np.object_]
    signed_up: Floats
    lifetime: Floats
    activity: Floats
    users: Ints
    joined: Floats
    """Shape (accounts, MOST_USERS): when each user joins; infinite for one who does not exist."""


@dataclass(frozen=True)
class Occurrences:
    """What happened, one entry each: to whom, which event, and when (days after the start)."""

    account: Ints
    event: Ints
    day: Floats

    def only(self, kept: Flags) -> Occurrences:
        """Those for which `kept` holds."""
        return Occurrences(self.account[kept], self.event[kept], self.day[kept])

    def __add__(self, other: Occurrences) -> Occurrences:
        return Occurrences(
            np.concatenate([self.account, other.account]),
            np.concatenate([self.event, other.event]),
            np.concatenate([self.day, other.day]),
        )

    def nth(self, event: str, number: int, accounts: int) -> Floats:
        """When each account did an event for the `number`-th time; infinite if it never did."""
        mine = self.event == NUMBER_OF[event]
        account, day = self.account[mine], self.day[mine]
        order = np.lexsort((day, account))
        account, day = account[order], day[order]
        first = np.searchsorted(account, np.arange(accounts))
        found = np.full(accounts, np.inf)
        there = first + number - 1
        enough = there < np.searchsorted(account, np.arange(accounts), side="right")
        found[enough] = day[there[enough]]
        return found


def draw_people(truth: Truth, rng: np.random.Generator) -> People:
    """Who signs up, when, how large the company is, how active, and for how long it stays."""
    accounts = truth.accounts
    shares = SEGMENT_SHARES_CONFOUNDED if truth.confounded else SEGMENT_SHARES
    segment = rng.choice(len(SEGMENTS), accounts, p=shares)
    signed_up = np.sort(rng.uniform(0, truth.days, accounts))
    users = 1 + rng.binomial(MOST_USERS - 1, 0.35, accounts)
    later = np.cumsum(rng.exponential(4, (accounts, MOST_USERS)), axis=1)
    joined = signed_up[:, None] + later - later[:, :1]
    joined[np.arange(MOST_USERS) >= users[:, None]] = np.inf
    return People(
        account_ids=np.array([f"w{truth.number}-{n}" for n in range(accounts)], dtype=object),
        segment=segment,
        segments=np.array(SEGMENTS, dtype=object)[segment],
        signed_up=signed_up,
        lifetime=np.maximum(rng.exponential(truth.lifetime_days, accounts), 0.2),
        activity=np.exp(rng.normal(0, 0.5, accounts)),
        users=users,
        joined=joined,
    )


def draw_behaviour(truth: Truth, people: People, rng: np.random.Generator) -> Occurrences:
    """What everybody would do if nobody bought, each until the end of the stay."""
    taken_up = _take_up(truth, people, rng)
    found = visits(people, people.signed_up, people.signed_up + people.lifetime, 0.18, rng)
    for event in ORDINARY:
        least = truth.at_least if event in (truth.cause, truth.later_cause) else 1
        found += _doings(event, taken_up[event], least, people, rng)
        if least > 1:
            missed = ~taken_up[event] & (rng.random(truth.accounts) < NEAR_MISS)
            found += _near_misses(event, missed, least, people, rng)
    return found.only(found.day < (people.signed_up + people.lifetime)[found.account])


def visits(
    people: People, start: Floats, stop: Floats, per_day: float, rng: np.random.Generator
) -> Occurrences:
    """What needs no purpose: logging in, looking around. More at first than later.

    Args:
        people: Everybody.
        start: Per account, from when.
        stop: Per account, until when; no visit where that is not later.
        per_day: Visits of an account of ordinary activity.
        rng: Draws.
    """
    span = np.maximum(stop - start, 0)
    often = rng.poisson(people.activity * per_day * span)
    account = np.repeat(np.arange(len(start)), often)
    day = start[account] + span[account] * rng.random(len(account)) ** 1.3
    minute = 1 / 1440
    looks = np.repeat(np.arange(len(account)), rng.poisson(1.2, len(account)))
    reads = np.flatnonzero(rng.random(len(account)) < 0.1)
    logins = np.full(len(account), NUMBER_OF[LOGGED_IN])
    return (
        Occurrences(account, logins, day)
        + Occurrences(
            account[looks],
            np.full(len(looks), NUMBER_OF[DASHBOARD]),
            day[looks] + minute * rng.uniform(0.2, 15, len(looks)),
        )
        + Occurrences(
            account[reads],
            np.full(len(reads), NUMBER_OF[HELP]),
            day[reads] + minute * rng.uniform(0.2, 15, len(reads)),
        )
    )


def _take_up(truth: Truth, people: People, rng: np.random.Generator) -> dict[str, Flags]:
    """Per ordinary event, which accounts take it up."""
    pull = ACTIVITY_PULL * np.log(people.activity) / 0.5

    def drawn(share: Floats | float, more: Floats | float = 0.0) -> Flags:
        logit = np.log(np.asarray(share) / (1 - np.asarray(share)))
        chance = 1 / (1 + np.exp(-(logit + pull + more)))
        return rng.random(truth.accounts) < chance

    taken_up = {event: drawn(rng.uniform(*ADOPTION)) for event in ORDINARY}
    for event in (truth.cause, truth.later_cause):
        if event is not None:
            taken_up[event] = drawn(truth.adoption)
    for event in truth.proxies:
        assert truth.cause is not None
        taken_up[event] = drawn(
            rng.uniform(*PROXY_ADOPTION), PROXY_PULL * taken_up[truth.cause].astype(float)
        )
    if truth.confounded:
        taken_up[truth.confounded] = drawn(np.array(CONFOUNDED_ADOPTION)[people.segment])
    if truth.leak:
        # Nobody does it but because of a purchase: see worlds_purchases.
        taken_up[truth.leak] = np.zeros(truth.accounts, dtype=bool)
    return taken_up


def _doings(
    event: str, taken_up: Flags, least: int, people: People, rng: np.random.Generator
) -> Occurrences:
    """A burst of at least `least` within days of taking it up, then now and then."""
    adopters = np.flatnonzero(taken_up)
    first = _first_days(people, adopters, rng)
    size = least - 1 + rng.poisson(rng.uniform(0.4, 1.2), len(adopters))
    burst = np.repeat(np.arange(len(adopters)), size)
    stay = np.minimum(np.maximum(people.lifetime[adopters] - first, 0), 120)
    again = rng.poisson(rng.uniform(0.05, 0.5) / 7 * stay * people.activity[adopters])
    later = np.repeat(np.arange(len(adopters)), again)
    place = np.concatenate([np.arange(len(adopters)), burst, later])
    age = np.concatenate(
        [
            first,
            first[burst] + rng.exponential(1.0, len(burst)),
            first[later] + stay[later] * rng.random(len(later)),
        ]
    )
    account = adopters[place]
    return Occurrences(
        account, np.full(len(account), NUMBER_OF[event]), people.signed_up[account] + age
    )


def _near_misses(
    event: str, missed: Flags, least: int, people: People, rng: np.random.Generator
) -> Occurrences:
    account = np.repeat(np.flatnonzero(missed), rng.integers(1, least, int(missed.sum())))
    age = _first_days(people, account, rng)
    return Occurrences(
        account, np.full(len(account), NUMBER_OF[event]), people.signed_up[account] + age
    )


def _first_days(people: People, accounts: Ints, rng: np.random.Generator) -> Floats:
    """Days from the sign-up until something is taken up: mostly the first week."""
    late = rng.random(len(accounts)) < LATE
    return np.where(late, rng.uniform(7, 60, len(accounts)), rng.exponential(3.5, len(accounts)))
