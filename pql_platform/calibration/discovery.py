"""Discovery: what accounts that convert do, and others do not, with a verdict on each behaviour.

Puts the parts together: cohorts, counts, contrasts, verdicts, aha moment. Reads the warehouse and
changes nothing; every answer follows from the data and `as_of` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb
import numpy as np

from pql_platform.calibration.aha import Aha, Candidate, find_aha
from pql_platform.calibration.behaviours import Behaviour, Counts, count_behaviours
from pql_platform.calibration.contrasts import AT_LEAST, Contrasts, contrast
from pql_platform.calibration.leaks import Timing, leak_of
from pql_platform.calibration.matched_cohorts import Cohorts, collect_cohorts
from pql_platform.calibration.proportions import (
    Lift,
    combined_chance,
    false_discovery_rates,
)
from pql_platform.calibration.verdicts import (
    VERDICTS,
    Interval,
    Judgement,
    Row,
    Verdict,
    judge,
)
from pql_platform.domain.grammar import counted
from pql_platform.program.schema import Program

FEW_CONVERTED = 100
SHORT_HISTORY = timedelta(days=182)
"""Six months, and a hundred conversions (requirements, decided list 3)."""


@dataclass(frozen=True)
class Finding:
    """The verdict on one behaviour, with the comparison that shows it.

    Attributes:
        event: The event.
        property, value: Only its occurrences with this value; None for the event as a whole.
        at_least: How many times in the window.
        converted_share, other_share: Who did it, of the converted and of the others.
        lift, lift_low, lift_high: Ratio of the shares with 95 % limits; where none of the others
            did it, half a case is added.
        q_value: False discovery rate of the behaviour over all that were tested; 1 when it was not.
        n_converted, n_other: The accounts compared: with at_least above 1 those on which that
            number was not chosen, before the index date only those active in the window.
        window: first_14_days, before_7_days, before_14_days or before_30_days.
        verdict: What it is worth.
        reason: Why, in one sentence.
        stability: Share of the thirds of sign-ups in which the lift is above one; None if unknown.
    """

    event: str
    property: str | None
    value: str | None
    at_least: int
    converted_share: float
    other_share: float
    lift: float
    lift_low: float
    lift_high: float
    q_value: float
    n_converted: int
    n_other: int
    window: str
    verdict: Verdict
    reason: str
    stability: float | None


@dataclass(frozen=True)
class Discovery:
    """Everything found.

    Attributes:
        program: Name of the program.
        as_of: The clock.
        findings: One per event and property split, best first.
        aha: The proposed aha moment; None when nothing in the first days is a signal.
        n_converted, n_other: The accounts compared.
        left_out: Reason -> accounts that were not compared.
        warnings: What a reader must know, in sentences.
    """

    program: str
    as_of: datetime
    findings: tuple[Finding, ...]
    aha: Aha | None
    n_converted: int
    n_other: int
    left_out: dict[str, int]
    warnings: tuple[str, ...]


def discover(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    as_of: datetime,
    *,
    progress: Callable[[str], None] | None = None,
) -> Discovery:
    """Compare what accounts did that converted with what the others did.

    Args:
        connection: The warehouse, its tables as known at `as_of`; only temporary tables are made.
        program: The program: its conversion event is what is predicted.
        as_of: The clock, aware UTC.
        progress: Told what is being done, for long work.

    Raises:
        PqlError: No conversion, fewer than ten, or nobody who did not convert.
    """
    say = progress or (lambda _: None)
    say("Matching accounts")
    cohorts = collect_cohorts(connection, program, as_of)
    say("Counting what they did")
    counts = count_behaviours(connection, cohorts, as_of)
    say("Comparing")
    contrasts = contrast(counts, cohorts)
    timings = _timings(counts, contrasts, cohorts)
    q_values = _q_values(contrasts, timings)
    rows = [_rows(contrasts, place) for place in range(len(counts.behaviours))]
    judged = [
        _judged(*each, program)
        for each in zip(counts.behaviours, rows, q_values, timings, strict=True)
    ]
    judged = _with_leaks_passed_on(counts.behaviours, judged)
    candidates = [
        Candidate(place, behaviour.event, rows[place], q_values[place])
        for place, behaviour in enumerate(counts.behaviours)
        if behaviour.property is None and judged[place].verdict == "signal"
    ]
    findings = [_finding(*each) for each in zip(counts.behaviours, judged, q_values, strict=True)]
    n_converted = int(cohorts.converted.sum())
    return Discovery(
        program=program.program,
        as_of=as_of,
        findings=tuple(sorted(findings, key=_rank)),
        aha=find_aha(candidates, counts, cohorts, program),
        n_converted=n_converted,
        n_other=len(cohorts.accounts) - n_converted,
        left_out=cohorts.left_out,
        warnings=_warnings(n_converted, cohorts, as_of),
    )


def _timings(counts: Counts, contrasts: Contrasts, cohorts: Cohorts) -> list[Timing]:
    converted = int(cohorts.converted.sum())
    told = counts.timing[
        [name for name in Timing.__dataclass_fields__ if name in counts.timing.columns]
    ]
    return [
        Timing(
            **{name: int(value) for name, value in row.items()},
            converted=converted,
            ever_share=float(own),
            other_ever_share=float(other),
        )
        for row, own, other in zip(told.to_dict("records"), *contrasts.ever_shares, strict=True)
    ]


def _q_values(contrasts: Contrasts, timings: list[Timing]) -> list[float]:
    """The false discovery rates; leaks are refused without a test, so they help nobody."""
    leaks = np.array([leak_of(timing) is not None for timing in timings])
    chances = np.where(leaks[:, None], np.nan, contrasts.chance.T)
    rates = false_discovery_rates(combined_chance(chances))
    return [float(rate) for rate in np.where(np.isnan(rates), 1.0, rates)]


def _rows(contrasts: Contrasts, place: int) -> tuple[Row, ...]:
    def interval(lift: Lift, *at: int) -> Interval:
        return Interval(*(float(part[at]) for part in lift))

    rows = []
    for number, window in enumerate(contrasts.windows):
        at = number, place
        times = int(contrasts.at_least[at]) or 1
        rows.append(
            Row(
                window=window,
                at_least=times,
                did=int(contrasts.did[at]),
                size=int(contrasts.size[at]),
                other_did=int(contrasts.other_did[at]),
                other_size=int(contrasts.other_size[at]),
                lift=interval(contrasts.lift, *at),
                chance=float(contrasts.chance[at]),
                strata=interval(contrasts.within_strata, *at),
                periods=interval(contrasts.within_periods, *at),
                use=interval(contrasts.within_use, *at),
                by_period=tuple(float(lift) for lift in contrasts.by_period[at]),
                ever=interval(contrasts.ever, AT_LEAST.index(times), place),
            )
        )
    return tuple(rows)


def _judged(
    behaviour: Behaviour, rows: tuple[Row, ...], q_value: float, timing: Timing, program: Program
) -> Judgement:
    if behaviour.event == program.conversion.event:
        return Judgement("leak", "It is the conversion itself.", rows[0])
    return judge(rows, q_value, timing)


def _with_leaks_passed_on(
    behaviours: tuple[Behaviour, ...], judged: list[Judgement]
) -> list[Judgement]:
    """What follows from the purchase does so with every value of its properties."""
    leaks = {
        behaviour.event: judgement.reason
        for behaviour, judgement in zip(behaviours, judged, strict=True)
        if behaviour.property is None and judgement.verdict == "leak"
    }
    return [
        Judgement("leak", leaks[behaviour.event], judgement.row)
        if behaviour.event in leaks
        else judgement
        for behaviour, judgement in zip(behaviours, judged, strict=True)
    ]


def _finding(behaviour: Behaviour, judgement: Judgement, q_value: float) -> Finding:
    row = judgement.row
    return Finding(
        event=behaviour.event,
        property=behaviour.property,
        value=behaviour.value,
        at_least=row.at_least,
        converted_share=row.share,
        other_share=row.other_share,
        lift=row.lift.ratio,
        lift_low=row.lift.low,
        lift_high=row.lift.high,
        q_value=1.0 if judgement.verdict in ("leak", "unsupported") else q_value,
        n_converted=row.size,
        n_other=row.other_size,
        window=row.window,
        verdict=judgement.verdict,
        reason=judgement.reason,
        stability=row.stability,
    )


def _rank(finding: Finding) -> tuple[int, float, str, str, str]:
    return (
        VERDICTS.index(finding.verdict),
        -finding.lift_low,
        finding.event,
        finding.property or "",
        finding.value or "",
    )


def _warnings(n_converted: int, cohorts: Cohorts, as_of: datetime) -> tuple[str, ...]:
    warnings = []
    if n_converted < FEW_CONVERTED:
        warnings.append(
            f"Only {counted(n_converted, 'account')} converted: below {FEW_CONVERTED} all but the "
            "strongest differences stay unsure."
        )
    history = as_of - cohorts.data_from
    if history < SHORT_HISTORY:
        warnings.append(
            f"The data goes back {counted(history.days, 'day')} only: under six months, seasons "
            "and releases cannot be told from behaviour."
        )
    return tuple(warnings)
