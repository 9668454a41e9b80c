"""Who signs up: accounts of eight kinds, with two hidden traits that nobody outside can see.

Draws accounts as columns, one row per account. Names and ids are in `identities`; what an account
does with the product, and whether it pays, is in `behaviour`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

from pql_platform.demo.calendar import (
    HOUR_MS,
    OFFICE,
    PLACES,
    PRIVATE,
    Flags,
    Floats,
    Ints,
    Window,
    draw_local_ms,
)

Mail = Literal["company", "freemail", "education", "competitor", "staff", "test"]


@dataclass(frozen=True)
class Kind:
    """A sort of account.

    Attributes:
        name: As it appears in the planted truth.
        share: Of all accounts; the shares add up to 1.
        mail: Where its people's addresses end.
        trial: Starts with a trial of the paid plan; otherwise on the free plan.
        workspace: Sends group calls.
        week: Row of `calendar.WEEKS`.
        sessions: Further sessions of the first user in the early weeks, on average.
        activity: Multiplies the planted behaviours.
        buys: Added to the log-odds of paying; None never pays.
        stays: Log-odds of still using the product after the early weeks.
    """

    name: str
    share: float
    mail: Mail
    trial: bool
    workspace: bool
    week: int
    sessions: float
    activity: float
    buys: float | None
    stays: float


KINDS = (
    Kind("trial_team", 0.41, "company", True, True, OFFICE, 10.0, 1.0, 0.0, -0.6),
    Kind("freemium_team", 0.22, "company", False, True, OFFICE, 8.0, 0.85, -0.3, -0.2),
    Kind("personal", 0.14, "freemail", False, False, PRIVATE, 5.0, 0.45, -0.6, -0.7),
    Kind("tyre_kicker", 0.13, "company", False, True, OFFICE, 0.0, 0.0, None, -99.0),
    Kind("student", 0.06, "education", False, True, PRIVATE, 9.0, 1.1, None, -0.8),
    Kind("competitor", 0.015, "competitor", True, True, OFFICE, 5.0, 0.8, None, -2.5),
    Kind("staff", 0.01, "staff", False, True, OFFICE, 14.0, 1.5, None, 2.0),
    Kind("test", 0.015, "test", True, True, OFFICE, 10.0, 1.5, None, 0.5),
)

COMPANY_KINDS = tuple(i for i, kind in enumerate(KINDS) if kind.mail == "company")
SHARED_KINDS = tuple(i for i, kind in enumerate(KINDS) if kind.mail != "freemail")

# A new workspace must be visible in the file, so nobody signs up in the last two hours.
_LAST_SIGNUP_MS = 2 * HOUR_MS
_WORKSPACE_CALL_MISSING = 0.04
_SIGNUP_GROWTH = (0.6, 1.4)
_SIGNUP_WEEK = np.array([1.0, 1.05, 1.05, 1.0, 0.85, 0.3, 0.3])
_EMPLOYEES_MEDIAN, _EMPLOYEES_SIGMA = 60, 1.5
MID_MARKET_FROM, ENTERPRISE_FROM = 50, 500


@dataclass(frozen=True)
class Accounts:
    """A run of accounts, one row each.

    Attributes:
        number: Place in the whole population, counted from 0.
        kind: Row of `KINDS`.
        place: Row of `calendar.PLACES`.
        employees: Head count of the company; 0 where there is none.
        workspace: Sends group calls. A few companies never do: only their mail domain names them.
        enthusiasm: Hidden, standard normal: raises vanity and planted behaviours alike.
        need: Hidden, standard normal: raises planted behaviours only.
        signup_ms: When its first user signs up.
    """

    number: Ints
    kind: Ints
    place: Ints
    employees: Ints
    workspace: Flags
    enthusiasm: Floats
    need: Floats
    signup_ms: Ints

    def __len__(self) -> int:
        return len(self.number)

    def trait(self, name: str) -> Floats:
        """A number of each account's `Kind`, as a column; None becomes minus infinity."""
        values = [getattr(kind, name) for kind in KINDS]
        return np.array([-np.inf if value is None else value for value in values])[self.kind]

    def only(self, row: int) -> Accounts:
        """One account, as columns of length 1."""
        one = slice(row, row + 1)
        return Accounts(**{field.name: getattr(self, field.name)[one] for field in fields(self)})


def draw_accounts(rng: np.random.Generator, first: int, count: int, window: Window) -> Accounts:
    """Draw `count` accounts, numbered from `first`, that sign up inside the window.

    The kinds are spread by systematic sampling: even a small run has nearly its planned shares.
    """
    shares = np.cumsum([kind.share for kind in KINDS])
    spread = (np.arange(count) + rng.random()) / count
    kind = rng.permutation(np.searchsorted(shares[:-1], spread, side="right")).astype(np.int64)
    place = rng.choice(len(PLACES), size=count, p=[place.share for place in PLACES])
    employees = np.rint(_EMPLOYEES_MEDIAN * np.exp(_EMPLOYEES_SIGMA * rng.normal(size=count)))
    in_company = np.isin(kind, COMPANY_KINDS)
    forgets = in_company & (rng.random(count) < _WORKSPACE_CALL_MISSING)
    return Accounts(
        number=np.arange(first, first + count),
        kind=kind,
        place=place.astype(np.int64),
        employees=np.where(in_company, np.clip(employees, 2, 60_000), 0).astype(np.int64),
        workspace=np.array([kind.workspace for kind in KINDS])[kind] & ~forgets,
        enthusiasm=rng.normal(size=count),
        need=rng.normal(size=count),
        signup_ms=_draw_signups(rng, place.astype(np.int64), window),
    )


def segment_of(employees: int) -> str:
    """Size class of a company: self_serve (no company), smb, mid_market or enterprise."""
    if employees == 0:
        return "self_serve"
    if employees >= ENTERPRISE_FROM:
        return "enterprise"
    return "mid_market" if employees >= MID_MARKET_FROM else "smb"


def _draw_signups(rng: np.random.Generator, place: Ints, window: Window) -> Ints:
    """Sign-up instants: more on weekdays, and more towards the end of the window."""
    days = len(window.midnights)
    weight = np.linspace(*_SIGNUP_GROWTH, days) * _SIGNUP_WEEK[window.weekdays]
    day = rng.choice(days, size=len(place), p=weight / weight.sum())
    at_ms = window.to_utc(day, draw_local_ms(rng, len(place)), place)
    latest = max(window.end_ms - _LAST_SIGNUP_MS, window.start_ms + 1)
    outside = (at_ms < window.start_ms) | (at_ms >= latest)
    return np.where(outside, rng.integers(window.start_ms, latest, size=len(place)), at_ms)
