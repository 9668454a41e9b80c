"""What the SQLMesh models need to know of the program files, as one canonical JSON text.

Only what changes a number is here: routing, owners and wording are left out, so that editing them
leaves every model's fingerprint, and so every table, as it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pql_platform.program.conditions import Condition
from pql_platform.program.lists import DomainList, domain_list
from pql_platform.program.schema import Program
from pql_platform.program.signals import Signal


def compile_definition(programs: Sequence[Program]) -> str:
    """Return the definition that the macros of the SQLMesh project read.

    Equal programs give equal text, whatever their order in the folder.
    """
    compiled = [_compile(program) for program in sorted(programs, key=lambda item: item.program)]
    return json.dumps(compiled, sort_keys=True, separators=(",", ":"))


def definition_digest(program: Program) -> str:
    """Return a short hash of all that decides the scores of one program."""
    return hashlib.sha256(compile_definition([program]).encode()).hexdigest()[:16]


def _compile(program: Program) -> dict[str, Any]:
    max_points = program.max_points
    return {
        "program": program.program,
        "motion": program.motion,
        "accounts_from": list(program.accounts.from_),
        "conversion_event": program.conversion.event,
        "aha": {
            "events": list(program.aha.events),
            "at_least": program.aha.at_least,
            "within_days": program.aha.within_days,
        }
        if program.aha
        else None,
        "half_life_days": str(program.half_life_days),
        "signals": [
            _signal(signal, max_points[signal.name], program.meaningful_events)
            for signal in program.signals
        ],
        "compounds": [
            {
                "name": compound.name,
                "all": {name: str(at_least) for name, at_least in compound.all.items()},
                "points": str(compound.points),
            }
            for compound in program.reachable_compounds
        ],
        "negative": [
            {"name": item.name, "points": str(item.points), "when": _condition(item.when, program)}
            for item in program.negative
        ],
        "exclude": [
            {"name": name, "list": _members(domain_list(program, name))}
            for name in program.fit.exclude
        ],
        "require": [_condition(condition, program) for condition in program.fit.require.values()],
        "segments": [
            {"name": name, "when": _condition(condition, program) if condition else None}
            for name, condition in program.segment_rules
        ],
    }


def _signal(signal: Signal, max_points: Decimal, meaningful: Sequence[str]) -> dict[str, Any]:
    measure, _, property_path = signal.measure.partition(":")
    return {
        "name": signal.name,
        "category": signal.category,
        "events": list(signal.events or meaningful),
        "where": {path: _texts(value) for path, value in signal.where.items()},
        "measure": measure,
        "property": property_path,
        "window_days": signal.window_days,
        "threshold": str(signal.threshold),
        "max_points": str(max_points),
    }


def _condition(condition: Condition, program: Program) -> dict[str, Any]:
    compiled: dict[str, Any] = {"field": condition.field, "op": condition.op}
    if condition.list_name is not None:
        compiled["list"] = _members(domain_list(program, condition.list_name))
    elif isinstance(condition.value, tuple):
        compiled["values"] = [_scalar(item) for item in condition.value]
    else:
        compiled["values"] = [_scalar(condition.value)]
    return compiled


def _members(listed: DomainList) -> dict[str, list[str]]:
    return {"domains": sorted(listed.domains), "suffixes": sorted(listed.suffixes)}


def _scalar(value: Decimal | str | None) -> str | dict[str, str]:
    return {"number": str(value)} if isinstance(value, Decimal) else str(value)


def _texts(value: Any) -> list[str]:
    """Spell scalars as JSON does when it is read as text: `true`, not `True`."""
    values = value if isinstance(value, list | tuple) else [value]
    return [item if isinstance(item, str) else json.dumps(item, default=str) for item in values]
