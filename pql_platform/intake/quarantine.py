"""The inbox row of a record that cannot be used: where it stood, why, and its first bytes.

Says why a line is not a JSON object; why an object is not a message is said where that is noticed.
"""

from __future__ import annotations

import hashlib

import orjson

from pql_platform.intake.lines import MAX_LINE, Overlong
from pql_platform.intake.refusal import Refusal
from pql_platform.intake.schema import MESSAGE_COLUMNS, RAW_CAP, InboxRow

_NO_MESSAGE = (None,) * len(MESSAGE_COLUMNS)


def quarantined(refusal: Refusal, offset: int, raw: bytes | Overlong) -> InboxRow:
    """Build the row of a refused record.

    Args:
        refusal: Why.
        offset: Where it begins: byte in the text, or number in a table.
        raw: The record as it came; kept up to `RAW_CAP` bytes, hashed whole.
    """
    if isinstance(raw, Overlong):
        head, sha256 = raw.head, raw.sha256
    else:
        head, sha256 = raw[:RAW_CAP], hashlib.sha256(raw).hexdigest()
    return (*_NO_MESSAGE, offset, str(refusal), head, sha256)


def too_long(line: Overlong) -> Refusal:
    """Refuse a line beyond the limit."""
    return Refusal("too_long", f"{line.length:,} bytes, at most {MAX_LINE:,}")


def not_an_object(value: object) -> Refusal:
    """Refuse JSON that is no object."""
    return Refusal("not_an_object", f"a JSON {type(value).__name__}")


def unread_line(error: orjson.JSONDecodeError, line: bytes, *, cut: bool) -> Refusal:
    """Say why a line is not JSON.

    Args:
        error: What the parser found.
        line: The line without its newline.
        cut: It is the last of the file and no newline ends it.
    """
    if cut and line.lstrip().startswith(b"{"):
        return Refusal("not_json", "cut off: the file ends within this line")
    try:
        line.decode()
    except UnicodeDecodeError as undecodable:
        return Refusal("not_utf8", f"byte {undecodable.start} of the line")
    if b"\0" in line:
        return Refusal("nul_byte", f"byte {line.index(0)} of the line")
    # The parser stops at 1,024 levels; our own limit applies to what it can still read.
    if "depth" in error.msg or "Recursion" in error.msg:
        return Refusal("too_deep", error.msg)
    return Refusal("not_json", f"{error.msg} at byte {error.pos} of the line")
