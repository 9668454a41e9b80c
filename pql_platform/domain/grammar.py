"""Numbers, spans and moments as a person would say them in English.

Knows nothing of leads or scores: only how `2`, `2 days` or 14:00 on Thursday read in a sentence.
What is said about an account belongs in `wording.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# A placeholder with the two words after it, which must agree with its number: "{value} active days"
_PLACEHOLDER = re.compile(r"\{(\w+)\}(?:(?P<gap>\s+)(?P<words>[A-Za-z]+(?:\s+[A-Za-z]+)?))?")
_TIMES = {Decimal(1): "once", Decimal(2): "twice"}
_DAYS_AGO = {Decimal(0): "today", Decimal(1): "yesterday"}
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
# Words that end in s and are no plural.
_NOT_PLURAL = frozenset({"as", "has", "its", "was", "gas", "series", "news", "lens"})


def number(value: Decimal) -> str:
    """A number without trailing zeros and with at most two decimals: `2`, `4.5`, `12,500`."""
    text = f"{value:,.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def counted(amount: int, singular: str, plural: str | None = None) -> str:
    """A count with its noun: `1 user`, `2 users`, `2 people` with a plural of its own."""
    noun = singular if amount == 1 else plural or f"{singular}s"
    return f"{number(Decimal(amount))} {noun}"


def ordinal(amount: int) -> str:
    """Which one it is: `third`; from the tenth on `10th`, `21st`."""
    if 1 <= amount <= len(_ORDINALS):
        return _ORDINALS[amount - 1]
    ending = {1: "st", 2: "nd", 3: "rd"}.get(amount % 10, "th")
    return f"{amount}{'th' if amount // 10 % 10 == 1 else ending}"


def singular(word: str) -> str:
    """The singular of a regular English plural; any other word unchanged."""
    lower = word.lower()
    if lower in _NOT_PLURAL or not lower.endswith("s") or lower.endswith(("ss", "us", "is")):
        return word
    if lower.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if lower.endswith("yses"):
        return word[:-2] + "is"
    if lower.endswith(("sses", "shes", "ches", "xes", "zzes")):
        return word[:-2]
    return word[:-1]


def fill(template: str, numbers: Mapping[str, Decimal]) -> str:
    """Put numbers into a template such as `hit the limit {value} times in {window_days} days`.

    `{x} times` becomes once, twice or `3 times`; `{x} days ago` becomes today or yesterday; after
    a 1 the noun turns singular, also behind an adjective. A placeholder that has no number stays
    as written, so that a mistake in a program is seen and not hidden.
    """

    def replace(match: re.Match[str]) -> str:
        value = numbers.get(match[1])
        if value is None:
            return match[0]
        words = (match["words"] or "").split()
        if words[:1] == ["times"] and value in _TIMES:
            return " ".join([_TIMES[value], *words[1:]])
        if words == ["days", "ago"] and value in _DAYS_AGO:
            return _DAYS_AGO[value]
        if value == 1:
            words = _agree(words)
        return " ".join([number(value), *words])

    filled = _PLACEHOLDER.sub(replace, template)
    return re.sub(r"\b(last|past) 1 (day|week|month)\b", r"\1 \2", filled)


def _agree(words: list[str]) -> list[str]:
    """Turn the first plural among `words` singular."""
    for position, word in enumerate(words):
        if singular(word) != word:
            return [*words[:position], singular(word), *words[position + 1 :]]
    return words


def sentence(text: str) -> str:
    """With a capital letter at its start."""
    return text[:1].upper() + text[1:]


def span(length: timedelta) -> str:
    """A length of time in its two largest units: `8 min`, `2 h 5 min`, `1 day 3 h`, `12 days`."""
    minutes = int(abs(length).total_seconds()) // 60
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return counted(days, "day") + (f" {hours} h" if hours and days < 3 else "")
    if hours:
        return f"{hours} h" + (f" {minutes} min" if minutes else "")
    return f"{minutes} min" if minutes else "less than a minute"


def day(when: date) -> str:
    """A calendar day: `2 Sep 2026`."""
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}"


def moment(when: datetime, now: datetime) -> str:
    """A moment in UTC: `Thu 14:00 UTC` within six days of `now`, else with the date too."""
    clock = f"{when:%H:%M} UTC"
    weekday = _DAYS[when.weekday()]
    if abs(when - now) < timedelta(days=6):
        return f"{weekday} {clock}"
    dated = f"{weekday} {when.day} {_MONTHS[when.month - 1]} {clock}"
    return dated if when.year == now.year else dated.replace(clock, f"{when.year} {clock}")
