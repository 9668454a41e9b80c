"""The sentences about single reasons for a score: who did what, and what else gave or took points.

Pure text about one reason at a time; what is said about the lead as a whole is `wording.py`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from pql_platform.domain.grammar import counted, fill, number, ordinal, sentence, span
from pql_platform.domain.points import CAP, FLOOR, SINGLE_USER_CAP, SPREAD
from pql_platform.domain.story import OtherReason, SignalFact

PERSON = "person"
TEAM = "team"

_STALE_AFTER = timedelta(days=2)  # decided here: a rep who calls on older news has to know it
_FEW = 10  # occurrences up to which their number is news
_LONGEST_NAME = 40


def label(name: str) -> str:
    """A configured name as words: `usage_depth` is usage depth."""
    return name.replace("_", " ").strip()


def name_of_person(name: str | None) -> str | None:
    """A name that may stand in a sentence; None for an address, for none, and for a whole novel."""
    spoken = " ".join((name or "").split())
    return spoken if 0 < len(spoken) <= _LONGEST_NAME and "@" not in spoken else None


def phrase(fact: SignalFact) -> str:
    """What was done, without a subject: `invited 2 teammates in the last 30 days`."""
    numbers = {
        "value": fact.value,
        "threshold": fact.threshold,
        "window_days": Decimal(fact.window_days),
        "occurrences_ever": Decimal(fact.occurrences_ever),
    }
    said = fill(fact.says, numbers).strip().rstrip(".")
    which = ordinal(fact.occurrences_ever) if _is_one_of_few(fact) else "first"
    if not (fact.first_time or _is_one_of_few(fact)) or f"{which} time" in said:
        return said
    return f"{said}{',' if ' the last ' in said else ''} for the {which} time"


def uncapitalised(text: str) -> str:
    """Fit to follow a subject: `Created` becomes created, `API` stays as it is."""
    return text[0].lower() + text[1:] if text[1:2].islower() else text


def plain_signal(fact: SignalFact, now: datetime) -> str:
    """A signal as one line: `Ann Lee invited 2 teammates in the last 30 days`.

    Says who where that is not whom the story is about, adds how often it has happened in the
    account while that is news, and when it last happened once that is more than two days ago:
    intent fades, and a threshold hit weeks ago is not one hit yesterday (items 91 and 92).
    """
    who, done = _who(fact), phrase(fact)
    line = f"{who} {uncapitalised(done)}" if who else sentence(done)
    asides = []
    if fact.counts and fact.actor == PERSON and fact.value < fact.occurrences_ever <= _FEW:
        asides.append(f"{fact.occurrences_ever} times so far in the account")
    if fact.last_at is not None and now - fact.last_at > _STALE_AFTER:
        asides.append(f"last time {span(now - fact.last_at)} ago")
    if fact.last_on is not None and now.date() - fact.last_on > _STALE_AFTER:
        asides.append(f"last time {span(now.date() - fact.last_on)} ago")
    return f"{line} ({', '.join(asides)})" if asides else line


def other_reason(reason: OtherReason) -> str:
    """A reason that is no signal as one line: `3 people of the account use it`."""
    if reason.category == SPREAD and reason.value is not None:
        people = counted(int(reason.value), "person", "people")
        return f"{people} of the account use{'s' if reason.value == 1 else ''} it"
    if reason.name == SINGLE_USER_CAP and reason.value is not None:
        return f"One person alone can score {number(reason.value)} at most"
    return {
        CAP: "A score is 100 at most",
        FLOOR: "A score is 0 at least",
    }.get(reason.name, sentence(label(reason.name)))


def short_name(reason: OtherReason) -> str:
    """The same in few words, for a table."""
    if reason.category == SPREAD and reason.value is not None:
        return f"{counted(int(reason.value), 'person', 'people')} use it"
    return {
        SINGLE_USER_CAP: "one person alone",
        CAP: "cap at 100",
        FLOOR: "floor at 0",
    }.get(reason.name, label(reason.name))


def signed(points: Decimal) -> str:
    """Points as they change a sum: `+10`, `-2.5`."""
    return f"{'+' if points > 0 else ''}{number(points)}"


def _who(fact: SignalFact) -> str:
    # A sentence that starts with its number has a subject already.
    if fact.says.lstrip().startswith("{"):
        return ""
    if fact.actor == TEAM:
        return "The team"
    if fact.actor == PERSON:
        return name_of_person(fact.person) or ("One person" if fact.user_id else "Somebody")
    return ""


def _is_one_of_few(fact: SignalFact) -> bool:
    """Whether it is the second, third or so, and who did it is the one who did all of them."""
    return (
        fact.counts
        and fact.actor != PERSON
        and fact.value == 1
        and 1 < fact.occurrences_ever <= _FEW
    )
