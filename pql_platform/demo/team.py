"""How accounts become teams: who joins through whose invitation, and when each person comes by.

Turns fates into people and sessions. What happens inside a session is in `timeline`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pql_platform.demo.behaviour import EARLY_DAYS, INVITING, Fate
from pql_platform.demo.calendar import (
    DAY_MS,
    HOUR_MS,
    SECOND_MS,
    WEEKS,
    Flags,
    Floats,
    Ints,
    Window,
    draw_local_ms,
)
from pql_platform.demo.population import SHARED_KINDS, Accounts

_EARLY_FADE_DAYS = 8.0
_EARLY_ENTHUSIASM = 0.45
_LATE_PER_DAY = 0.55
_LATE_ENTHUSIASM = 0.35
_PAYING_FACTOR = 1.7
_MEMBER_PACE = 0.75
_PACE_SIGMA = 0.4
_INVITE_ACCEPTED = 0.65
_ACCEPT_HOURS_MEDIAN, _ACCEPT_SIGMA = 5.0, 1.3
_LATE_INVITE_FREE, _LATE_INVITE_PAYING = 0.012, 0.06
_SESSION_MINUTES_MEDIAN, _SESSION_SIGMA = 10.0, 0.6


@dataclass(frozen=True)
class People:
    """Users, one row each; row i < number of accounts is the first user of account i.

    Attributes:
        account: Row of the account.
        rank: 0 for the first user of the account, then in order of joining.
        joined_ms: Sign-up of this person.
        pace: How busy the person is; 1 is usual.
    """

    account: Ints
    rank: Ints
    joined_ms: Ints
    pace: Floats

    def __len__(self) -> int:
        return len(self.account)


@dataclass(frozen=True)
class Sessions:
    """Visits of people, one row each, in order of account.

    Attributes:
        person: Row of `People`.
        account: Row of the account.
        start_ms: First moment.
        length_ms: Time span of what is done in it.
        joining: Whether the person signs up in it.
    """

    person: Ints
    account: Ints
    start_ms: Ints
    length_ms: Ints
    joining: Flags

    def __len__(self) -> int:
        return len(self.person)


@dataclass(frozen=True)
class Invitations:
    """Invitations sent by first users: the account and the moment."""

    account: Ints
    at_ms: Ints


def draw_teams(
    rng: np.random.Generator, window: Window, accounts: Accounts, fate: Fate
) -> tuple[People, Sessions, Invitations]:
    """Draw the first users, what they invite, who accepts, and everybody's sessions."""
    size = len(accounts)
    owners = People(
        account=np.arange(size),
        rank=np.zeros(size, dtype=np.int64),
        joined_ms=accounts.signup_ms,
        pace=np.ones(size),
    )
    visits = _draw_sessions(rng, window, accounts, fate, owners)
    invitations = _draw_invitations(rng, accounts, fate, visits)
    members = _draw_members(rng, window, accounts, invitations)
    people = People(
        account=np.concatenate([owners.account, members.account]),
        rank=np.concatenate([owners.rank, members.rank]),
        joined_ms=np.concatenate([owners.joined_ms, members.joined_ms]),
        pace=np.concatenate([owners.pace, members.pace]),
    )
    more = _draw_sessions(rng, window, accounts, fate, members)
    account = np.concatenate([visits.account, more.account])
    order = np.argsort(account, kind="stable")
    sessions = Sessions(
        person=np.concatenate([visits.person, more.person + size])[order],
        account=account[order],
        start_ms=np.concatenate([visits.start_ms, more.start_ms])[order],
        length_ms=np.concatenate([visits.length_ms, more.length_ms])[order],
        joining=np.concatenate([visits.joining, more.joining])[order],
    )
    return people, sessions, invitations


def choose_sessions(
    rng: np.random.Generator, session_account: Ints, wanted: Ints
) -> tuple[Ints, Flags]:
    """For each wanted account, one of its rows in the ascending column `session_account`.

    Returns:
        The rows, and whether the account has any: a row without is meaningless.
    """
    first = np.searchsorted(session_account, wanted, side="left")
    after = np.searchsorted(session_account, wanted, side="right")
    row = first + (rng.random(len(wanted)) * (after - first)).astype(np.int64)
    return row, after > first


