"""The milestones around everyday use: arrival, end of trial, payment, cancellation, mere visits.

What people do inside their sessions is in `timeline`.
"""

from __future__ import annotations

import numpy as np

from pql_platform.demo.behaviour import NEVER, Fate
from pql_platform.demo.calendar import DAY_MS, HOUR_MS, SECOND_MS, Ints, Window
from pql_platform.demo.catalogue import Action
from pql_platform.demo.diary import Diary, Voice
from pql_platform.demo.population import Accounts
from pql_platform.demo.team import People

TRIAL_DAYS = 14
_LOOKED_AT = (Action.HOME, Action.PRICING, Action.BOARDS)
_LOOKED_AT_SHARE = (0.6, 0.3, 0.1)
_LOOKS_BEFORE_SIGNUP, _LOOKS_DAYS_MEAN = 2.0, 1.5
_SIGNED_UP_BEFORE_IDENTIFY = 0.3
_VISITORS_PER_ACCOUNT = 0.6
# Browsers, billing systems and half-migrated servers each know the payer by another id.
_PAYS_AS = ((Voice.IDENTIFIED, 0.6), (Voice.WORKSPACE, 0.2), (Voice.ANONYMOUS, 0.2))


def note_arrivals(
    diary: Diary, rng: np.random.Generator, accounts: Accounts, fate: Fate, people: People
) -> None:
    """Anonymous looks before the sign-up, then identify, group, Signed Up, Trial Started."""
    everyone = np.arange(len(people))
    owner = people.rank == 0
    looks = np.where(owner, rng.poisson(_LOOKS_BEFORE_SIGNUP, size=len(people)), 0)
    looker = np.repeat(everyone, looks)
    before = (rng.exponential(_LOOKS_DAYS_MEAN, size=len(looker)) * DAY_MS).astype(np.int64)
    shown = _draw_looks(rng, len(looker))
    diary.note(people.joined_ms[looker] - before, shown, looker, Voice.ANONYMOUS)
    at_ms = people.joined_ms
    landing_ms = at_ms - rng.integers(9, 90, size=len(people)) * SECOND_MS
    diary.note(landing_ms, Action.HOME, everyone, Voice.ANONYMOUS)
    diary.note(at_ms, Action.IDENTIFY, everyone, Voice.IDENTIFIED)
    rows = np.flatnonzero(accounts.workspace[people.account])
    plan = _plan_of(accounts, fate, people)[rows]
    diary.note(at_ms[rows] + 210, plan, rows, Voice.IDENTIFIED)
    ahead = rng.random(len(people)) < _SIGNED_UP_BEFORE_IDENTIFY
    signed_up = np.where(owner, Action.SIGNED_UP, Action.SIGNED_UP_INVITED)
    voice = np.where(ahead, Voice.ANONYMOUS, Voice.IDENTIFIED)
    diary.note(at_ms + np.where(ahead, -140, 430), signed_up, everyone, voice)
    rows = np.flatnonzero(owner & (accounts.trait("trial")[people.account] > 0))
    diary.note(at_ms[rows] + 900, Action.TRIAL_STARTED, rows, Voice.IDENTIFIED)
    rows = np.flatnonzero(~owner)
    diary.note(at_ms[rows] + 1_300, Action.INVITE_ACCEPTED, rows, Voice.IDENTIFIED)


def note_money(diary: Diary, rng: np.random.Generator, accounts: Accounts, fate: Fate) -> None:
    """Ends of trials, payments and cancellations; payments by billing may know one id only."""
    trial_ends = accounts.signup_ms + TRIAL_DAYS * DAY_MS
    lapses = (accounts.trait("trial") > 0) & accounts.workspace & (fate.pays_ms > trial_ends)
    rows = np.flatnonzero(lapses)
    diary.note(trial_ends[rows] + HOUR_MS, Action.GROUP_FREE, rows, Voice.SERVER)

    rows = np.flatnonzero(fate.pays_ms != NEVER)
    voices, shares = zip(*_PAYS_AS, strict=True)
    voice = rng.choice(np.array(voices), size=len(rows), p=shares)
    voice[(voice == Voice.WORKSPACE) & ~accounts.workspace[rows]] = Voice.SERVER
    diary.note(fate.pays_ms[rows], Action.SUBSCRIPTION_STARTED, rows, voice)
    rows = np.flatnonzero(fate.cancels_ms != NEVER)
    diary.note(fate.cancels_ms[rows], Action.SUBSCRIPTION_CANCELED, rows, Voice.SERVER)


def note_visitors(
    diary: Diary, rng: np.random.Generator, window: Window, accounts: int, people: int
) -> int:
    """People who look at the site once and leave; they never get a user id."""
    visitors = int(rng.poisson(_VISITORS_PER_ACCOUNT * accounts))
    start = rng.integers(window.start_ms, window.end_ms, size=visitors)
    visitor = np.repeat(np.arange(visitors), rng.integers(1, 4, size=visitors))
    at_ms = start[visitor] + rng.integers(0, 300 * SECOND_MS, size=len(visitor))
    shown = _draw_looks(rng, len(visitor))
    diary.note(at_ms, shown, people + visitor, Voice.ANONYMOUS)
    return visitors


def _plan_of(accounts: Accounts, fate: Fate, people: People) -> Ints:
    """The group call that each person sends on arrival: it names the plan of that moment."""
    account = people.account
    trial_ends = accounts.signup_ms + TRIAL_DAYS * DAY_MS
    on_trial = (accounts.trait("trial")[account] > 0) & (people.joined_ms < trial_ends[account])
    plan = np.where(on_trial, Action.GROUP_TRIAL, Action.GROUP_FREE)
    return np.where(people.joined_ms >= fate.pays_ms[account], Action.GROUP_PLAIN, plan)


def _draw_looks(rng: np.random.Generator, size: int) -> Ints:
    return rng.choice(np.array(_LOOKED_AT, dtype=np.int64), size=size, p=_LOOKED_AT_SHARE)
