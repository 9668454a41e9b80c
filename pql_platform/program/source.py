"""YAML text as plain data, with the line of every key and item.

A safe subset: no tags, directives, anchors, aliases or second documents, no key twice, and no
number that is infinite or none. What the keys mean is not known here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.tokens import DirectiveToken

from pql_platform.errors import PqlError

Loc = tuple[str | int, ...]
"""Where a value stands: keys and list positions from the top, as pydantic reports them."""

LARGEST_FILE = 1_000_000
"""Bytes. A program file has some thousand; a larger one is something else, such as data."""

LARGEST_INTEGER = 2**63 - 1
"""Beyond it a number is no integer of the warehouse, nor of most products' events."""

LONGEST_SENTENCE = 200
"""Characters of a message, a hint or a field name: the three together stay one readable line."""

_DIRECTIVE = re.compile(r"^%", re.MULTILINE)
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_TEXT_TAG = "tag:yaml.org,2002:str"
_CORE_TAGS = tuple(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq")
)


@dataclass(frozen=True)
class Refusal:
    """One thing that must be changed.

    Attributes:
        loc: Where.
        message: What is wrong.
        hint: What to write instead.
    """

    loc: Loc
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Source:
    """What a file says and where.

    Attributes:
        path: The file.
        data: Plain dicts, lists and scalars.
        lines: Line of each key and list item, counted from 1.
    """

    path: Path
    data: Any
    lines: Mapping[Loc, int] = field(repr=False)

    def line_of(self, loc: Loc) -> int:
        """The line of a place, or of the closest place around it that is written."""
        for length in range(len(loc), 0, -1):
            if loc[:length] in self.lines:
                return self.lines[loc[:length]]
        return 1

    def refuse(self, loc: Loc, message: str, hint: str = "") -> PqlError:
        """The error that refuses a place in this file."""
        return PqlError(
            short(message),
            hint=short(hint),
            file=self.path,
            line=self.line_of(loc),
            field=short(field_name(loc) or "") or None,
        )


def short(text: str) -> str:
    """One printable line of at most `LONGEST_SENTENCE`, whatever the file made us quote."""
    line = "".join(char if char.isprintable() else " " for char in text)
    return line if len(line) <= LONGEST_SENTENCE else f"{line[: LONGEST_SENTENCE - 3]}..."


