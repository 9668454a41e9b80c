"""What to write instead of a word that is not known.

Shared by everything that refuses part of a program file, so that each refusal ends the same way.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection

LISTED = 12
"""More known words than this are not listed: the line must stay readable."""


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
