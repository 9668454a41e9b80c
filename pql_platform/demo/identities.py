"""Names, addresses and ids: what makes an account or a person recognisable from outside.

Everything is invented, and unique by construction over a whole run. Company domains end in
`.example`, which nobody can own. No behaviour in here.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from hashlib import blake2s
from math import prod
from typing import Any

import numpy as np

from pql_platform.demo import words
from pql_platform.demo.calendar import PLACES
from pql_platform.demo.population import KINDS, Accounts, Mail
from pql_platform.demo.team import People

_FREE_MAIL = ("gmail.com", "outlook.com", "yahoo.com", "hotmail.com", "icloud.com", "gmx.de")
RIVALS = {"rivalboards.com": "Rival Boards", "paperwall.io": "Paperwall"}
STAFF_DOMAIN = "boards.example"
TEST_DOMAIN = "test.boards.example"

# Each without a common divisor with the length of its list: neighbours are no namesakes.
_STRIDES = (22, 17, 7)
_UNACCENTED = str.maketrans({"ø": "o", "Ø": "O", "ß": "ss", "ł": "l"})


@dataclass(frozen=True)
class Workplace:
    """An account as seen from outside.

    Attributes:
        key: What names it: the workspace id, else the company domain, else the first user's id.
        group_id: Workspace id; None when it never sends group calls.
        domain: What its people's addresses end in.
        company: Whether that domain belongs to this account alone.
        traits: Group traits, without the plan.
    """

    key: str
    group_id: str | None
    domain: str
    company: bool
    traits: dict[str, Any]


@dataclass(frozen=True)
class Person:
    """A user as seen from outside; `browsers` are the anonymous ids of two browsers."""

    user_id: str
    browsers: tuple[str, str]
    traits: dict[str, Any]


def run_tag(seed: int, accounts: int, days: int, end_ms: int) -> str:
    """Six hex digits that keep the ids of different runs apart: message ids are unique for ever."""
    return blake2s(f"{seed}|{accounts}|{days}|{end_ms}".encode(), digest_size=3).hexdigest()


def name_workplaces(rng: np.random.Generator, tag: str, accounts: Accounts) -> list[Workplace]:
    """Names, ids and traits of accounts, in their order."""
    spin = rng.integers(0, 1 << 30, size=(len(accounts), 3))
    workplaces = []
    for row in range(len(accounts)):
        number = int(accounts.number[row])
        mail = KINDS[accounts.kind[row]].mail
        name, domain = _name_and_domain(mail, number, tag, int(spin[row, 0]))
        traits: dict[str, Any] = {"name": name, "domain": domain}
        if accounts.employees[row]:
            traits["employees"] = int(accounts.employees[row])
            traits["industry"] = words.INDUSTRIES[spin[row, 1] % len(words.INDUSTRIES)]
        traits["country"] = PLACES[accounts.place[row]].country
        group_id = f"ws_{tag}{number:05x}" if accounts.workspace[row] else None
        user_id = _user_id(tag, number, 0)
        company = mail == "company"
        workplaces.append(
            Workplace(
                key=group_id or (domain if company else user_id),
                group_id=group_id,
                domain=domain,
                company=company,
                traits=traits,
            )
        )
    return workplaces


def name_people(
    rng: np.random.Generator,
    tag: str,
    accounts: Accounts,
    workplaces: list[Workplace],
    people: People,
) -> list[Person]:
    """Names, addresses and ids of people, in their order."""
    spin = rng.integers(0, 1 << 30, size=(len(people), 2))
    # One start per account and one step per person: no two colleagues share a family name.
    family = rng.integers(0, len(words.FAMILY), size=len(accounts))[people.account] + people.rank
    browsers = browser_ids(rng, 2 * len(people))
    named = []
    for row in range(len(people)):
        account, rank = int(people.account[row]), int(people.rank[row])
        number, workplace = int(accounts.number[account]), workplaces[account]
        given = words.GIVEN[spin[row, 0] % len(words.GIVEN)]
        surname = words.FAMILY[family[row] % len(words.FAMILY)]
        shared = "" if workplace.company and rank < len(words.FAMILY) else f".{number:x}.{rank:x}"
        local = f"{plain(given)}.{plain(surname)}{shared}".lower()
        place = PLACES[accounts.place[account]]
        traits = {
            "email": f"{local}@{workplace.domain}",
            "name": f"{given} {surname}",
            "title": words.TITLES[spin[row, 1] % len(words.TITLES)],
            "timezone": place.zone,
            "country": place.country,
        }
        if KINDS[accounts.kind[account]].mail == "education":
            traits["title"] = "Student"
        named.append(
            Person(_user_id(tag, number, rank), (browsers[2 * row], browsers[2 * row + 1]), traits)
        )
    return named


def browser_ids(rng: np.random.Generator, count: int) -> list[str]:
    """Random anonymous ids in the shape of a UUID."""
    digits = rng.bytes(16 * count).hex()
    ids = (digits[start : start + 32] for start in range(0, 32 * count, 32))
    return [f"{i[:8]}-{i[8:12]}-4{i[13:16]}-a{i[17:20]}-{i[20:]}" for i in ids]


def plain(name: str) -> str:
    """The name in ASCII, for an e-mail address."""
    decomposed = unicodedata.normalize("NFKD", name.translate(_UNACCENTED))
    return decomposed.encode("ascii", "ignore").decode()


def _name_and_domain(mail: Mail, number: int, tag: str, spin: int) -> tuple[str, str]:
    if mail == "company":
        return _company(number, tag)
    if mail == "competitor":
        domain = tuple(RIVALS)[spin % len(RIVALS)]
        return RIVALS[domain], domain
    if mail == "education":
        return f"Study group {number:x}", words.CAMPUSES[spin % len(words.CAMPUSES)]
    if mail == "staff":
        return "Boards", STAFF_DOMAIN
    if mail == "test":
        return f"Test workspace {number:x}", TEST_DOMAIN
    return "", _FREE_MAIL[spin % len(_FREE_MAIL)]


def _company(number: int, tag: str) -> tuple[str, str]:
    """The number read modulo three lengths without common divisor: unique until a lap is full."""
    lists = (words.FIRST, words.SECOND, words.THIRD)
    start = int(tag, 16)
    first, second, third = (
        pool[(start + number * stride) % len(pool)]
        for pool, stride in zip(lists, _STRIDES, strict=True)
    )
    name = f"{first}{second.lower()} {third}"
    if lap := number // prod(map(len, lists)):
        name = f"{name} {lap + 1}"
    domain = f"{name.lower().replace(' ', '-')}.example"
    return name, domain


def _user_id(tag: str, number: int, rank: int) -> str:
    return f"usr_{tag}{number:05x}{rank:02x}"
