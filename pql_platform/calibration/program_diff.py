"""What differs between two states of the program files, in the words of the files.

Each change has the stages that answer for it, and so the owners who must approve it. What the
change would do to accounts is measured in `program_effect`; how it is printed is the command's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pql_platform.program.load import LoadedProgram, load_programs
from pql_platform.program.schema import Program
from pql_platform.program.source import short
from pql_platform.warehouse.definition import compile_definition

OwnerStage = Literal["process", "signals", "response"]
STAGES: tuple[OwnerStage, ...] = ("process", "signals", "response")
"""Item 176: marketing owns the process, product the signals, sales the response."""

_ANSWERS: Mapping[str, tuple[OwnerStage, ...]] = {
    # What counts, and how much.
    "conversion": ("signals",),
    "value_metric": ("signals",),
    "aha": ("signals",),
    "core_events": ("signals",),
    "signals": ("signals",),
    "compounds": ("signals",),
    "weights": ("signals",),
    "points": ("signals",),
    "negative": ("signals",),
    "half_life_days": ("signals",),
    "account_rule": ("signals",),
    # Who acts, on how many, and when.
    "threshold": ("signals", "response"),
    "threshold.capacity_per_day": ("response",),
    "threshold.cooldown_days": ("response",),
    "tiers": ("response",),
    "segments": ("response",),
    "routing": ("response",),
    "playbooks": ("response",),
    # A changed owner concerns whoever owned it and everybody who works with them.
    "owners": STAGES,
}
"""Who answers for a key; all others are the process's: whom the program is about and its reach."""

_SAID_TO_PEOPLE = (".says", ".says_one", ".speakable")
"""Ends of the keys of a signal that a rep reads: sales has a say in them too."""

_NAMED_BY: Mapping[str, str] = {
    "signals": "name",
    "compounds": "name",
    "negative": "name",
    "tiers": "tier",
}
"""Lists whose entries have a name of their own, by which two states of one are held together."""

_DECIDES_LEADS = ("threshold", "account_rule", "tiers", "routing", "order of routing")
"""Keys that move no score and yet decide who becomes a lead, how urgent, or whose."""

_UNSET: tuple[Any, ...] = (None, False, {}, [])
"""What a new entry need not say to be understood."""

_IN_ORDER = ("signals", "routing", "segments")
"""Where the order itself decides something."""


@dataclass(frozen=True)
class Change:
    """One thing that differs.

    Attributes:
        key: Where, as `signals.invites.threshold`.
        before: What stood there; None for what is new.
        after: What stands there now; None for what is gone.
        stages: Who answers for it.
    """

    key: str
    before: str | None
    after: str | None
    stages: tuple[OwnerStage, ...]


@dataclass(frozen=True)
class Approval:
    """An owner who must agree, and for which stages."""

    owner: str
    stages: tuple[OwnerStage, ...]


@dataclass(frozen=True)
class ProgramDiff:
    """One program before and after.

    Attributes:
        program: Its name; the new one where that changed.
        state: added, removed or changed.
        changes: What differs, in the order of the file.
        approvals: Who must agree.
        moves_scores: Whether scores or who is scored differ; if not, thresholds are kept.
        warnings: What the new file is warned of and the old one was not.
        base: The program before; None for a new one.
        head: The program after; None for one that is gone.
    """

    program: str
    state: Literal["added", "removed", "changed"]
    changes: tuple[Change, ...]
    approvals: tuple[Approval, ...]
    moves_scores: bool
    warnings: tuple[str, ...]
    base: Program | None
    head: Program | None

    @property
    def moves_leads(self) -> bool:
        """Whether it can change who is a lead, when, or whose."""
        return self.moves_scores or any(
            change.key.startswith(_DECIDES_LEADS) for change in self.changes
        )


def load_side(path: Path) -> tuple[LoadedProgram, ...]:
    """Load a file or a folder of programs; a folder without any is a side without programs.

    Raises:
        PqlError: Nothing is there, or a file is refused.
    """
    if path.is_dir() and not any(path.glob("*.y*ml")):
        return ()
    return load_programs(path)


def compare(
    base: Sequence[LoadedProgram], head: Sequence[LoadedProgram]
) -> tuple[ProgramDiff, ...]:
    """Compare two states of the programs; those without a difference are left out.

    One program on each side is one program, whatever it is called now.
    """
    before, after = ({one.name: one for one in side} for side in (base, head))
    if len(before) == len(after) == 1:
        return tuple(_diff(base[0], head[0]))
    return tuple(
        found
        for name in dict.fromkeys((*before, *after))
        for found in _diff(before.get(name), after.get(name))
    )


