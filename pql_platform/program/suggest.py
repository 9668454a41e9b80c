"""What to write instead of a word that is not known.

Shared by everything that refuses part of a program file, so that each refusal ends the same way.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Collection
from decimal import Decimal

QUOTED = 100
"""Characters of a value that are shown."""

LISTED = 12
"""More known words than this are not listed: the line must stay readable."""


def shown(written: object) -> str:
    """What was written, as a refusal quotes it: short, so that the reason behind it is read."""
    text = str(written) if isinstance(written, Decimal) else repr(written)
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}..."


def closest(word: str, known: Collection[str]) -> str | None:
    """The known word most like `word`, without regard to case; None when none is alike."""
    by_fold = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), by_fold, n=1, cutoff=0.6)
    return by_fold[close[0]] if close else None


def did_you_mean(word: str, known: Collection[str]) -> str:
    """A hint that names the closest known word, else the known words, else nothing."""
    match = closest(word, known)
    if match is not None:
        return f"Did you mean `{match}`?"
    if not known:
        return ""
    shown = ", ".join(list(known)[:LISTED])
    return f"Use one of: {shown}" + (", ..." if len(known) > LISTED else "")


def odd_letters(word: str) -> str:
    """Letters that only look Latin, each with its Unicode name, in brackets; else nothing.

    Only where Latin stands beside another script: a name all in Greek is not odd. An accent that is
    written as a character of its own is odd, too: the same letter as one character is another name.
    """
    names = {
        char: unicodedata.name(char, "")
        for char in dict.fromkeys(word)
        if char.isalpha() or unicodedata.combining(char)
    }
    odd = {char: name for char, name in names.items() if not name.startswith("LATIN ")}
    if not odd or len(odd) == len(names):
        return ""
    return f" ({', '.join(f'{char} is {name}' for char, name in odd.items())})"