def field_name(loc: Loc) -> str | None:
    """A place as a person writes it: `signals[0].threshold`; None for the whole file."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return text.removeprefix(".") or None


def read_source(path: Path, example: str = "programs/boards.yaml") -> Source:
    """Read a YAML file.

    Args:
        path: The file.
        example: A file of the same kind, for whoever must begin anew.

    Raises:
        PqlError: It is missing, unreadable, empty, not UTF-8, not YAML, or more than the subset.
    """
    text = _text(path, example)
    yaml = YAML(typ="safe", pure=True)
    try:
        # `%YAML 1.1` would make 010 the number 8, and `no` false.
        if _DIRECTIVE.search(text) and (line := _directive(text)):
            raise PqlError("directives are not allowed", hint="Remove it", file=path, line=line)
        root = yaml.compose(text)
        if root is None:
            raise PqlError("the file is empty", hint=f"Start from {example}", file=path)
        reader = _Reader(path, yaml)
        data = reader.value(root, ())
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise PqlError(
            short(f"not valid YAML: {error.problem or error.context}"),
            hint="Check indentation, colons, brackets and quotes around this line",
            file=path,
            line=mark.line + 1 if mark else None,
        ) from error
    except (YAMLError, ValueError, RecursionError) as error:
        why = (
            "nested too deeply" if isinstance(error, RecursionError) else str(error).split("\n")[0]
        )
        raise PqlError(
            short(f"not valid YAML: {why}"),
            hint=f"Start from {example}",
            file=path,
            line=text.count("\n", 0, error.position) + 1
            if isinstance(error, ReaderError)
            else None,
        ) from error
    return Source(path, data, reader.lines)


def _directive(text: str) -> int | None:
    """The line of the first directive, counted from 1; None when there is none."""
    for token in YAML(typ="safe", pure=True).scan(text):
        if isinstance(token, DirectiveToken):
            return int(token.start_mark.line) + 1
    return None


def _text(path: Path, example: str) -> str:
    try:
        size = path.stat().st_size
        if size <= LARGEST_FILE:
            raw = path.read_bytes()
    except OSError as error:
        raise PqlError(
            f"cannot be read ({error.strerror})", hint="Check its permissions", file=path
        ) from error
    if size > LARGEST_FILE:
        raise PqlError(
            f"has {size:,} bytes, more than any program file",
            hint=f"Name a YAML file such as {example}",
            file=path,
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PqlError(
            "is not UTF-8 text",
            hint="Save it as UTF-8",
            file=path,
            line=raw.count(b"\n", 0, error.start) + 1,
        ) from error


class _Reader:
    """Turns composed nodes into data, noting lines on the way."""

    def __init__(self, path: Path, yaml: YAML) -> None:
        self.path = path
        self.lines: dict[Loc, int] = {}
        self._construct = yaml.constructor.construct_object
        self._resolve = yaml.resolver.resolve
        self._seen: set[int] = set()

    def value(self, node: Node, loc: Loc) -> Any:
        if node.tag not in _CORE_TAGS or self._is_tagged(node):
            raise self._refuse(node, loc, f"the tag {node.tag} is not allowed", "Remove it")
        # Nodes met twice are aliases; written out they could be endless (or a billion laughs).
        if id(node) in self._seen or node.anchor:
            raise self._refuse(node, loc, "anchors and aliases are not allowed", "Write it out")
        self._seen.add(id(node))
        if isinstance(node, MappingNode):
            return dict(self._items(node, loc))
        if isinstance(node, SequenceNode):
            return [self._item(child, (*loc, place)) for place, child in enumerate(node.value)]
        try:
            value = self._construct(node)
        except ValueError as error:  # 2026-13-15 looks like a date and is none
            raise self._refuse(node, loc, f"{node.value}: {error}", "Put text in quotes") from error
        if isinstance(value, int | float) and not _is_number(value):
            message = f"{node.value[:40]} is out of range"
            raise self._refuse(node, loc, message, "Write a number of at most 18 digits")
        if isinstance(value, str) and _HALF_CHARACTER.search(value):
            raise self._refuse(node, loc, f"{value!r} holds half a character", "Remove it")
        return value

    def _is_tagged(self, node: Node) -> bool:
        """Whether a tag says of the node what its own text does not: `!!int "x"`, `!!str 3`."""
        is_plain = isinstance(node, ScalarNode) and not node.style
        itself = self._resolve(type(node), node.value, (is_plain, not is_plain))
        return bool(node.ctag != itself)

    def _items(self, node: MappingNode, loc: Loc) -> Iterator[tuple[str, Any]]:
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode) or key_node.tag != _TEXT_TAG:
                raise self._refuse(key_node, loc, "a key is not text", "Put it in quotes")
            key = key_node.value
            if not key.isprintable():
                message = f"{key!r} holds invisible characters"
                raise self._refuse(key_node, loc, message, "Remove them")
            place = (*loc, key)
            line = key_node.start_mark.line + 1
            if place in self.lines:
                message = f"the key is already on line {self.lines[place]}"
                raise self._refuse(key_node, place, message, "Keep one of the two")
            self.lines[place] = line
            yield key, self.value(value_node, place)

    def _item(self, node: Node, loc: Loc) -> Any:
        self.lines[loc] = node.start_mark.line + 1
        return self.value(node, loc)

    def _refuse(self, node: Node, loc: Loc, message: str, hint: str) -> PqlError:
        return PqlError(
            short(message),
            hint=hint,
            file=self.path,
            line=node.start_mark.line + 1,
            field=short(field_name(loc) or "") or None,
        )


def _is_number(value: float) -> bool:
    return math.isfinite(value) if isinstance(value, float) else abs(value) <= LARGEST_INTEGER
