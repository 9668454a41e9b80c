"""The typed values of the program file: numbers, durations, event names, properties, domains.

Each type refuses what it must and says what to write; the sections made of them are in `schema`.
Nothing here knows how a value is used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
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
from pql_platform.program.suggest import shown

NAME = r"^[a-z][a-z0-9_]{0,62}$"
_STEP = r"[A-Za-z0-9_$]([A-Za-z0-9_$ -]*[A-Za-z0-9_$-])?"
PROPERTY = rf"^{_STEP}(\.{_STEP})*$"
LEVEL_OR_TIER = r"^(user|account|tier[1-9])$"
DURATION = r"^[1-9][0-9]{0,3}(m|h|d)$"
DOMAIN = r"^(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]*[a-z][a-z0-9-]*$|^@[a-z][a-z0-9_]*$"

SLACK_ID = r"^[UW][A-Z0-9]{6,20}$"
HOOK = r"^[a-z][a-z0-9_]{0,13}$"
PERSON = r"^[A-Za-z0-9][A-Za-z0-9_.@ -]{0,99}$"

PATTERN_MEANING: Mapping[str, tuple[str, str]] = {
    LEVEL_OR_TIER: ("be user, account or a tier such as tier3", "tier3"),
    NAME: (
        "start with a lower-case letter and hold only a-z, 0-9 and _ (at most 63)",
        "it like team_projects",
    ),
    HOOK: ("be a short name of a-z, 0-9 and _ (at most 14)", "it like lifecycle"),
    SLACK_ID: ("be a Slack user id, from the person's profile", "it like U02ABCDEF12"),
    PERSON: ("be a short name of letters, digits and . _ @ -", "it like ae.emea"),
    PROPERTY: ("be a property name, with dots for nested ones: plan.name", "it like plan.name"),
}
"""What each pattern asks for, and an example."""


LONGEST_PATH = 200

LARGEST_NUMBER = 10**12
SMALLEST_NUMBER = Decimal("0.000001")
"""Sums of a property have six decimals: a number nearer to zero could be told from it nowhere."""

EXACT_FLOAT = 2**53
"""Up to here every whole number is a double of its own."""

LONGEST_DOMAIN = 253
"""Characters of a domain name (RFC 1035, section 2.3.4, without the two of its encoding)."""

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


class FieldError(ValueError):
    """A value that a type refuses, with what to write instead.

    Attributes:
        hint: What to write.
        inside: The key below the value's own place, where a type reads several at once.
    """

    def __init__(self, message: str, hint: str = "", inside: str | None = None) -> None:
        self.hint = hint
        self.inside = inside
        super().__init__(message)


def duration(text: str) -> timedelta:
    """Read a duration: a whole number and a unit, `90m`, `2h` or `3d`.

    Raises:
        FieldError: It is not written that way.
    """
    if not isinstance(text, str) or not re.fullmatch(DURATION, text):
        raise FieldError(
            f"{shown(text)} is not a duration", "Write minutes, hours or days: 90m, 2h, 3d"
        )
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
        FieldError: It is text, true or false, not finite, or of no sensible size.
    """
    if isinstance(written, bool) or not isinstance(written, int | float | Decimal):
        raise FieldError(f"{shown(written)} is not a number", "Write it without quotes: 3 or 0.5")
    number = Decimal(str(written))
    if not number.is_finite() or abs(number) > LARGEST_NUMBER:
        raise FieldError(f"{written} is out of range", f"Write at most {LARGEST_NUMBER:,}")
    if 0 < abs(number) < SMALLEST_NUMBER:
        raise FieldError(f"{written} is out of range", f"Write at least {SMALLEST_NUMBER}, or 0")
    return plain(number)


def _as_json_number(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)


def in_quarters(points: Decimal) -> Decimal:
    """The same points, when they are whole quarters.

    Raises:
        FieldError: They are not.
    """
    if not is_quarter(points):
        raise FieldError(f"{points} is no multiple of 0.25", "Points come in quarters: 2.25, 2.5")
    return points