def _diff(old: LoadedProgram | None, new: LoadedProgram | None) -> Iterator[ProgramDiff]:
    """The difference of two states of one program; nothing where there is none."""
    base, head = old.program if old else None, new.program if new else None
    changes = tuple(_changes(base, head)) if base and head else ()
    if base and head and not changes:
        return
    known = old.warnings if old else ()
    yield ProgramDiff(
        program=head.program if head else base.program if base else "",
        state="added" if base is None else "removed" if head is None else "changed",
        changes=changes,
        approvals=_approvals(base, head, changes),
        moves_scores=_scored_by(base) != _scored_by(head),
        warnings=tuple(text for text in (new.warnings if new else ()) if text not in known),
        base=base,
        head=head,
    )


def _scored_by(program: Program | None) -> str | None:
    """All that decides scores and who is scored, whatever the program is called."""
    if program is None:
        return None
    return compile_definition([program.model_copy(update={"program": "any"})])


def _approvals(
    base: Program | None, head: Program | None, changes: Sequence[Change]
) -> tuple[Approval, ...]:
    """Who answers now, and who would: nobody comes into office, or leaves it, unasked."""
    touched = {stage for change in changes for stage in change.stages}
    asked: dict[str, list[OwnerStage]] = {}
    for stage in STAGES:
        # A program that comes or goes as a whole concerns every stage.
        if changes and stage not in touched:
            continue
        for program in (base, head):
            stages = asked.setdefault(getattr(program.owners, stage), []) if program else []
            if stage not in stages:
                stages.append(stage)
    return tuple(Approval(owner, tuple(stages)) for owner, stages in asked.items())


def _changes(base: Program, head: Program) -> Iterator[Change]:
    before, after = _document(base), _document(head)
    for key in dict.fromkeys((*before, *after)):
        for place, old, new in _differences(key, before.get(key), after.get(key)):
            yield Change(place, _written(old), _written(new), _stages(place))


def _document(program: Program) -> dict[str, Any]:
    """The program as plain data, its lists of named entries as mappings by their names."""
    content = program.model_dump(mode="json", by_alias=True)
    for key, name in _NAMED_BY.items():
        content[key] = {
            str(entry[name]): {part: value for part, value in entry.items() if part != name}
            for entry in content[key]
        }
    content["routing"] = {_route_name(route): route["owner"] for route in content["routing"]}
    return content


def _route_name(route: Mapping[str, Any]) -> str:
    asked = [str(route[part]) for part in ("segment", "region") if route[part] is not None]
    return " in ".join(asked) or "otherwise"


def _differences(key: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """Places that differ below a key, with what stood there and what stands there."""
    if old == new and not (key in _IN_ORDER and list(old) != list(new)):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys((*old, *new)):
            yield from _differences(f"{key}.{name}", old.get(name), new.get(name))
        stay = [name for name in old if name in new], [name for name in new if name in old]
        if key in _IN_ORDER and stay[0] != stay[1]:
            yield f"order of {key}", stay[0], stay[1]
    elif isinstance(old, list) and isinstance(new, list) and set(old) != set(new):
        yield from ((key, item, None) for item in old if item not in new)
        yield from ((key, None, item) for item in new if item not in old)
    else:
        yield key, old, new


def _stages(place: str) -> tuple[OwnerStage, ...]:
    key = place.removeprefix("order of ")
    stages = _ANSWERS.get(key) or _ANSWERS.get(key.partition(".")[0]) or ("process",)
    if key.startswith("signals.") and key.endswith(_SAID_TO_PEOPLE):
        return (*stages, "response")
    return stages


def _written(value: Any) -> str | None:
    """A value as a program file would have it, without what is not set."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        parts = ((name, _written(part)) for name, part in value.items() if part not in _UNSET)
        return short(f"{{{', '.join(f'{name}: {text}' for name, text in parts if text)}}}")
    if isinstance(value, list):
        return short(f"[{', '.join(_written(item) or '' for item in value)}]")
    # Defaults and written numbers differ in type only: 30.0 is the 30 of the file.
    is_whole = isinstance(value, float) and value.is_integer()
    return short(str(int(value) if is_whole else value))
