"""Writes columns of events as Segment-spec lines, fast.

Every line is joined from five prepared texts: what happened and who says so are rendered once per
distinct content, so that nothing is serialised per event. Decides nothing about the content.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from pql_platform.demo.calendar import Ints
from pql_platform.demo.catalogue import VARIANTS, Action, Body, track
from pql_platform.demo.diary import Voice
from pql_platform.demo.identities import Person, Workplace
from pql_platform.demo.transport import Arrivals
from pql_platform.demo.world import World

_SEAT_USD = {"team": 12, "business": 20}
_BUSINESS_FROM_EMPLOYEES = 200
_SINGLE_USD = 10


@dataclass(frozen=True)
class _Contents:
    """Rendered contents; an action's row is drawn from `size` rows that begin at `first`."""

    texts: list[str]
    first: Ints
    size: Ints


def format_lines(world: World, arrivals: Arrivals, prefix: str) -> list[str]:
    """One JSON text per arrival, without line ends.

    Args:
        world: Whose events they are.
        arrivals: What is received, in the order of receipt.
        prefix: Begins every message id; the row of the event ends it.
    """
    events = world.events
    contents, content = _choose_contents(world)
    senders = [text for person, work in _with_workplaces(world) for text in _senders(person, work)]
    senders += [f'"anonymousId":"{visitor}","context":{{}}' for visitor in world.visitors]
    # A person has one text per voice, a visitor only one.
    known = len(world.persons) * len(Voice)
    visitor_row = known + events.person - len(world.persons)
    sender = np.where(
        events.person < len(world.persons), events.person * len(Voice) + events.voice, visitor_row
    )
    row = arrivals.event
    columns = zip(
        row.tolist(),
        content[row].tolist(),
        sender[row].tolist(),
        _iso(events.at_ms[row]),
        _iso(arrivals.sent_ms),
        _iso(arrivals.received_ms),
        strict=True,
    )
    start = f'{{"messageId":"{prefix}'
    return [
        f'{start}{serial:05x}",{contents[what]},{senders[who]},'
        f'"timestamp":"{at}Z","sentAt":"{sent}Z","receivedAt":"{received}Z"}}'
        for serial, what, who, at, sent, received in columns
    ]


def sender_ids(person: Person, workplace: Workplace, voice: Voice) -> dict[str, Any]:
    """The id fields of a message, with the context that names the workspace."""
    here = {"context": {"groupId": workplace.group_id} if workplace.group_id else {}}
    if voice in (Voice.ANONYMOUS, Voice.ANONYMOUS_ELSEWHERE):
        browser = person.browsers[voice == Voice.ANONYMOUS_ELSEWHERE]
        return {"anonymousId": browser, "context": {}}
    if voice == Voice.WORKSPACE:
        return {"groupId": workplace.group_id, **here}
    if voice == Voice.SERVER:
        return {"userId": person.user_id, **here}
    browser = person.browsers[voice == Voice.IDENTIFIED_ELSEWHERE]
    return {"userId": person.user_id, "anonymousId": browser, **here}


def identify(person: Person) -> Body:
    """An identify call, without sender and times."""
    return {"type": "identify", "traits": person.traits}


def group(workplace: Workplace, plan: str | None) -> Body:
    """A group call, without sender and times; `plan` None leaves the plan untouched."""
    traits = workplace.traits if plan is None else {**workplace.traits, "plan": plan}
    return {"type": "group", "groupId": workplace.group_id, "traits": traits}


def _choose_contents(world: World) -> tuple[list[str], Ints]:
    """All contents of a world, and the row that each event uses."""
    events, people = world.events, world.people
    first = np.zeros(len(Action), dtype=np.int64)
    size = np.ones(len(Action), dtype=np.int64)
    texts: list[str] = []
    for action, variants in VARIANTS.items():
        first[action], size[action] = len(texts), len(variants)
        texts += map(_inner, variants)
    content = first[events.action]
    content += (world.rng.random(len(events)) * size[events.action]).astype(np.int64)

    known = np.append(people.account, np.zeros(len(world.visitors), dtype=np.int64))
    account = known[events.person]
    for action, owner, bodies in (
        (Action.IDENTIFY, events.person, [identify(person) for person in world.persons]),
        (Action.GROUP_TRIAL, account, [group(work, "trial") for work in world.workplaces]),
        (Action.GROUP_FREE, account, [group(work, "free") for work in world.workplaces]),
        (Action.GROUP_PLAIN, account, [group(work, None) for work in world.workplaces]),
        (Action.SUBSCRIPTION_STARTED, account, _subscriptions(world)),
    ):
        rows = np.flatnonzero(events.action == action)
        content[rows] = len(texts) + owner[rows]
        texts += map(_inner, bodies)
    return texts, content


def _subscriptions(world: World) -> list[Body]:
    """What each account would pay: seats times price; a single person pays the single price."""
    accounts, people = world.accounts, world.people
    joined = people.joined_ms < world.fate.pays_ms[people.account]
    seats = np.bincount(people.account[joined], minlength=len(accounts)).tolist()
    bodies = []
    for employees, users in zip(accounts.employees.tolist(), seats, strict=True):
        plan = "business" if employees >= _BUSINESS_FROM_EMPLOYEES else "team"
        if employees == 0:
            bodies.append(track("Subscription Started", plan="single", mrr_usd=_SINGLE_USD))
        else:
            mrr = max(2, users) * _SEAT_USD[plan]
            bodies.append(
                track("Subscription Started", plan=plan, seats=max(2, users), mrr_usd=mrr)
            )
    return bodies


def _with_workplaces(world: World) -> list[tuple[Person, Workplace]]:
    accounts = world.people.account.tolist()
    return [
        (person, world.workplaces[account])
        for person, account in zip(world.persons, accounts, strict=True)
    ]


def _senders(person: Person, workplace: Workplace) -> list[str]:
    return [_inner(sender_ids(person, workplace, voice)) for voice in Voice]


def _inner(fields: dict[str, Any]) -> str:
    """The fields as JSON, without the braces around them."""
    return orjson.dumps(fields).decode()[1:-1]


def _iso(at_ms: Ints) -> list[str]:
    texts: list[str] = np.datetime_as_string(at_ms.astype("datetime64[ms]")).tolist()
    return texts
