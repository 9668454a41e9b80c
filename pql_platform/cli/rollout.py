"""`pql rollout`: how far each program may reach, who decided it and why."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.markup import escape
from sqlalchemy import Engine

from pql_platform.cli.output import AsJson, people, print_json, print_table
from pql_platform.errors import PqlError
from pql_platform.handoff.pilot import PilotResult, pilot_result
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.ledger.rollouts import (
    RolloutDecision,
    decision_in_force,
    file_digest,
    list_decisions,
    record_decision,
    rollout_of,
)
from pql_platform.ledger.states import ROLLOUT_STAGES
from pql_platform.program.load import load_programs
from pql_platform.program.schema import Program
from pql_platform.program.sections import Rollout
from pql_platform.program.suggest import did_you_mean
from pql_platform.settings import Settings, load_settings
from pql_platform.team.load import load_team
from pql_platform.warehouse import statements
from pql_platform.warehouse.connection import open_serving

_STAGES = f"One of {', '.join(ROLLOUT_STAGES)}"


def rollout(
    program: Annotated[
        str | None, typer.Argument(metavar="PROGRAM", help="One program; all are shown without.")
    ] = None,
    stage: Annotated[
        str | None, typer.Option(metavar="STAGE", help="shadow, pilot or live.")
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="WHO", help="Who decides.")] = None,
    why: Annotated[str | None, typer.Option(metavar="TEXT", help="The reason.")] = None,
    sample: Annotated[
        float | None, typer.Option(help="Share of leads handed over in a pilot, such as 0.2.")
    ] = None,
    rep: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Who gets a pilot's leads; repeatable.")
    ] = None,
    force: Annotated[
        bool, typer.Option(help="Go live although the pilot does not speak for it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how far programs reach, or change it: shadow, then pilot, then live."""
    settings = load_settings()
    settings.prepare_home()
    programs = {one.name: one.program for one in load_programs(settings.programs)}
    if program is not None and program not in programs:
        hint = did_you_mean(program, list(programs))
        raise PqlError(f"There is no program {program}", field="program", hint=hint)
    if stage is None and (by or why or rep or force or sample is not None):
        raise PqlError("is missing, so nothing would change", field="--stage", hint=_STAGES)
    engine = open_ledger(settings.ledger_url)
    try:
        if stage is not None:
            name = program or _only(programs)
            _decide(settings, engine, programs[name], stage, by, why, sample, rep, force)
        shown = [_state(settings, engine, programs[name]) for name in _chosen(programs, program)]
    finally:
        engine.dispose()
    if as_json:
        print_json(shown)
        return
    for one in shown:
        _print(one)


def _only(programs: dict[str, Program]) -> str:
    if len(programs) != 1:
        raise PqlError("is missing", field="PROGRAM", hint=f"One of {', '.join(programs)}")
    return next(iter(programs))


def _chosen(programs: dict[str, Program], name: str | None) -> list[str]:
    return list(programs) if name is None else [name]


def _decide(
    settings: Settings,
    engine: Engine,
    program: Program,
    stage: str,
    by: str | None,
    why: str | None,
    sample: float | None,
    reps: list[str] | None,
    force: bool,
) -> None:
    if stage not in ROLLOUT_STAGES:
        hint = did_you_mean(stage, ROLLOUT_STAGES)
        raise PqlError(f"{stage!r} is no stage", field="--stage", hint=hint)
    if not by or not by.strip() or not why or not why.strip():
        raise PqlError("A change of stage needs who and why", hint="Give --by and --why")
    if not why.isprintable():
        raise PqlError("holds invisible characters", field="--why", hint="Remove them")
    if sample is not None and not 0 < sample <= 1:
        raise PqlError(f"{sample} is no share", field="--sample", hint="Write 0.2 for 20 %")
    _check_reps(settings, reps or [])
    now = datetime.now(UTC)
    with reading(engine) as conn:
        current = rollout_of(conn, program)
    obstacle = _obstacle(settings, engine, program, current.stage, now) if stage == "live" else None
    if obstacle and not force:
        raise PqlError(
            f"The pilot does not speak for going live: {obstacle}",
            hint="Wait, or give --force with the reason in --why",
        )
    # A pilot that goes on keeps what is not said anew; one that begins takes it from the file.
    before = current if current.stage == "pilot" else program.rollout
    decision = RolloutDecision(
        program=program.program,
        stage=stage,
        sample=before.sample if sample is None else Decimal(str(sample)),
        reps=reps or before.reps,
        since=now,
        decided_by=by.strip(),
        why=why.strip(),
        file_digest=file_digest(program),
    )
    with engine.begin() as conn:
        record_decision(conn, decision)


