"""What another definition would have done over the last quarter, date by date as known then.

Both definitions are computed side by side from the same events, each with a threshold drawn on the
population of that date, and followed with the hysteresis and cooldown of their program. What was
changed is in `program_diff`; nothing here touches the tables of production.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import duckdb
import pandas as pd

from pql_platform.calibration.draft_models import render_models
from pql_platform.calibration.lead_course import NO_COURSE, Course, follow, judge
from pql_platform.calibration.program_diff import ProgramDiff
from pql_platform.ledger.calibrated import Calibration, under
from pql_platform.program.schema import Program
from pql_platform.settings import Settings
from pql_platform.warehouse import statements
from pql_platform.warehouse.deployments import Deployed
from pql_platform.warehouse.rescoring import as_known_at, live_schemas

LOOKBACK_DAYS = 90
EVERY_DAYS = 7
"""Who comes and goes between two dates is not seen, so leads per day are a lower bound."""

FIRST_IDS = 5


@dataclass(frozen=True)
class Side:
    """One definition over the dates.

    Attributes:
        accounts: Accounts that were a lead on at least one date.
        share: Qualified share of the population, mean over the dates, 0 to 1.
        leads_per_day: Accounts that became leads after the first date, per day; None of one date.
        capacity_per_day: What sales can answer, by the program.
        threshold: Account threshold of the last date, points; None when nobody could qualify.
    """

    accounts: int
    share: float
    leads_per_day: float | None
    capacity_per_day: int
    threshold: Decimal | None


@dataclass(frozen=True)
class Moved:
    """Accounts that are leads under one of the two definitions only.

    Attributes:
        accounts: How many.
        first_ids: The first of them, in order of their ids.
        converted: How many bought within the horizon after they first were a lead.
        known: Of how many it is known whether they did; the others' horizon is not over.
    """

    accounts: int
    first_ids: tuple[str, ...]
    converted: int
    known: int


@dataclass(frozen=True)
class OwnerLoad:
    """New leads of one owner under both definitions, after the first date."""

    owner: str
    base: int
    head: int


@dataclass(frozen=True)
class Effect:
    """What a changed program would have done; a side without the program is None.

    Attributes:
        program: Its name.
        dates: The dates that were looked at, oldest first.
        horizon_days: Within how many days a purchase counts.
        base: The definition before.
        head: The definition after.
        gained: Leads under `head` only.
        lost: Leads under `base` only.
        owners: Who feels it.
        loses_calibration: The live version that the change puts out of force; None if none.
    """

    program: str
    dates: tuple[datetime, ...]
    horizon_days: int
    base: Side | None
    head: Side | None
    gained: Moved
    lost: Moved
    owners: tuple[OwnerLoad, ...]
    loses_calibration: str | None = None


def measure_effects(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    diffs: Sequence[ProgramDiff],
    as_of: datetime,
    first_at: datetime,
    *,
    calibrations: Mapping[str, Calibration] | None = None,
    lookback_days: int = LOOKBACK_DAYS,
    every_days: int = EVERY_DAYS,
    progress: Callable[[datetime], None] | None = None,
) -> tuple[Effect, ...]:
    """Measure what each difference would have done to the last quarter.

    Args:
        connection: The warehouse or a copy of it; it is not changed.
        settings: The installation.
        diffs: From `program_diff.compare`.
        as_of: Aware instant, the last date.
        first_at: When there first was an event; no date lies before it.
        calibrations: Of the live versions, by program: they judge where a side is still the file
            that they were made on.
        lookback_days: How far back the first date may lie.
        every_days: Days from one date to the next.
        progress: Called with each date before it is computed.
    """
    steps = range(lookback_days // every_days, -1, -1)
    every = (as_of - timedelta(days=every_days * step) for step in steps)
    dates = tuple(date for date in every if date >= first_at) or (as_of,)
    live = calibrations or {}
    programs: dict[str, Program] = {
        f"{side}_{number}": under(program, live.get(program.program))
        for number, diff in enumerate(diffs)
        for side, program in (("base", diff.base), ("head", diff.head))
        if program is not None
    }
    judged: dict[str, list[pd.DataFrame]] = {alias: [] for alias in programs}
    conversions: dict[str, dict[str, datetime]] = {}
    for models, aliased in _rendered(settings, programs):
        for date in dates:
            if progress is not None:
                progress(date)
            with as_known_at(connection, date, models=models), live_schemas(connection):
                for alias, program in aliased.items():
                    judged[alias].append(judge(connection, program, date))
                    if date == as_of:
                        conversions[alias] = _conversions(connection, program)
    courses = {alias: follow(programs[alias], dates, judged[alias]) for alias in programs}
    return tuple(
        replace(
            _effect(diff, dates, courses, conversions, number),
            loses_calibration=_lost_calibration(diff, live),
        )
        for number, diff in enumerate(diffs)
    )


def _lost_calibration(diff: ProgramDiff, live: Mapping[str, Calibration]) -> str | None:
    """The live version that judged before and does not after."""
    calibration = live.get(diff.base.program) if diff.base is not None else None
    if calibration is None or diff.base is None:
        return None
    judged = under(diff.base, calibration) is not diff.base
    stays = diff.head is not None and under(diff.head, calibration) is not diff.head
    return calibration.version if judged and not stays else None


def _rendered(
    settings: Settings, programs: Mapping[str, Program]
) -> Iterator[tuple[list[Deployed], dict[str, Program]]]:
    """The models of the programs, each under its alias, as many at once as share their accounts.

    Both sides in one set of models: people, accounts and visits are then computed once.
    """
    groups: dict[tuple[str, ...], dict[str, Program]] = {}
    for alias, program in programs.items():
        groups.setdefault(program.accounts.from_, {})[alias] = program.model_copy(
            update={"program": alias}
        )
    for aliased in groups.values():
        yield render_models(settings, tuple(aliased.values())), aliased


def _conversions(connection: duckdb.DuckDBPyConnection, program: Program) -> dict[str, datetime]:
    found = statements.query(connection, "account_conversions", program=program.program)
    moments = pd.DatetimeIndex(found["converted_at"]).tz_localize(UTC).to_pydatetime()
    return dict(zip(found["account_id"], moments, strict=True))


def _effect(
    diff: ProgramDiff,
    dates: tuple[datetime, ...],
    courses: Mapping[str, Course],
    conversions: Mapping[str, Mapping[str, datetime]],
    number: int,
) -> Effect:
    base = courses.get(f"base_{number}", NO_COURSE)
    head = courses.get(f"head_{number}", NO_COURSE)
    program = diff.head or diff.base
    assert program is not None  # noqa: S101 - a difference has at least one side
    converted_at = conversions[f"head_{number}" if diff.head is not None else f"base_{number}"]
    horizon = timedelta(days=program.conversion.horizon_days)
    before, after = Counter(base.owners_of_new), Counter(head.owners_of_new)

    def moved(here: Course, there: Course) -> Moved:
        only = {
            account: since
            for account, since in here.first_lead_at.items()
            if account not in there.first_lead_at
        }
        bought = {
            account
            for account, since in only.items()
            if account in converted_at and since < converted_at[account] <= since + horizon
        }
        over = {account for account, since in only.items() if since + horizon <= dates[-1]}
        return Moved(len(only), tuple(sorted(only)[:FIRST_IDS]), len(bought), len(bought | over))

    return Effect(
        program=diff.program,
        dates=dates,
        horizon_days=program.conversion.horizon_days,
        base=_side(diff.base, base, dates),
        head=_side(diff.head, head, dates),
        gained=moved(head, base),
        lost=moved(base, head),
        owners=tuple(
            OwnerLoad(owner, before[owner], after[owner]) for owner in sorted({*before, *after})
        ),
    )


def _side(program: Program | None, course: Course, dates: Sequence[datetime]) -> Side | None:
    if program is None:
        return None
    days = (dates[-1] - dates[0]).days
    return Side(
        accounts=len(course.first_lead_at),
        share=sum(course.shares) / len(course.shares) if course.shares else 0.0,
        leads_per_day=len(course.owners_of_new) / days if days else None,
        capacity_per_day=program.threshold.capacity_per_day,
        threshold=course.threshold,
    )
