"""What is true in a planted world, and how it is drawn: kind, cause, sizes, and what misleads.

What follows from it is in `worlds_behaviour` and `worlds_purchases`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias

import numpy as np

from benchmarks.worlds_vocabulary import CATEGORY_OF, ORDINARY

Kind: TypeAlias = Literal["strong", "weak", "null", "confounded", "leaking", "drifting", "tiny"]
LeakWhen: TypeAlias = Literal["just_before", "after"]

CYCLE: tuple[Kind, ...] = (
    *("strong", "null", "leaking", "strong", "weak", "confounded", "null"),
    *("strong", "drifting", "leaking", "null", "tiny", "strong", "weak"),
)
"""The kinds in turn: any number of worlds holds about the same share of each."""

END = datetime(2026, 3, 2, tzinfo=UTC)
"""The end of every world, and the clock of its calibration."""

SHORTEST, LONGEST = 180, 360
"""Days of history: 6 to 12 months, as requirements item 72 wants them."""


@dataclass(frozen=True)
class Truth:
    """What is true in a world.

    Attributes:
        number: Which world of its series it is.
        kind: What is special in it.
        seed: Of everything that is drawn in it.
        accounts: Accounts that sign up.
        days: Days of history; sign-ups are even over them.
        buy_share: Share of the accounts that would buy if one waited for ever.
        lifetime_days: Mean days until somebody who does not buy stays away.
        patience_days: Mean days from the sign-up to a purchase that the cause did not lead to.
        delay_days: Mean days from reaching the cause to the purchase that it led to.
        cause: The event that leads to a purchase; None in a null world.
        at_least: How many times an account must do it.
        odds_ratio: Odds of a purchase with the cause reached over those without, all else equal.
        adoption: Share of the accounts that would reach the cause if all of them stayed.
        proxies: Events without an effect that those who adopt the cause do more often.
        contributing: Events with a small effect of their own.
        later_cause: The event that is the cause instead, from `drift_day` on.
        drift_day: Days after the start.
        leak: An event that happens because of the purchase.
        leak_when: Minutes before it (a checkout), or after it (the set-up of those who pay).
        confounded: An event that large companies do more often, who also buy more often. Within
            each segment it goes with fewer purchases.
    """

    number: int
    kind: Kind
    seed: int
    accounts: int
    days: int
    buy_share: float
    lifetime_days: float
    patience_days: float
    delay_days: float
    cause: str | None = None
    at_least: int = 1
    odds_ratio: float = 1.0
    adoption: float = 0.2
    proxies: tuple[str, ...] = ()
    contributing: tuple[str, ...] = ()
    later_cause: str | None = None
    drift_day: int | None = None
    leak: str | None = None
    leak_when: LeakWhen | None = None
    confounded: str | None = None

    @property
    def start(self) -> datetime:
        """The first moment of the history."""
        return END - timedelta(days=self.days)

    @property
    def effective(self) -> frozenset[str]:
        """The events that lead to a purchase at some time, and those that go with them."""
        causes = (self.cause, self.later_cause, *self.contributing, *self.proxies)
        return frozenset(event for event in causes if event)

    @property
    def drift_at(self) -> datetime | None:
        """When the cause changes."""
        return None if self.drift_day is None else self.start + timedelta(days=self.drift_day)


def draw_truth(number: int, seed: int) -> Truth:
    """Draw what is true in world `number` of a series; the same for the same number and seed."""
    kind = CYCLE[number % len(CYCLE)]
    rng = np.random.default_rng([seed, number])
    drawn: dict[str, Any] = {
        "number": number,
        "kind": kind,
        "seed": int(rng.integers(2**31)),
        "days": int(rng.integers(SHORTEST, LONGEST + 1)),
        # Trials that are over in a month, and free plans that people stay on for most of a year.
        "lifetime_days": float(np.exp(rng.uniform(np.log(30), np.log(240)))),
        "patience_days": float(rng.uniform(20, 80)),
        "delay_days": float(rng.uniform(6, 18)),
        "accounts": int(rng.integers(300, 1501)),
        "buy_share": float(rng.uniform(0.05, 0.2)),
    }
    shuffled = [str(event) for event in rng.permutation(ORDINARY)]
    if kind != "null":
        drawn |= _cause(rng, shuffled)
    return Truth(**drawn | _speciality(kind, rng, shuffled, drawn["days"]))


def _cause(rng: np.random.Generator, shuffled: list[str]) -> dict[str, Any]:
    """A cause that shows: what a converter did is then at least twice as common (item 74)."""
    return {
        "cause": shuffled[0],
        "at_least": int(rng.choice([1, 1, 2, 3])),
        "odds_ratio": float(rng.uniform(5, 10)),
        "adoption": float(rng.uniform(0.12, 0.25)),
        "proxies": tuple(shuffled[1 : 1 + int(rng.integers(1, 3))]),
        "contributing": tuple(shuffled[3 : 3 + int(rng.integers(1, 3))]),
        # Requirements item 73 looks at the last 100 to 200 who converted; all have room for that.
        "accounts": (accounts := int(rng.integers(600, 1501))),
        "buy_share": float(rng.uniform(max(0.08, 100 / accounts), 0.2)),
    }


def _speciality(
    kind: Kind, rng: np.random.Generator, shuffled: list[str], days: int
) -> dict[str, Any]:
    """What a world of this kind has instead of, or beside, an ordinary cause."""
    if kind == "weak":
        return {"odds_ratio": float(rng.uniform(1.4, 2.0))}
    if kind == "tiny":
        accounts = int(rng.integers(300, 451))
        return {"accounts": accounts, "buy_share": float(rng.uniform(8, 20)) / accounts}
    if kind == "leaking":
        return {"leak": shuffled[-1], "leak_when": str(rng.choice(["just_before", "after"]))}
    if kind == "confounded":
        return {
            "confounded": shuffled[-1],
            "accounts": int(rng.integers(1000, 1501)),
            "buy_share": float(rng.uniform(0.14, 0.2)),
        }
    if kind == "drifting":
        return {
            "later_cause": next(
                event for event in shuffled[1:] if CATEGORY_OF[event] == CATEGORY_OF[shuffled[0]]
            ),
            "proxies": (),
            "contributing": (),
            # Half-way, so that the shortest look-back of a calibration holds nothing older.
            "days": LONGEST,
            "drift_day": LONGEST - int(rng.integers(180, 201)),
            "accounts": int(rng.integers(900, 1501)),
            "buy_share": float(rng.uniform(0.12, 0.2)),
        }
    return {}
