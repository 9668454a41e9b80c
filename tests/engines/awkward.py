"""A small history in which everything is at an edge: numbers, texts, times, ties and identities.

Engines agree on plain data by themselves; what they spell, round, order and compare differently is
here, in every combination that 1500 messages make. Equal seeds give equal histories.
"""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

AMOUNTS = [
    *(12.5, -3, 0, 1e3, 1.5e-7, 1e22, 123456789012345678, 0.1, 0.2, 0.0000005, 99.9999995),
    *("12.50", " 7", "7 ", "+5", "1e2", "1E+2", "NaN", "Infinity", "-0", "0x10", "1_000", "1,5"),
    *("much", "", None, True, [1], {"a": 1}, "9" * 21, "9" * 22, "1e19", "1e20", "1e400", "٣"),
]
PLANS = ["pro", "team", "PRO", "", None, 1, True, ["pro"], "pro ", "pro\n"]
DRAFTS = [False, True, "false", "true", 0, None, "False"]
EMAILS = [
    *("ann@acme.example.com", "bob@BOLT.example.com", "É@École.example", "x@", "x", "a@b@c"),
    *("s@cs.mit.edu", "s@mit.edu", "t@ox.ac.uk\n", "u@gmail.com", "o'neil@quo'te.example", None),
    *("rep@deep.rival.example.com", "k@unit.example.com", "%@100%.example", "z@Zürich.example"),
]
NAMES = ["Ann", "ann", "Zoë", "Émile", "a b", "Ab", "_x", "~", "", "0", 5, None, "李雷"]
EMPLOYEES = [5, 60, "700", "many", 49.5, 49.4999995, "1e3", -1, "9" * 15, "9" * 16, "", None, "50 "]
PLACES = ["DE", "de", "US", "", None, "Côte d'Ivoire"]
USERS = ["ann", "Bob", "cid", "Dee", "éva", "user:ann", "a'b", '"q"', "\\", "%", " "]
QUIET = [f"quiet{number:02d}" for number in range(50)]
"""People of whom little is known, so that scores of all heights occur; the others have it all."""
DEVICES = ["d1", "D1", "d-2", "ann", "d3"]
GROUPS = ["acme", "Acme", "bolt", "acme.example.com", "grüß", "user:cid", "user:éva"]
EVENTS = ["Board Created", "Board Copied", "Board Shared", "Board Exported", "Add-on Ordered"]
SECONDS = [0, 0, 1, 900, 1799, 1800, 1801, 3600, 43200, 86399, 86400, 7 * 86400]
MICROSECONDS = [0, 0, 1, 499_999, 500_000, 500_001, 999_999]


def write_awkward_history(path: Path, end: datetime, messages: int = 1500, seed: int = 5) -> None:
    """Write the history as Segment calls, one per line, up to about `end`."""
    chance = random.Random(seed)  # noqa: S311 - a history, no secret
    moment = end - timedelta(days=40)
    lines = []
    for number in range(messages):
        moment += timedelta(
            seconds=min(chance.choice(SECONDS), chance.choice(SECONDS)),
            microseconds=chance.choice(MICROSECONDS),
        )
        if moment > end + timedelta(hours=1) or chance.random() < 0.02:
            moment = end.replace(hour=0) - timedelta(days=chance.randrange(20))
        lines.append(_message(chance, f"m{number:04d}", moment))
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")


def _message(chance: random.Random, message_id: str, moment: datetime) -> dict[str, Any]:
    said: dict[str, Any] = {
        "messageId": message_id,
        "timestamp": moment.isoformat(),
        "receivedAt": (moment + timedelta(minutes=chance.choice([0, 0, 0, 45]))).isoformat(),
    }
    kind = chance.choice(["track"] * 12 + ["identify"] * 3 + ["group"] * 2 + ["alias"])
    if chance.random() < 0.6:
        return {**said, **_quiet_call(chance, kind)}
    if kind == "alias":
        people = [*USERS, *DEVICES]
        return {**said, "type": kind, "userId": chance.choice(USERS)} | {
            "previousId": chance.choice(people)
        }
    known = chance.random() < 0.8
    said["userId" if known else "anonymousId"] = chance.choice(USERS if known else DEVICES)
    if known and chance.random() < 0.4:
        said["anonymousId"] = chance.choice(DEVICES)
    if kind == "identify":
        traits = {"email": EMAILS, "name": NAMES, "title": NAMES, "country": PLACES}
        return {**said, "type": kind, "traits": _some(chance, traits)}
    if kind == "group":
        traits = {"name": NAMES, "employees": EMPLOYEES, "plan": PLANS, "country": PLACES}
        traits |= {"domain": ["ACME.example.com", "rival.example.com", None], "industry": NAMES}
        group = {"groupId": chance.choice(GROUPS), "traits": _some(chance, traits)}
        return {**said, "type": kind, **group}
    if chance.random() < 0.4:
        said["context"] = {"groupId": chance.choice(GROUPS)}
    return {**said, **_track(chance)}


def _quiet_call(chance: random.Random, kind: str) -> dict[str, Any]:
    person = chance.choice(QUIET)
    if kind == "alias":
        return {"type": kind, "userId": person, "previousId": f"earlier_{person}"}
    if kind == "identify":
        company = f"company{int(person[-2:]) // 3}.example.com"
        return {"type": kind, "userId": person, "traits": {"email": f"{person}@{company}"}}
    return {"userId": chance.choice([person, f"earlier_{person}"]), **_track(chance)}


def _track(chance: random.Random) -> dict[str, Any]:
    properties = {
        "plan": {"name": chance.choice(PLANS)},
        "draft": chance.choice(DRAFTS),
        "order": {"amount": chance.choice(AMOUNTS)},
    }
    return {"type": "track", "event": chance.choice(EVENTS), "properties": properties}


def _some(chance: random.Random, traits: dict[str, list[Any]]) -> dict[str, Any]:
    return {name: chance.choice(values) for name, values in traits.items() if chance.random() < 0.7}
