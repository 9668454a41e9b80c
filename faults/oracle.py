"""What Slack's own log says, held against what the ledger believes.

The log is the fake Slack's: append-only, on the disk before an answer leaves, and out of reach of
whatever kills a dispatcher.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from faults.crossings import PROGRAM
from pql_platform.ledger.conservation import conservation
from pql_platform.ledger.states import ALERT, DEAD, DELIVERED, ONCALL
from pql_platform.ledger.tables import attempts, outbox

POST, HISTORY = "chat.postMessage", "conversations.history"
SMOOTH = frozenset({"delivered", "found", "absent", "too late"})
"""Results of an attempt that are no news of trouble."""

Entry = Mapping[str, Any]
"""One line of the log: a request, the fault it met, and the message that was posted, if any."""


@dataclass(frozen=True)
class Fate:
    """A message as the ledger has it; `told` says whether a page about its end arrived."""

    key: str
    kind: str
    state: str
    told: bool = False


@dataclass(frozen=True)
class Comparison:
    """Keys by what is wrong with them.

    Attributes:
        lost: Alerts that were not posted, and of which nobody was told that they will not be.
        doubled: Messages posted more than once.
        given_up: Alerts that were not posted, and people were told.
        contradictions: Posted and not DELIVERED, DELIVERED and not posted, or posted and unknown.
    """

    messages: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    given_up: tuple[str, ...]
    contradictions: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether ledger and Slack agree that nothing was lost and nothing doubled."""
        return not (self.lost or self.doubled or self.contradictions)


def compare(posted: Sequence[str], fates: Sequence[Fate]) -> Comparison:
    """Hold the keys of the posted messages, one per post, against the fates of all messages."""
    times = Counter(posted)
    alerts = [fate for fate in fates if fate.kind == ALERT]
    unposted = [fate for fate in alerts if not times[fate.key]]
    given_up = [fate.key for fate in unposted if fate.state == DEAD and fate.told]
    disagree = [fate.key for fate in fates if (fate.state == DELIVERED) != (times[fate.key] > 0)]
    unknown = sorted(times.keys() - {fate.key for fate in fates})
    return Comparison(
        messages=len(alerts),
        lost=tuple(fate.key for fate in unposted if fate.key not in set(given_up)),
        doubled=tuple(sorted(key for key, posts in times.items() if posts > 1)),
        given_up=tuple(given_up),
        contradictions=(*disagree, *unknown),
    )


def read_log(path: Path) -> list[Entry]:
    """Every request that Slack has seen, in order."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def posted_keys(log: Sequence[Entry]) -> list[str]:
    """The key of every post, as it stands in the message's metadata."""
    return [entry["key"] for entry in log if entry["method"] == POST and entry["posted"]]


def fates_of(conn: Connection) -> list[Fate]:
    """The fate of every message of the outbox."""
    rows = conn.execute(select(outbox).order_by(outbox.c.id)).all()
    told = {row.payload["cause"] for row in rows if row.kind == ONCALL and row.state == DELIVERED}
    return [
        Fate(row.key, row.kind, row.state, f"dead:{row.kind}:{row.last_error}" in told)
        for row in rows
    ]


def books_balance(conn: Connection) -> bool:
    """Whether every crossing of the ledger has one fate that its messages bear out."""
    return conservation(conn, PROGRAM).holds


def injected(log: Sequence[Entry], method: str | None = None) -> list[Entry]:
    """The requests that met a fault which somebody can notice; a mere delay is none."""
    return [
        entry
        for entry in log
        if entry["fault"] not in (None, "delay") and method in (None, entry["method"])
    ]


def label(fault: Entry) -> str:
    """A fault without how often and where it was planned."""
    return json.dumps(
        {name: fault[name] for name in sorted(fault) if name not in ("times", "channel")}
    )


def written_down(conn: Connection, log: Sequence[Entry]) -> int:
    """How many of the injected faults the ledger tells of.

    Per message, a post that met a fault needs an attempt with trouble in it, or evidence that the
    blocks were refused; a look that met one needs an attempt without an answer.
    """
    query = select(outbox.c.key, attempts.c.result).join(attempts)
    results = [(row.key, row.result) for row in conn.execute(query) if row.result not in SMOOTH]
    sends: Counter[str] = Counter(key for key, result in results if result != "not answered")
    for key, evidence in conn.execute(select(outbox.c.key, outbox.c.evidence)):
        if "blocks_refused" in ((evidence or {}).get("detail") or {}):
            sends[key] += 1
    met = Counter(entry["key"] for entry in injected(log, POST))
    posts_told = sum(min(times, sends[key]) for key, times in met.items())
    looks = sum(1 for _, result in results if result == "not answered")
    return posts_told + min(len(injected(log, HISTORY)), looks)
