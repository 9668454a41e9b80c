"""The small condition language of the program file: `employees < 10`, `email_domain in @education`.

One field of an allow-list, one operator, one value: parsed here, never evaluated as code, and no
pattern a user writes is ever run. How a condition becomes SQL is the warehouse's business; `holds`
is the reference it is tested against.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from pql_platform.program.fields import FieldError, plain, printable
from pql_platform.program.suggest import did_you_mean

Operator = Literal["==", "!=", "<", "<=", ">", ">=", "in", "not in"]
Value = Decimal | str | tuple[Decimal, ...] | tuple[str, ...]

NUMBER_FIELDS = ("employees", "users", "days_since_signup")
TEXT_FIELDS = ("email_domain", "plan", "industry", "country", "funding", "title")
FIELDS = NUMBER_FIELDS + TEXT_FIELDS
LIST_FIELD = "email_domain"
"""The one field that can be held against a named list: lists hold e-mail domains."""

LONGEST_CONDITION = 10_000
"""Characters: enough for a list of all countries."""

LONGEST_TEXT = 200

_SHAPE = re.compile(r"([A-Za-z_]\w*)\s*(==|!=|<=|>=|<|>|=|not\s+in\b|in\b)\s*(.*)", re.DOTALL)
_LEADING_OPERATOR = re.compile(r"(==|!=|<=|>=|<|>|=|not\s+in\s*[\[@]|in\s*[\[@])")
_PLAIN = re.compile(r"[\w.+/&-][\w.+/& -]*")
_ITEM = re.compile(r"\s*(\"[^\"]*\"|'[^']*'|[^,\"']+)(?:,|$)")
_MISPLACED = re.compile(r"[@\[~!*%]")
"""Beginnings of a value that look like an operator or a list, and would be compared as text."""

_NUMBER = re.compile(r"[+-]?\d{1,12}(\.\d{1,6})?", re.ASCII)
_JOINED = re.compile(r"\s(and|or)\s")
_COMPARE: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


@dataclass(frozen=True)
class Condition:
    """One comparison. Text is kept in lower case and compared without regard to case.

    Attributes:
        field: One of `FIELDS`.
        op: The comparison.
        value: A number, a text, or several of one kind for `in`; None when `list_name` is set.
        list_name: The named list of e-mail domains that `in @name` refers to.
    """

    field: str
    op: Operator
    value: Value | None = None
    list_name: str | None = None

    @property
    def bare(self) -> str:
        """The condition without its field, as `fit.require` and `segments` write it."""
        if self.list_name is not None:
            return f"{self.op} @{self.list_name}"
        if isinstance(self.value, tuple):
            return f"{self.op} [{', '.join(_written(item) for item in self.value)}]"
        return f"{self.op} {_written(self.value)}"

    def __str__(self) -> str:
        return f"{self.field} {self.bare}"

    def holds(
        self, facts: Mapping[str, object], in_list: Callable[[str, str], bool] | None = None
    ) -> bool:
        """Whether the facts satisfy the condition; an unknown fact satisfies none, `!=` included.

        Args:
            facts: Known facts by field; missing, None and blank mean unknown.
            in_list: `(list name, domain) -> is it a member`, for conditions on a named list.

        Raises:
            ValueError: The condition names a list and `in_list` is not given.
        """
        fact = facts.get(self.field)
        if fact is None or not str(fact).strip():
            return False
        if self.list_name is not None:
            if in_list is None:
                raise ValueError(f"`{self}` needs the members of @{self.list_name}")
            return in_list(self.list_name, str(fact).strip().lower()) is (self.op == "in")
        known = Decimal(str(fact)) if self.field in NUMBER_FIELDS else str(fact).strip().lower()
        if isinstance(self.value, tuple):
            return (known in self.value) is (self.op == "in")
        if isinstance(known, Decimal) and isinstance(self.value, Decimal) and self.op in _COMPARE:
            return _COMPARE[self.op](known, self.value)
        return (known == self.value) is (self.op == "==")


def parse_condition(text: object) -> Condition:
    """Read a condition such as `title in [student, intern]`.

    Raises:
        FieldError: It is no condition of this language; the hint says what to write.
    """
    shape = "Write a field, a comparison and a value: users == 1"
    if not isinstance(text, str):
        raise FieldError(f"{text!r} is not a condition", shape)
    if len(text) > LONGEST_CONDITION:
        raise FieldError(f"is longer than {LONGEST_CONDITION:,} characters", "Use a list: in @name")
    match = _SHAPE.fullmatch(printable(text).strip())
    if match is None:
        raise FieldError(f"`{text}` is not a condition", shape)
    field, written_op, rest = match.groups()
    _known(field)
    if written_op == "=":
        raise FieldError(f"`{text}` compares with a single =", f"Write: {field} == {rest}")
    op: Operator = "not in" if written_op.startswith("not") else written_op  # type: ignore[assignment]
    return _comparison(field, op, rest.strip())


def parse_requirement(field: str, written: object) -> Condition:
    """Read what stands behind a field in `fit.require`: `">= 50"`, a plain value, or a list.

    Raises:
        FieldError: The field or the comparison cannot be read.
    """
    _known(field)
    if isinstance(written, Condition):
        return written
    if isinstance(written, list | tuple):
        return _membership(field, "in", [_scalar_text(item) for item in written])
    text = _scalar_text(written)
    if _LEADING_OPERATOR.match(text):
        return parse_condition(f"{field} {text}")
    if _MISPLACED.match(text):
        raise FieldError(
            f"{text!r} is not a condition", "Write == VALUE, in [one, two] or in @list, in quotes"
        )
    return Condition(field, "==", _single(field, text))


def _scalar_text(written: object) -> str:
    if isinstance(written, bool) or not isinstance(written, str | int | float | Decimal):
        raise FieldError(f"{written!r} is not a condition", 'Write one such as ">= 50"')
    return str(written).strip()


def _known(field: str) -> None:
    if field not in FIELDS:
        raise FieldError(f"{field!r} is no field of a condition", did_you_mean(field, FIELDS))


def _comparison(field: str, op: Operator, rest: str) -> Condition:
    if op in ("in", "not in"):
        if rest.startswith("@"):
            return _list_membership(field, op, rest[1:])
        if not (rest.startswith("[") and rest.endswith("]")):
            raise FieldError(
                f"`{field} {op} {rest}` needs a list", f"Write: {field} {op} [one, two]"
            )
        return _membership(field, op, [_unquoted(item) for item in _items(rest[1:-1].strip())])
    value = _single(field, _unquoted(rest))
    if isinstance(value, str) and op in _COMPARE:
        raise FieldError(f"`{field}` is text and has no order", "Compare it with == or in")
    return Condition(field, op, value)


def _list_membership(field: str, op: Operator, name: str) -> Condition:
    if field != LIST_FIELD:
        raise FieldError(
            f"`{field}` cannot be looked up in @{name}", f"Lists hold e-mail domains: {LIST_FIELD}"
        )
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise FieldError(f"`@{name}` is not the name of a list", "Write it like @education")
    return Condition(field, op, list_name=name)


def _items(listed: str) -> list[str]:
    """The entries between the brackets, quoted as they stand; a last comma is allowed."""
    items: list[str] = []
    end = 0
    while end < len(listed):
        match = _ITEM.match(listed, end)
        if match is None or not match[1].strip():
            raise FieldError(f"`[{listed}]` is not a list", "Write: in [one, 'two, three']")
        items.append(match[1])
        end = match.end()
    return items


def _membership(field: str, op: Operator, items: list[str]) -> Condition:
    if not items:
        raise FieldError(f"`{field} {op} []` is an empty list", "Name at least one value")
    values = [_single(field, item) for item in items]
    numbers = tuple(value for value in values if isinstance(value, Decimal))
    texts = tuple(value for value in values if isinstance(value, str))
    return Condition(field, op, numbers or texts)


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" and text.count(text[0]) == 2:
        return text[1:-1].strip()
    if _JOINED.search(text):
        raise FieldError(
            f"`{text}` joins several conditions",
            'Write one condition per entry, or quote a value: "Trinidad and Tobago"',
        )
    if text and not _PLAIN.fullmatch(text):
        raise FieldError(f"`{text}` is not a plain value", f'Put it in quotes: "{text}"')
    return text


def _single(field: str, text: str) -> Decimal | str:
    if not text:
        raise FieldError(f"`{field}` is compared with nothing", "Add a value")
    if field in TEXT_FIELDS:
        if '"' in text and "'" in text:
            raise FieldError(f"`{text}` holds both kinds of quotes", "Leave one kind out")
        if len(text) > LONGEST_TEXT:
            raise FieldError(f"`{field}` is compared with {len(text):,} characters", "Shorten it")
        return printable(text).lower()
    if not _NUMBER.fullmatch(text):
        raise FieldError(f"`{field}` is a number, not {text!r}", f"Write: {field} >= 50")
    if text.startswith("-"):
        raise FieldError(f"`{field}` is never negative", f"Write: {field} >= 0")
    return plain(Decimal(text))


def _written(value: Value | None) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    text = str(value)
    if _PLAIN.fullmatch(text) and text == text.strip() and not _JOINED.search(text):
        return text
    return f"'{text}'" if '"' in text else f'"{text}"'
