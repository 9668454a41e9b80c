"""Program files into memory: read, validate, refuse with the line, warn.

The only way from a file to a `Program`. What is refused is said by the models and by `lint`; this
module gives each refusal its file, line and suggestion.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pql_platform.errors import PqlError
from pql_platform.program.advice import advice
from pql_platform.program.fields import NAME, PATTERN_MEANING, FieldError
from pql_platform.program.json_schema import keys_at
from pql_platform.program.lint import refusals
from pql_platform.program.schema import Program
from pql_platform.program.signals import NamesEvents
from pql_platform.program.source import Loc, Source, field_name, read_source
from pql_platform.program.suggest import closest, did_you_mean

_KEY = "[key]"
_HINTS = {
    "top_share": "It is a share: 0.12 means 12 %",
    "sample": "It is a share: 0.1 means 10 %",
}
_KINDS = {
    "model_type": "should be a mapping of keys",
    "mapping_type": "should be a mapping of keys",
    "dict_type": "should be a mapping of keys",
    "tuple_type": "should be a list",
    "string_type": "should be text; put it in quotes",
    "bool_type": "should be true or false",
    "int_type": "should be a whole number",
}


@dataclass(frozen=True)
class LoadedProgram:
    """A valid program and where it came from.

    Attributes:
        program: What it says.
        path: Its file.
        warnings: What it may do but had better not, one sentence each.
        digest: SHA-256 of its canonical JSON: the same for every way of writing the same program.
        source: The lines of its keys.
    """

    program: Program
    path: Path
    warnings: tuple[str, ...]
    digest: str
    source: Source = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """The program's unique name."""
        return self.program.program


def load_programs(path: Path) -> tuple[LoadedProgram, ...]:
    """Load a program file, or all `*.yaml` files directly in a folder, in order of their names.

    Raises:
        PqlError: Nothing is there, a file is refused, two programs share a name or disagree on
            `accounts.from` (which decides what an account is, for all of them).
    """
    programs = tuple(load_program(file) for file in _files(path))
    by_name: dict[str, LoadedProgram] = {}
    for loaded in programs:
        if loaded.name in by_name:
            raise loaded.source.refuse(
                ("program",),
                f"`{loaded.name}` is already the program of {by_name[loaded.name].path}",
                "Give one of them another name",
            )
        by_name[loaded.name] = loaded
        first = programs[0]
        if loaded.program.accounts.from_ != first.program.accounts.from_:
            raise loaded.source.refuse(
                ("accounts", "from"),
                f"{_listed(loaded.program.accounts.from_)} differs from "
                f"{_listed(first.program.accounts.from_)} in {first.path}",
                "All programs of a folder share their accounts: write the same order",
            )
    return programs


def load_program(path: Path) -> LoadedProgram:
    """Load one program file.

    Raises:
        PqlError: The file is refused; the error names the line and what to write instead.
    """
    source = read_source(path)
    if not isinstance(source.data, dict):
        raise source.refuse((), "is not a mapping of keys", "Start with `program: NAME`")
    try:
        program = Program.model_validate(source.data)
    except ValidationError as error:
        raise _first(source, error.errors()) from error
    found = [source.refuse(r.loc, r.message, r.hint) for r in refusals(program)]
    if found:
        raise min(found, key=lambda problem: problem.line or 0)
    return LoadedProgram(program, path, advice(program), digest(program), source)


def digest(program: Program) -> str:
    """SHA-256 (hex) of a program's canonical JSON: sorted keys, defaults written out."""
    content = program.model_dump(mode="json", by_alias=True)
    # Segments are tried in order, so their order is part of the definition; sorted keys lose it.
    content["segments"] = list(content["segments"].items())
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def check_events_occur(programs: Sequence[LoadedProgram], known_events: Collection[str]) -> None:
    """Refuse programs that name an event which the loaded data never holds.

    Args:
        programs: What `load_programs` returned.
        known_events: Names of all events in the data; page views as `page:Name`.

    Raises:
        PqlError: The first such event, with its line and the closest event that does occur.
    """
    known = sorted(known_events)
    for loaded in programs:
        for loc, event in _named_events(loaded.program):
            if event not in known_events:
                hint = did_you_mean(event, known) or "No events are loaded: run pql ingest first"
                raise loaded.source.refuse(loc, f"event `{event}` never occurs in the data", hint)


