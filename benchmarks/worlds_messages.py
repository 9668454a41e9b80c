"""What a planted world's product sends: the rows of an inbox file, in the order of receipt.

Each event belongs to a member of its account, each member identifies itself, each account says how
large it is. What happens is not decided here.
"""

from __future__ import annotations

import json
from datetime import datetime

import numpy as np
import pyarrow as pa

from benchmarks.worlds_behaviour import Floats, Ints, Occurrences, People
from benchmarks.worlds_truth import Truth
from benchmarks.worlds_vocabulary import EVENTS
from pql_platform.intake.schema import INBOX_SCHEMA

EMPLOYEES = {"smb": (2, 50), "mid_market": (50, 500), "enterprise": (500, 5000)}
"""Head counts of each segment, the end left out; those of the default `segments` of a program."""

FIRST_MEMBER = 0.55
"""Share of an account's events that its first member does; the others share the rest."""

PROPERTIES = ('{"source":"web"}', '{"source":"mobile"}', "{}")
"""On every event, by lot: a property that tells nothing."""

_DAY_US = 86_400_000_000
_LONGEST_DELAY_DAYS = 0.01


def inbox_rows(
    truth: Truth, people: People, happened: Occurrences, rng: np.random.Generator
) -> pa.Table:
    """Write down a world as its product would have sent it.

    Args:
        truth: Whose world it is.
        people: Its accounts.
        happened: Its events, all within the history.
        rng: Draws.

    Returns:
        Columns of `INBOX_SCHEMA`; received by the end of the history.
    """
    columns = _stack(
        _calls(truth, people, rng),
        _members(truth, people, rng),
        _events(people, happened, rng),
    )
    day = columns.pop("day")
    received = day + np.minimum(rng.exponential(20 / 86_400, len(day)), _LONGEST_DELAY_DAYS)
    order = np.lexsort((day, received))
    order = order[received[order] < truth.days]
    ids = pa.array([f"w{truth.number}-m{n}" for n in range(len(order))])
    table = {
        "message_id": ids,
        "content_hash": ids,
        "source": _same("segment", len(order)),
        "file": _same(f"world-{truth.number}.ndjson", len(order)),
        "byte_offset": pa.array(np.zeros(len(order), dtype=np.int64)),
        "occurred_at": _times(truth.start, day[order]),
        "received_at": _times(truth.start, received[order]),
        **{name: pa.array(column[order], pa.string()) for name, column in columns.items()},
    }
    return pa.table(
        {
            name: table[name] if name in table else pa.nulls(len(order), kind)
            for name, kind in zip(INBOX_SCHEMA.names, INBOX_SCHEMA.types, strict=True)
        },
        schema=INBOX_SCHEMA,
    )


def _calls(truth: Truth, people: People, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A group call of each account, a second after its sign-up."""
    low, high = np.array([EMPLOYEES[segment] for segment in people.segments]).T
    employees = rng.integers(low, high)
    traits = [
        json.dumps({"name": str(account), "employees": int(size)}, separators=(",", ":"))
        for account, size in zip(people.account_ids, employees, strict=True)
    ]
    return {
        "type": _repeated("group", truth.accounts),
        "event": _repeated("$group", truth.accounts),
        "user_id": _user_ids(people, np.arange(truth.accounts), np.zeros(truth.accounts, int)),
        "group_id": people.account_ids,
        "properties": _repeated("{}", truth.accounts),
        "traits": np.array(traits, dtype=object),
        "day": people.signed_up + 1 / 86_400,
    }


def _members(truth: Truth, people: People, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """An identify call of each member when it joins."""
    account, member = np.nonzero(people.joined < truth.days)
    user_ids = _user_ids(people, account, member)
    return {
        "type": _repeated("identify", len(account)),
        "event": _repeated("$identify", len(account)),
        "user_id": user_ids,
        "group_id": people.account_ids[account],
        "properties": _repeated("{}", len(account)),
        "traits": np.array([f'{{"name":"{user}"}}' for user in user_ids], dtype=object),
        "day": people.joined[account, member],
    }


def _events(
    people: People, happened: Occurrences, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """A track call of each occurrence, by somebody who has joined by then."""
    count = len(happened.day)
    member = rng.integers(0, people.joined.shape[1], count)
    absent = people.joined[happened.account, member] > happened.day
    member[absent | (rng.random(count) < FIRST_MEMBER)] = 0
    return {
        "type": _repeated("track", count),
        "event": np.array(EVENTS, dtype=object)[happened.event],
        "user_id": _user_ids(people, happened.account, member),
        "group_id": people.account_ids[happened.account],
        "properties": np.array(PROPERTIES, dtype=object)[rng.integers(0, 3, count)],
        "traits": _repeated("{}", count),
        "day": happened.day,
    }


def _user_ids(people: People, account: Ints, member: Ints) -> np.ndarray:
    width = people.joined.shape[1]
    every = np.array(
        [f"{name}-u{n}" for name in people.account_ids for n in range(width)], dtype=object
    )
    return every[account * width + member]


def _stack(*parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _repeated(text: str, count: int) -> np.ndarray:
    return np.full(count, text, dtype=object)


def _same(text: str, count: int) -> pa.Array:
    return pa.array(_repeated(text, count), pa.string())


def _times(start: datetime, days: Floats) -> pa.Array:
    begin = np.datetime64(start.replace(tzinfo=None), "us")
    return pa.array(begin + (days * _DAY_US).astype("timedelta64[us]"))
