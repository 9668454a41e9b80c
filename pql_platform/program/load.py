"""Program files into memory: read, validate, refuse with the line, warn.

The only way from a file to a `Program`. What is refused is said by the models (in the words of
`shape`) and by `lint`. Whether the properties it names occur in the data is `properties`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from pql_platform.errors import PqlError
from pql_platform.program.advice import advice
from pql_platform.program.lint import refusals
from pql_platform.program.playbooks import Webhook
from pql_platform.program.schema import Program
from pql_platform.program.shape import refused_by_shape
from pql_platform.program.signals import NamesEvents
from pql_platform.program.source import Loc, Source, read_source
from pql_platform.program.suggest import closest, did_you_mean, odd_letters


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
            `accounts.from` (which decides what an account is, for all of them), or on a webhook.
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
    _check_webhooks(programs)
    return programs


def _check_webhooks(programs: Sequence[LoadedProgram]) -> None:
    """Refuse two tools of one name: what is sent to it names it and no program."""
    first: dict[str, tuple[LoadedProgram, Webhook]] = {}
    for loaded in programs:
        for name, webhook in loaded.program.webhooks.items():
            other, known = first.setdefault(name, (loaded, webhook))
            if (known.url, known.template) != (webhook.url, webhook.template):
                raise loaded.source.refuse(
                    ("webhooks", name),
                    f"`{name}` is another tool in {other.path}",
                    "Give one of them another name, or write the same url and template",
                )


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
        raise refused_by_shape(source, error.errors()) from error
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


def program_text(program: Program) -> str:
    """Write a program as JSON: defaults written out, order as it stands.

    JSON being YAML, a file of it loads as an equal program.
    """
    content = program.model_dump(mode="json", by_alias=True)
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)


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
                message = f"event `{event}` never occurs in the data{odd_letters(event)}"
                raise loaded.source.refuse(loc, message, hint)


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
    try:
        entries = sorted(path.iterdir())
    except OSError as error:
        raise PqlError(
            f"cannot be read ({error.strerror})", hint="Name a program file or a folder", file=path
        ) from error
    files = [file for file in entries if file.is_file() and not file.name.startswith(".")]
    for file in files:
        if file.suffix != ".yaml" and file.suffix.lower() in (".yaml", ".yml"):
            hint = f"Rename it to {file.with_suffix('.yaml').name}"
            raise PqlError("is no *.yaml file and would be left out", hint=hint, file=file)
    files = [file for file in files if file.suffix == ".yaml"]
    if not files:
        raise PqlError(
            "the folder holds no *.yaml program file",
            hint="Add one, or set PQL_PROGRAMS to a program file",
            file=path,
        )
    return files


def _listed(values: Sequence[str]) -> str:
    return f"[{', '.join(values)}]"
