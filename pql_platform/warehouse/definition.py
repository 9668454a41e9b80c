"""What the SQLMesh models need to know of the program files, as canonical JSON texts.

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

VARIABLES = ("identity", "behaviours", "windows", "facts", "weights")
"""The parts of the definition, each a SQLMesh variable: a model's fingerprint covers those that it
names, so that a change of weights leaves every roll-up as it is."""


def compile_variables(programs: Sequence[Program]) -> dict[str, str]:
    """Return the parts of the definition that the macros of the SQLMesh project read, as JSON.

    Equal programs give equal text, whatever their order in the folder.
    """
    ordered = sorted(programs, key=lambda item: item.program)
    parts = {
        "identity": [_identity(program) for program in ordered],
        "behaviours": [_behaviours(program) for program in ordered],
        "windows": [_windows(program) for program in ordered],
        "facts": [_facts(program) for program in ordered],
        "weights": [_weights(program) for program in ordered],
    }
    return {
        name: json.dumps(part, sort_keys=True, separators=(",", ":"))
        for name, part in parts.items()
    }


def compile_definition(programs: Sequence[Program]) -> str:
    """Return all that decides scores and who is scored, as one canonical text for digests."""
    population = sorted((item.program, item.motion, item.profile) for item in programs)
    return json.dumps([compile_variables(programs), population], sort_keys=True)


def definition_digest(program: Program) -> str:
    """Return a short hash of all that decides the scores of one program."""
    return hashlib.sha256(compile_definition([program]).encode()).hexdigest()[:16]


def _identity(program: Program) -> dict[str, Any]:
    """Who belongs to which account."""
    return {"accounts_from": list(program.accounts.from_)}


def _behaviours(program: Program) -> dict[str, Any]:
    """Which events feed which signal, before any window."""
    return {
        "program": program.program,
        "signals": [
            {
                "name": signal.name,
                "events": list(signal.events or program.meaningful_events),
                "where": {path: _allowed(value) for path, value in signal.where.items()},
                "of": "visits" if _measure(signal) in VISIT_MEASURES else "events",
                "property": signal.sum_property or "",
            }
            for signal in program.signals
        ],
    }


def _windows(program: Program) -> dict[str, Any]:
    """How the behaviour of some days becomes the value of a signal."""
    return {
        "program": program.program,
        "half_life_days": str(program.half_life_days),
        "signals": [
            {
                "name": signal.name,
                "measure": _measure(signal),
                "window_days": signal.window_days,
                "threshold": str(signal.threshold),
                "counts_team": signal.counts_team,
            }
            for signal in program.signals
        ],
    }


def _facts(program: Program) -> dict[str, Any]:
    """What gates and segments, and never adds points."""
    return {
        "program": program.program,
        "conversion_event": program.conversion.event,
        "aha": {
            "events": list(program.aha.events),
            "at_least": program.aha.at_least,
            "within_days": program.aha.within_days,
        }
        if program.aha
        else None,
        "plans": {
            "trial": [name.lower() for name in program.plans.trial],
            "freemium": [name.lower() for name in program.plans.freemium],
        },
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


def _weights(program: Program) -> dict[str, Any]:
    """What a value is worth."""
    max_points = program.max_points
    rule = program.account_rule
    return {
        "program": program.program,
        "half_life_days": str(program.half_life_days),
        "signals": [
            {
                "name": signal.name,
                "category": signal.category,
                "lower_is_better": signal.lower_is_better,
                "threshold": str(signal.threshold),
                "max_points": str(max_points[signal.name]),
            }
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
        "spread_users": rule.spread_users,
        "spread_points": str(rule.spread_points),
        "single_user_cap": str(rule.single_user_cap),
    }


VISIT_MEASURES = ("sessions", "minutes_per_session")
"""Measures that count visits, where the others count events."""


def _measure(signal: Signal) -> str:
    return signal.measure.partition(":")[0]


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


def _allowed(value: Any) -> dict[str, list[str]]:
    """The values a property may have: numbers compare as numbers, the rest as JSON spells it."""
    values = value if isinstance(value, list | tuple) else [value]
    numbers = [item for item in values if _is_number(item)]
    return {
        "numbers": [str(item) for item in numbers],
        "texts": [
            item if isinstance(item, str) else json.dumps(item)
            for item in values
            if not _is_number(item)
        ],
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
