"""What the name of an event suggests: its kind, how to say it, whether it is a purchase.

Rules of thumb for a first draft, each with its reason, for people to correct. They read English
names as products write them: `Board Created`, `invited_team_member`, `page:Pricing`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

from pql_platform.program.signals import Category

PAGE = "page:"
LONGEST_NAME = 80
"""Characters of an event's name in a sentence, which may have 200."""

_WORD = re.compile(r"[A-Z]{2,}(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_BUYING = {"subscription", "subscribed", "subscribe", "upgraded", "upgrade", "paid", "purchased"}
_BUYING |= {"purchase", "order", "payment", "contract", "checkout", "converted", "invoice", "bill"}
_BUYING |= {"bought", "deal", "seats", "won", "plan", "license", "licence", "customer"}
_DONE = {"started", "completed", "created", "signed", "paid", "upgraded", "purchased", "won"}
_DONE |= {"subscribed", "succeeded", "activated", "confirmed", "converted", "bought", "placed"}
_NOT_A_PURCHASE = {"clicked", "viewed", "failed", "canceled", "cancelled", "downgraded", "opened"}
_NOT_A_PURCHASE |= {"compared", "trial", "prompt", "expired", "requested", "abandoned", "free"}
_NOT_A_PURCHASE |= {"deleted", "refunded", "renewed", "added", "reached", "tried", "up"}

_LOGIN = {"login", "logon", "signin", "signon"}
_ENTERING = {"log", "logs", "logged", "sign", "signs", "signed"}

# Items 46 and 48 of the requirements, in words.
_VIRAL = {"invite", "invited", "invitation", "invites", "teammate", "teammates", "share", "shared"}
_VIRAL |= {"shares", "referral", "referred", "collaborator", "collaborators", "seat", "member"}
_VIRAL |= {"members", "mention", "mentioned"}
_ADOPTION = {"limit", "limits", "upgrade", "premium", "paywall", "pricing", "prices", "plan"}
_ADOPTION |= {"plans", "billing", "enterprise", "quota", "cap", "gated", "addon", "trial"}
_FREQUENCY = {"session", "sessions", "opened", "launched", "returned", "daily", "active", "visited"}
_FREQUENCY |= _LOGIN

_PARTICIPLES = {"built", "sent", "won", "run", "set", "made", "left", "put", "bought", "written"}
_PARTICIPLES |= {"paid", "seen", "met", "drawn", "found", "begun", "held", "kept", "read", "shown"}
_UNCOUNTED = {"data", "information", "content", "feedback", "support", "software", "help", "search"}
_PARTICLES = {"in", "up", "out", "on", "off"}
_FIRST_SOUND = re.compile(r"[aeio]|u(?!ni|se|sa|ti)", re.IGNORECASE)


@dataclass(frozen=True)
class Spoken:
    """A behaviour in words, for `says` and `says_one` of a signal."""

    many: str
    one: str | None


def words_of(event: str) -> list[str]:
    """The words of a name, lower case: `invitedTeamMember` gives invited, team, member."""
    return [word.lower() for word in _WORD.findall(event.removeprefix(PAGE))]


def buying_likeness(event: str) -> int:
    """How much a name sounds like a purchase that has been made: 0 not at all, 2 very."""
    words = set(words_of(event))
    if event.startswith(PAGE) or words & _NOT_A_PURCHASE or not words & _BUYING:
        return 0
    return 2 if words & _DONE else 1


def is_login(event: str) -> bool:
    """Whether a name says that somebody came in, which says nothing about what they did."""
    words = words_of(event)
    enters = any(a in _ENTERING and b == "in" for a, b in pairwise(words))
    return enters or bool(_LOGIN & set(words))


def category_of(event: str) -> tuple[Category, str]:
    """The kind of behaviour, and what in the name says so."""
    words = words_of(event)
    for category, known, because in (
        ("viral", _VIRAL, "which brings others in"),
        ("feature_adoption", _ADOPTION, "which is about what the paid plan gives"),
        ("frequency", _FREQUENCY, "which is about coming back"),
    ):
        found = next((word for word in words if word in known), None)
        if found is not None:
            return category, f"its name says `{found}`, {because}"  # type: ignore[return-value]
    return "usage_depth", "its name tells of work in the product"


def signal_name(event: str, taken: Collection[str]) -> str:
    """A name for a signal on an event: a-z, 0-9 and _, not one of those taken."""
    words = metric(event).lower().split()
    if event.startswith(PAGE):
        words = [*words, "views"]
    plain = re.sub(r"[^a-z0-9]+", "_", "_".join(words))[:50].strip("_")
    plain = plain if plain[:1].isalpha() else f"event_{plain}".rstrip("_")
    name, number = plain, 2
    while name in taken:
        name, number = f"{plain}_{number}", number + 1
    return name


def spoken(event: str) -> Spoken:
    """What a rep reads of an event, in the past tense and without a subject."""
    name = event.removeprefix(PAGE).replace("{", "(").replace("}", ")").strip()[:LONGEST_NAME]
    verb, nouns = _verb_and_nouns(event)
    if event.startswith(PAGE):
        said = f"looked at the page {name}"
    elif verb is None:
        said = f"did “{name}”"
    elif not nouns or nouns[-1] in _UNCOUNTED or nouns[-1] in _PARTICLES:
        said = " ".join([verb, *nouns])
    else:
        several = " ".join([*nouns[:-1], _plural(nouns[-1])])
        article = "an" if _FIRST_SOUND.match(nouns[0]) else "a"
        return Spoken(
            f"{verb} {{value}} {several} in the last {{window_days}} days",
            f"{verb} {article} {' '.join(nouns)} in the last {{window_days}} days",
        )
    return Spoken(
        f"{said} {{value}} times in the last {{window_days}} days",
        f"{said} once in the last {{window_days}} days",
    )


def metric(event: str) -> str:
    """An event as an offering in the customer's words: `boards created`."""
    verb, nouns = _verb_and_nouns(event)
    if verb is None or not nouns:
        return " ".join(words_of(event)) or event.removeprefix(PAGE).strip()
    if nouns[-1] in _PARTICLES:
        return " ".join([verb, *nouns])
    return " ".join([*nouns[:-1], _plural(nouns[-1]), verb])


def _verb_and_nouns(event: str) -> tuple[str | None, list[str]]:
    """What was done and to what, in either order: `Board Created`, `shared_file`, `Logged In`.

    Abbreviations keep their capitals.
    """
    written = [
        word if len(word) > 1 and word.isupper() else word.lower()
        for word in _WORD.findall(event.removeprefix(PAGE))
    ]
    for place in (len(written) - 1, 0):
        if written and (
            written[place] in _PARTICIPLES or re.fullmatch(r"[a-z]{2,}ed", written[place])
        ):
            return written[place], [*written[:place], *written[place + 1 :]]
    return None, written


def _plural(word: str) -> str:
    if word in _UNCOUNTED or (word.endswith("s") and not word.endswith("ss")):
        return word
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "ch", "sh", "z")) else f"{word}s"
