"""Foreign text made harmless before it enters a Slack message (requirement S6).

Names, titles and messages come from customers and from other systems; here they lose the power to
mention, link, format, reorder or hide anything, and get a length that Slack accepts. What the
message says and how it is laid out is `slack_blocks.py`.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

ELLIPSIS = "…"
LONGEST_URL = 1000
"""Slack allows 3,000 on a button; two of those would eat the budget of the whole message."""

# Format and control characters (bidi overrides, zero-width joiners, tags), lone surrogates and
# private use; the rest of the invisible ones sit in other Unicode categories and are listed.
_DROPPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co"})
_INVISIBLE = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}
    | {*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}
)
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"]{1,64}@((?:[\w-]+\.)+[\w-]+)")
# Slack has no escape for its own formatting, so its characters give way to look-alikes: asterisk
# operator, modifier grave, tilde operator, and full-width underscore and at sign.
_FORMATTING = str.maketrans({"*": "\u2217", "`": "\u02cb", "~": "\u223c"})
_UNDERSCORE, _AT = "\uff3f", "\uff20"
# An underscore formats only at the edge of a word.
_EDGE_UNDERSCORE = re.compile(r"(?<!\w)_+|_+(?!\w)")
_NO_URL = re.compile(r"[^!-~]|[<>|\"]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def plain(text: str, limit: int) -> str:
    """Foreign text for a `plain_text` object or the fallback: harmless, escaped, on one line.

    Args:
        text: Anything.
        limit: Longest result, in UTF-16 units as the escaped form has them: how Slack counts is
            not documented, and this is the highest of the possible counts.
    """
    return _fit(_disarm(_visible(text, limit)), limit)


def mrkdwn(text: str, limit: int) -> str:
    """Foreign text for a `mrkdwn` object: as `plain`, and it cannot format anything either."""
    disarmed = _disarm(_visible(text, limit)).translate(_FORMATTING)
    return _fit(_EDGE_UNDERSCORE.sub(lambda edge: _UNDERSCORE * len(edge[0]), disarmed), limit)


def lines(text: str, limit: int, most: int = 30) -> str:
    """Several lines of foreign text for a `mrkdwn` object, at most `most` of them."""
    kept = [mrkdwn(line, limit) for line in text.splitlines()[:most] if line.strip()]
    while kept and units("\n".join(kept)) > limit:
        kept.pop()
        if kept:
            kept[-1] = ELLIPSIS
    return "\n".join(kept)


def units(text: str) -> int:
    """Length in UTF-16 units: an emoji counts as two."""
    return len(text) + sum(character > "\uffff" for character in text)


def safe_url(url: str | None) -> str | None:
    """`url` when it is plain https to a named host, else None.

    Refuses other schemes, credentials, spaces, control characters and `<`, `>`, `|`, which would
    end a link in Slack's syntax, and whatever is longer than `LONGEST_URL`.
    """
    if (
        not url
        or len(url) > LONGEST_URL
        or not url.isascii()
        or re.search(r"[\s<>|\x00-\x1f]", url)
    ):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
        return None
    return url


def _visible(text: str, limit: int) -> str:
    """One line of visible characters, cut early so that the patterns below stay cheap."""
    composed = unicodedata.normalize("NFC", text[: 8 * limit])
    spaced = "".join(" " if character.isspace() else character for character in composed)
    shown = (
        character
        for character in spaced
        if unicodedata.category(character) not in _DROPPED_CATEGORIES
        and ord(character) not in _INVISIBLE
    )
    return " ".join("".join(shown).split())[: 4 * limit]


def _disarm(text: str) -> str:
    """Without addresses (S7), mentions and links, in a form that still says what was there."""
    hidden = _EMAIL.sub(r"(e-mail at \1)", text)
    return hidden.replace("@", _AT).replace("://", "[:]//")


def _fit(text: str, limit: int) -> str:
    """Escape, and end with an ellipsis when that is longer than `limit`; no entity is cut."""
    escaped = [_ENTITIES.get(character, character) for character in text]
    if sum(map(units, escaped)) <= limit:
        return "".join(escaped)
    kept, left = [], limit - units(ELLIPSIS)
    for piece in escaped:
        left -= units(piece)
        if left < 0:
            break
        kept.append(piece)
    return "".join(kept).rstrip() + ELLIPSIS