def _draw_sessions(
    rng: np.random.Generator, window: Window, accounts: Accounts, fate: Fate, people: People
) -> Sessions:
    """Sessions of `people`: the one in which they join, then a Poisson number on each day."""
    account = people.account
    days = np.arange(len(window.midnights))
    age = days[None, :] - window.day_of(people.joined_ms)[:, None]
    enthusiasm = accounts.enthusiasm[account]
    early = (
        accounts.trait("sessions")[account]
        * np.exp(_EARLY_ENTHUSIASM * enthusiasm)
        * people.pace
        / _EARLY_FADE_DAYS
    )
    late = _LATE_PER_DAY * np.exp(_LATE_ENTHUSIASM * enthusiasm) * people.pace
    paying = window.midnights[None, :] >= fate.pays_ms[account][:, None]
    rate = np.where(
        age <= EARLY_DAYS,
        early[:, None] * np.exp(-age / _EARLY_FADE_DAYS),
        late[:, None] * np.where(paying, _PAYING_FACTOR, 1.0),
    )
    using = window.midnights[None, :] < fate.active_until_ms[account][:, None]
    profile = accounts.trait("week").astype(np.int64)[account]
    rate *= WEEKS[profile][:, window.weekdays] * ((age > 0) & using)
    row, day = np.nonzero(visits := rng.poisson(rate))
    row, day = np.repeat(row, visits[row, day]), np.repeat(day, visits[row, day])
    start = window.to_utc(day, draw_local_ms(rng, len(row)), accounts.place[account[row]])
    kept = (start > people.joined_ms[row] + HOUR_MS) & (start < window.end_ms)
    person = np.concatenate([np.arange(len(people)), row[kept]])
    start = np.concatenate([people.joined_ms, start[kept]])
    joining = np.arange(len(person)) < len(people)
    minutes = _SESSION_MINUTES_MEDIAN * np.exp(_SESSION_SIGMA * rng.normal(size=len(person)))
    order = np.argsort(account[person], kind="stable")
    return Sessions(
        person=person[order],
        account=account[person][order],
        start_ms=start[order],
        length_ms=(np.clip(minutes, 1, 60) * 60 * SECOND_MS).astype(np.int64)[order],
        joining=joining[order],
    )


def _draw_invitations(
    rng: np.random.Generator, accounts: Accounts, fate: Fate, visits: Sessions
) -> Invitations:
    """Planned invitations in the early span, and some more from those who stay."""
    early = visits.start_ms <= (accounts.signup_ms + fate.span_ms)[visits.account]
    wanted = np.repeat(np.arange(len(accounts)), fate.counts[:, INVITING])
    rows, _ = choose_sessions(rng, visits.account[early], wanted)
    early_at = visits.start_ms[early][rows]
    staying = visits.start_ms > accounts.signup_ms[visits.account] + EARLY_DAYS * DAY_MS
    paying = visits.start_ms > fate.pays_ms[visits.account]
    chance = np.where(paying, _LATE_INVITE_PAYING, _LATE_INVITE_FREE)
    late = staying & (rng.random(len(visits)) < chance) & accounts.workspace[visits.account]
    at_ms = np.concatenate([early_at, visits.start_ms[late]])
    return Invitations(
        account=np.concatenate([wanted, visits.account[late]]),
        at_ms=at_ms + rng.integers(40 * SECOND_MS, 400 * SECOND_MS, size=len(at_ms)),
    )


def _draw_members(
    rng: np.random.Generator, window: Window, accounts: Accounts, invitations: Invitations
) -> People:
    """Those who accept, ranked within their account by the time of joining.

    Nobody joins a private person: those guests look at a board and never sign up.
    """
    size = len(invitations.account)
    hours = _ACCEPT_HOURS_MEDIAN * np.exp(_ACCEPT_SIGMA * rng.normal(size=size))
    joined = invitations.at_ms + (np.clip(hours, 0.05, 120) * HOUR_MS).astype(np.int64)
    accepted = (rng.random(size) < _INVITE_ACCEPTED) & (joined < window.end_ms - HOUR_MS)
    accepted &= np.isin(accounts.kind, SHARED_KINDS)[invitations.account]
    account, joined = invitations.account[accepted], joined[accepted]
    order = np.lexsort((joined, account))
    account, joined = account[order], joined[order]
    rank = np.arange(len(account)) - np.searchsorted(account, account, side="left") + 1
    pace = _MEMBER_PACE * np.exp(_PACE_SIGMA * rng.normal(size=len(account)))
    return People(account=account, rank=rank, joined_ms=joined, pace=pace)
