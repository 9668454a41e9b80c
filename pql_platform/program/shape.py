"""What the models refuse about the shape of a file, in the words of the file.

Pydantic knows types and Python; whoever writes a program knows keys and lines. Every refusal says
what to write instead. What must hold between keys is `lint`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from pql_platform.errors import PqlError
from pql_platform.program.fields import NAME, PATTERN_MEANING, FieldError
from pql_platform.program.json_schema import keys_at
from pql_platform.program.schema import Program
from pql_platform.program.source import Loc, Source, field_name
from pql_platform.program.suggest import QUOTED, did_you_mean, shown

_KEY = "[key]"
_DOCUMENT = "docs/program-file.md says what each key takes"

_SHARES = {
    "top_share": "It is a share: 0.12 means 12 %",
    "sample": "It is a share: 0.1 means 10 %",
}
_MAPPING = ("should be a mapping of keys", "Write {key: value}, or one key per line below it")
_KINDS: Mapping[str, tuple[str, str]] = {
    "model_type": _MAPPING,
    "mapping_type": _MAPPING,
    "dict_type": _MAPPING,
    "tuple_type": ("should be a list", "Write [one, two], or one `- entry` per line below it"),
    "string_type": ("should be text", "Put it in quotes"),
    "bool_type": ("should be true or false", "Write true or false, without quotes"),
    "int_type": ("should be a whole number", "Write digits only, without quotes and decimals"),
    "date_from_datetime_parsing": ("should be a day", "Write 2026-09-15"),
    "date_parsing": ("should be a day", "Write 2026-09-15"),
}
_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than": ("gt", "Write more than {}"),
    "greater_than_equal": ("ge", "Write {} or more"),
    "less_than": ("lt", "Write less than {}"),
    "less_than_equal": ("le", "Write {} or less"),
    "string_too_short": ("min_length", "Write something, or remove the key"),
    "string_too_long": ("max_length", "Write at most {} characters"),
}
_LENGTHS: Mapping[str, tuple[str, str]] = {
    "too_short": ("min_length", "at least"),
    "too_long": ("max_length", "at most"),
}


def refused_by_shape(
    source: Source, details: Sequence[ErrorDetails], model: type[BaseModel] = Program
) -> PqlError:
    """The error to report: the first of the file, with its line and what to write.

    A misspelt key comes before the missing one that it explains.

    Args:
        source: The file.
        details: What pydantic found.
        model: What the file should be.
    """
    unknown = [detail for detail in details if detail["type"] == "extra_forbidden"]
    first = min(unknown or details, key=lambda detail: source.line_of(_place(detail)))
    message, hint = _said(first, model)
    return source.refuse(_place(first), message, hint)


def _place(detail: ErrorDetails) -> Loc:
    loc = detail["loc"]
    if loc and loc[-1] == _KEY:
        loc = loc[:-1]
    refused = detail.get("ctx", {}).get("error")
    inside = refused.inside if isinstance(refused, FieldError) else None
    return loc if inside is None else (*loc, inside)


def _said(detail: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    refused = detail.get("ctx", {}).get("error")
    if isinstance(refused, FieldError):
        return str(refused), refused.hint
    if detail["type"] == "extra_forbidden":
        loc = _place(detail)
        return "unknown key", did_you_mean(str(loc[-1]), keys_at(loc[:-1], model))
    return _SAYING.get(detail["type"], _measured)(detail)


def _missing(detail: ErrorDetails) -> tuple[str, str]:
    loc = _place(detail)
    return "is missing", f"Add `{loc[-1]}:` to {field_name(loc[:-1]) or 'the file'}"


def _choice(detail: ErrorDetails) -> tuple[str, str]:
    written = detail["input"]
    known = re.findall(r"'([^']*)'", str(detail["ctx"]["expected"]))
    message = f"{shown(written)} is not one of {', '.join(known)}"
    return message, did_you_mean(str(written)[:QUOTED], known)


def _pattern(detail: ErrorDetails) -> tuple[str, str]:
    written, pattern = str(detail["input"]), detail["ctx"]["pattern"]
    meaning, example = PATTERN_MEANING[pattern]
    name = re.sub(r"\W+", "_", written.lower(), flags=re.ASCII).strip("_")
    if pattern == NAME and re.fullmatch(NAME, name):
        example = name
    return f"{shown(written)} should {meaning}", f"Write {example}"


def _length(detail: ErrorDetails) -> tuple[str, str]:
    bound, words = _LENGTHS[detail["type"]]
    needed, context = detail["ctx"][bound], detail["ctx"]
    entries = "entry" if needed == 1 else "entries"
    # Of a mapping that is too long pydantic does not say how long it is.
    found = context["actual_length"] or len(detail["input"])
    message = f"has {found} entries, not {words} {needed}"
    return message, f"Name {words} {needed} {entries}"


def _measured(detail: ErrorDetails) -> tuple[str, str]:
    kind, context, written = detail["type"], detail.get("ctx", {}), detail["input"]
    said, hint = _KINDS.get(kind, (detail["msg"].removeprefix("Input "), _DOCUMENT))
    if written is None:
        return f"is empty and {said}", "Write a value, or remove the key"
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        hint = words.format(context[bound])
    place = _place(detail)
    found = "" if isinstance(written, dict | list) else f" (found {shown(written)})"
    return f"{said}{found}", _SHARES.get(str(place[-1]) if place else "", hint)


_SAYING: Mapping[str, Callable[[ErrorDetails], tuple[str, str]]] = {
    "missing": _missing,
    "literal_error": _choice,
    "string_pattern_mismatch": _pattern,
    "too_short": _length,
    "too_long": _length,
}
