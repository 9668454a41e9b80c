"""Columns of events, and the diary in which they are collected.

Knows no behaviour: `lifecycle` and `timeline` write, `world` reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from pql_platform.demo.calendar import Ints
from pql_platform.demo.catalogue import Action


class Voice(IntEnum):
    """Which ids a message carries."""

    ANONYMOUS = 0
    IDENTIFIED = 1
    ANONYMOUS_ELSEWHERE = 2
    IDENTIFIED_ELSEWHERE = 3
    SERVER = 4
    WORKSPACE = 5


@dataclass(frozen=True)
class Events:
    """Events in no particular order, one row each.

    Attributes:
        at_ms: When it happened.
        action: `Action`.
        person: Row of `People`; rows after the last person are visitors who never sign up.
        voice: `Voice`.
    """

    at_ms: Ints
    action: Ints
    person: Ints
    voice: Ints

    def __len__(self) -> int:
        return len(self.at_ms)

    def between(self, start_ms: int, end_ms: int) -> Events:
        """Those that happen from `start_ms` until before `end_ms`."""
        kept = (self.at_ms >= start_ms) & (self.at_ms < end_ms)
        return Events(self.at_ms[kept], self.action[kept], self.person[kept], self.voice[kept])


class Diary:
    """Collects runs of events until they are joined into columns."""

    def __init__(self) -> None:
        self._runs: list[tuple[Ints, Ints, Ints, Ints]] = []

    def note(self, at_ms: Ints, action: Ints | Action, person: Ints, voice: Ints | Voice) -> None:
        """Add one run of events; a single action or voice holds for the whole run."""
        shape = at_ms.shape
        self._runs.append(
            (at_ms, np.broadcast_to(action, shape), person, np.broadcast_to(voice, shape))
        )

    def joined(self) -> Events:
        """All runs, one after the other."""
        return Events(*(np.concatenate(column) for column in zip(*self._runs, strict=True)))