def _named_events(program: Program) -> Iterator[tuple[Loc, str]]:
    yield ("conversion", "event"), program.conversion.event
    sections: list[tuple[Loc, NamesEvents]] = (
        [] if program.aha is None else [(("aha",), program.aha)]
    )
    sections += [(("signals", place), signal) for place, signal in enumerate(program.signals)]
    for loc, section in sections:
        if section.event is not None:
            yield (*loc, "event"), section.event
        for place, event in enumerate(section.any_of or ()):
            yield (*loc, "any_of", place), event
    for place, event in enumerate(program.core_events):
        yield ("core_events", place), event


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.exists():
        meant = closest(path.name, [entry.name for entry in sorted(path.parent.glob("*"))])
        raise PqlError(
            "no such program file or folder",
            hint=f"Did you mean `{meant}`?" if meant else "Set PQL_PROGRAMS to a file or a folder",
            file=path,
        )
    files = [f for f in sorted(path.glob("*.yaml")) if f.is_file() and not f.name.startswith(".")]
    if not files:
        raise PqlError(
            "the folder holds no *.yaml program file",
            hint="Add one, or set PQL_PROGRAMS to a program file",
            file=path,
        )
    return files


def _first(source: Source, details: Sequence[ErrorDetails]) -> PqlError:
    """The error to report; a misspelt key comes before the missing one that it explains."""
    unknown = [detail for detail in details if detail["type"] == "extra_forbidden"]
    found = [_explain(source, detail) for detail in unknown or details]
    return min(found, key=lambda problem: problem.line or 0)


def _explain(source: Source, detail: ErrorDetails) -> PqlError:
    """A validation error in the words of the file."""
    loc = detail["loc"]
    if loc and loc[-1] == _KEY:
        loc = loc[:-1]
    message, hint = _said(loc, detail)
    return source.refuse(loc, message, hint)


def _said(loc: Loc, detail: ErrorDetails) -> tuple[str, str]:
    kind, written, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return "unknown key", did_you_mean(str(loc[-1]), keys_at(loc[:-1]))
    if kind == "missing":
        return "is missing", f"Add `{loc[-1]}:` to {field_name(loc[:-1]) or 'the file'}"
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", str(context["expected"]))
        return f"{written!r} is not one of {', '.join(known)}", did_you_mean(str(written), known)
    refused = context.get("error")
    if isinstance(refused, FieldError):
        return str(refused), refused.hint
    hint = _HINTS.get(str(loc[-1]), "") if loc else ""
    if kind == "string_pattern_mismatch":
        meaning = PATTERN_MEANING.get(context["pattern"], f"match {context['pattern']}")
        return f"{written!r} should {meaning}", hint or _renamed(written, context["pattern"])
    said = _KINDS.get(kind) or detail["msg"].removeprefix("Input ").removeprefix("Value error, ")
    return f"{said}{_found(written)}", hint


def _renamed(written: Any, pattern: str) -> str:
    name = re.sub(r"\W+", "_", str(written).lower(), flags=re.ASCII).strip("_")
    return f"Write {name}" if pattern == NAME and re.fullmatch(NAME, name) else ""


def _found(written: Any) -> str:
    shown = str(written) if isinstance(written, Decimal) else repr(written)
    return "" if isinstance(written, dict | list | None) else f" (found {shown})"


def _listed(values: Sequence[str]) -> str:
    return f"[{', '.join(values)}]"