def _as_day(written: object) -> object:
    # Numbers are days since 1970 to pydantic, which nobody means.
    if isinstance(written, str | date) and not isinstance(written, datetime):
        return written
    raise FieldError(f"{shown(str(written))} is not a day", "Write 2026-09-15")


def _as_duration(written: object) -> timedelta:
    return written if isinstance(written, timedelta) else duration(written)  # type: ignore[arg-type]


def _as_line(text: str) -> str:
    if text != text.strip() or not text.isprintable():
        raise FieldError(f"{shown(text)} has blanks around it or control characters", "Remove them")
    return text


def _as_event(name: str) -> str:
    if name.startswith("page:") and not name.removeprefix("page:").strip():
        raise FieldError("`page:` names no page", 'Write "page:Pricing"')
    return name


def printable(text: str) -> str:
    """The same text, when a person can see all of it.

    Raises:
        FieldError: It holds control characters, invisible ones, or half a character.
    """
    if not text.isprintable():
        raise FieldError(f"{shown(text)} holds invisible characters", "Remove them")
    return text


def _as_property(path: str) -> str:
    if "$" in path.split("."):
        raise FieldError(
            f"{shown(path)} begins like a JSON path", "Write only the names: plan.name"
        )
    return path


def as_property_path(text: str) -> str:
    """Take the path of a property, such as `plan.name`.

    Raises:
        FieldError: It is none.
    """
    if len(text) > LONGEST_PATH or not re.fullmatch(PROPERTY, text):
        meaning, example = PATTERN_MEANING[PROPERTY]
        raise FieldError(f"{shown(text)} should {meaning}", f"Write {example}")
    return _as_property(text)


def _as_property_value(written: Any) -> Any:
    if isinstance(written, list | tuple):
        if not written:
            raise FieldError("is an empty list", "Name at least one value")
        return tuple(_as_scalar(value) for value in written)
    if isinstance(written, Mapping):
        path = f"NAME.{next(iter(written), 'INNER')}"
        raise FieldError("is a mapping", f"Reach into it with a dot: {{{path}: VALUE}}")
    return _as_scalar(written)


def _as_scalar(value: Any) -> str | int | float | bool:
    if isinstance(value, str):
        return printable(value)
    if not isinstance(value, bool | int | float):
        raise FieldError(f"{shown(value)} is no text, number or true/false", "Put it in quotes")
    if not isinstance(value, float) or not value.is_integer():
        return value
    # 1.0 in the file is the 1 that an event carries.
    if abs(value) > EXACT_FLOAT:
        raise FieldError(f"{value} is no exact number", "Write all its digits, or quote it")
    return int(value)


def _as_domain(written: str) -> str:
    domain = written.strip().lower().removeprefix("www.")
    if len(domain) > LONGEST_DOMAIN or not re.fullmatch(DOMAIN, domain):
        raise FieldError(
            f"{shown(written)} is not an e-mail domain",
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
Points = Annotated[Number, AfterValidator(in_quarters)]
"""Points of a score, in quarters."""

Name = Annotated[str, StringConstraints(pattern=NAME)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_as_line)]
"""One line of text."""

MOST_PARTS = 400
"""Entries of one section: 100 points have 400 quarters, so one signal more could earn nothing."""

WindowDays = Annotated[int, Field(strict=True, ge=1, le=365)]
"""A year at most: `growth` reads two windows, and what was done two years ago was another product.
"""
Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]

Duration = Annotated[
    timedelta,
    BeforeValidator(_as_duration),
    PlainSerializer(duration_text, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": DURATION}),
]
"""A length of time, written `90m`, `2h` or `3d`."""

Day = Annotated[date, BeforeValidator(_as_day)]

Event = Annotated[Line, AfterValidator(_as_event)]
"""An event exactly as the product sends it; a page view is `page:Name`."""

PropertyPath = Annotated[
    str,
    StringConstraints(max_length=LONGEST_PATH, pattern=PROPERTY),
    AfterValidator(_as_property),
]

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
