"""The typed values of the program file: numbers, durations, event names, templates, properties.

Each type refuses what it must and says what to write; the sections made of them are in `schema`.
Nothing here knows how a value is used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from string import Formatter
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)

from pql_platform.domain.points import is_quarter

NAME = r"^[a-z][a-z0-9_]{0,62}$"
PROPERTY = r"^[A-Za-z0-9_$][A-Za-z0-9_$ -]*(\.[A-Za-z0-9_$][A-Za-z0-9_$ -]*)*$"
LEVEL_OR_TIER = r"^(user|account|tier[1-9])$"
DURATION = r"^[1-9][0-9]{0,3}(m|h|d)$"
DOMAIN = r"^(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]*[a-z][a-z0-9-]*$|^@[a-z][a-z0-9_]*$"

PATTERN_MEANING: Mapping[str, str] = {
    LEVEL_OR_TIER: "be user, account or a tier such as tier3",
    NAME: "start with a lower-case letter and hold only a-z, 0-9 and _ (at most 63)",
    PROPERTY: "be a property name, with dots for nested ones: plan.name",
}

SAYS_PLACEHOLDERS = ("value", "window_days", "threshold")
LINK_PLACEHOLDERS = ("account_id", "user_id")

LARGEST_NUMBER = 10**12

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


class FieldError(ValueError):
    """A value that a type refuses, with what to write instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.hint = hint
        super().__init__(message)


def duration(text: str) -> timedelta:
    """Read a duration: a whole number and a unit, `90m`, `2h` or `3d`.

    Raises:
        FieldError: It is not written that way.
    """
    if not isinstance(text, str) or not re.fullmatch(DURATION, text):
        raise FieldError(f"{text!r} is not a duration", "Write minutes, hours or days: 90m, 2h, 3d")
    return int(text[:-1]) * _UNITS[text[-1]]


def duration_text(length: timedelta) -> str:
    """Write a duration in the largest unit that divides it; `duration` reads it back."""
    for unit in ("d", "h", "m"):
        if length % _UNITS[unit] == timedelta(0):
            return f"{length // _UNITS[unit]}{unit}"
    raise ValueError(f"{length} is no whole number of minutes")


def plain(number: Decimal) -> Decimal:
    """The same number with neither trailing zeros nor, if it is whole, an exponent.

    One number has one spelling, in messages, in digests and in SQL, where 1E+2 is a double.
    """
    return Decimal(int(number)) if number == number.to_integral_value() else number.normalize()


def as_number(written: object) -> Decimal:
    """Take a number as YAML gives it.

    Raises:
        FieldError: It is text, true or false, not finite, or beyond any sensible size.
    """
    if isinstance(written, bool) or not isinstance(written, int | float | Decimal):
        raise FieldError(f"{written!r} is not a number", "Write it without quotes: 3 or 0.5")
    number = Decimal(str(written))
    if not number.is_finite() or abs(number) > LARGEST_NUMBER:
        raise FieldError(f"{written} is out of range", f"Write at most {LARGEST_NUMBER:,}")
    return plain(number)


def _as_json_number(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)


def _in_quarters(points: Decimal) -> Decimal:
    if not is_quarter(points):
        raise FieldError(f"{points} is no multiple of 0.25", "Points come in quarters: 2.25, 2.5")
    return points


def _as_duration(written: object) -> timedelta:
    return written if isinstance(written, timedelta) else duration(written)  # type: ignore[arg-type]


def _as_line(text: str) -> str:
    if text != text.strip() or not text.isprintable():
        raise FieldError(f"{text!r} has blanks around it or control characters", "Remove them")
    return text


def _as_event(name: str) -> str:
    if name.startswith("page:") and not name.removeprefix("page:").strip():
        raise FieldError("`page:` names no page", 'Write "page:Pricing"')
    return name


def _placeholders(template: str, allowed: tuple[str, ...]) -> None:
    known = ", ".join(f"{{{name}}}" for name in allowed)
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise FieldError(f"{template!r}: {error}", f"Placeholders are {known}") from error
    for _, name, form, conversion in parts:
        if name is not None and (name not in allowed or form or conversion):
            raise FieldError(f"unknown placeholder in {template!r}", f"Placeholders are {known}")


def _as_says(template: str) -> str:
    _placeholders(template, SAYS_PLACEHOLDERS)
    return template


def _as_link(template: str) -> str:
    if not re.fullmatch(r"https://[^\s/{}<>\"|]+(/[^\s<>\"|]*)?", template):
        raise FieldError(f"{template!r} is not an https address", "Write https://...")
    _placeholders(template, LINK_PLACEHOLDERS)
    return template


def _as_property_value(written: Any) -> Any:
    values = written if isinstance(written, list | tuple) else [written]
    if not values:
        raise FieldError("is an empty list", "Name at least one value")
    for value in values:
        if not isinstance(value, bool | int | float | str):
            raise FieldError(f"{value!r} is no text, number or true/false", "Put it in quotes")
    return tuple(values) if isinstance(written, list | tuple) else written


def _as_domain(written: str) -> str:
    domain = written.strip().lower().removeprefix("www.")
    if not re.fullmatch(DOMAIN, domain):
        raise FieldError(
            f"{written!r} is not an e-mail domain",
            "Write example.com, *.example.com for its sub-domains, or @education",
        )
    return domain


Number = Annotated[
    Decimal,
    BeforeValidator(as_number),
    PlainSerializer(_as_json_number, when_used="json"),
]
"""A decimal number, exact; text and true/false are refused."""

Positive = Annotated[Number, Field(gt=0)]
Points = Annotated[Number, AfterValidator(_in_quarters)]
"""Points of a score, in quarters."""

Name = Annotated[str, StringConstraints(pattern=NAME)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_as_line)]
"""One line of text."""

WindowDays = Annotated[int, Field(strict=True, ge=1, le=365)]
Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]

Duration = Annotated[
    timedelta,
    BeforeValidator(_as_duration),
    PlainSerializer(duration_text, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": DURATION}),
]
"""A length of time, written `90m`, `2h` or `3d`."""

Event = Annotated[Line, AfterValidator(_as_event)]
"""An event exactly as the product sends it; a page view is `page:Name`."""

Says = Annotated[Line, AfterValidator(_as_says)]
Link = Annotated[Line, AfterValidator(_as_link)]
PropertyPath = Annotated[str, StringConstraints(max_length=200, pattern=PROPERTY)]

_SCALAR = {"type": ["string", "number", "boolean"]}
PropertyValue = Annotated[
    str | int | float | bool | tuple[str | int | float | bool, ...],
    PlainValidator(_as_property_value),
    PlainSerializer(lambda value: list(value) if isinstance(value, tuple) else value),
    WithJsonSchema({"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR, "minItems": 1}]}),
]
"""What a property must equal: one value, or any of a list."""

DomainEntry = Annotated[str, AfterValidator(_as_domain)]
"""`example.com`, `*.example.com` for its sub-domains, or `@education` for a built-in list."""