def _obstacle(
    settings: Settings, engine: Engine, program: Program, stage: str, now: datetime
) -> str | None:
    """Why a program may not go live from a stage; None when it may."""
    if stage == "shadow":
        return "none has run since the program was in its shadow stage"
    pilot = _pilot(settings, engine, program, now)
    return pilot.obstacle if pilot is not None else None


def _check_reps(settings: Settings, reps: list[str]) -> None:
    team = load_team(settings.team)
    for name in reps:
        if team is None or name not in team.people:
            known = list(team.people) if team is not None else []
            hint = did_you_mean(name, known) or "Name them in a team file first"
            raise PqlError(f"{name} is not in the team file", field="--rep", hint=hint)


def _pilot(
    settings: Settings, engine: Engine, program: Program, now: datetime
) -> PilotResult | None:
    """How the pilot that runs did; None where none runs."""
    with reading(engine) as conn:
        rollout = rollout_of(conn, program)
        if rollout.stage != "pilot":
            return None
        began = _began(rollout, decision_in_force(conn, program))
        if not settings.serving.exists():
            return pilot_result(conn, program, {}, began, now)
        with open_serving(settings) as connection:
            found = statements.query(connection, "account_conversions", program=program.program)
        conversions = {
            account: moment.to_pydatetime().replace(tzinfo=UTC)
            for account, moment in zip(found["account_id"], found["converted_at"], strict=True)
        }
        return pilot_result(conn, program, conversions, began, now)


def _began(pilot: Rollout, decision: RolloutDecision | None) -> datetime:
    """When a pilot began: by decision, else on the day that the file says."""
    if decision is not None:
        return decision.since
    return datetime.combine(pilot.on or date.min, time.min, UTC)


def _state(settings: Settings, engine: Engine, program: Program) -> dict[str, Any]:
    with reading(engine) as conn:
        now = rollout_of(conn, program)
        decisions = list_decisions(conn, program.program)
    pilot = _pilot(settings, engine, program, datetime.now(UTC))
    return {
        "program": program.program,
        "stage": now.stage,
        "sample": now.sample,
        "reps": list(now.reps),
        "by": now.by,
        "on": now.on,
        "pilot": None if pilot is None else {**vars(pilot), "obstacle": pilot.obstacle},
        "decisions": [
            {"stage": one.stage, "since": one.since, "by": one.decided_by, "why": one.why}
            for one in decisions
        ],
    }


def _print(state: dict[str, Any]) -> None:
    by = f", decided by {escape(state['by'])} on {state['on']}" if state["by"] else ""
    reach = {
        "shadow": "everything is computed, nobody is told",
        "pilot": f"{float(state['sample']):.0%} of the leads are handed over"
        + (f", to {escape(', '.join(state['reps']))}" if state["reps"] else ""),
        "live": "every lead is handed over",
    }[state["stage"]]
    people.print(f"[bold]{state['program']}[/bold] is in its {state['stage']} stage{by}: {reach}.")
    pilot = state["pilot"]
    if pilot is not None:
        people.print(
            f"  Pilot: {pilot['handed_over_bought']} of {pilot['handed_over']} leads handed over "
            f"bought, {pilot['held_back_bought']} of {pilot['held_back']} held back; "
            f"{pilot['open']} still open."
        )
        if pilot["obstacle"]:
            people.print(f"  Not yet live: {pilot['obstacle']}.")
    if state["decisions"]:
        print_table(
            "Decisions",
            ("since", "stage", "by", "why"),
            (
                (one["since"], one["stage"], escape(one["by"]), escape(one["why"]))
                for one in state["decisions"]
            ),
        )
