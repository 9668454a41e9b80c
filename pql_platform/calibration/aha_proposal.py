"""Which aha moment a starter program should have, and whether as a gate.

Discovery says what stands out; a gate must also let pass those who buy, so the two are not always
the same. Pure; the other steps are `proposal`.
"""

from __future__ import annotations

from dataclasses import replace

from pql_platform.calibration.aha import Aha
from pql_platform.calibration.discovery import Discovery, Finding
from pql_platform.calibration.draft import Figure
from pql_platform.calibration.event_naming import category_of
from pql_platform.calibration.proposal import whole_events

HALF_REACH_IT = 0.5
"""Of the converted: a gate that most of them never passed keeps out more leads than it finds."""


def aha_candidates(discovery: Discovery) -> list[Figure]:
    """Aha moments, the one to propose first; none where no behaviour of the first days is a signal.

    The moment with the highest lift comes first, unless it is about the paid plan and not about
    the product, or most of those who converted did without it: who has not reached the aha moment
    is no lead.
    """
    aha = discovery.aha
    early = [
        one
        for one in whole_events(discovery)
        if one.verdict == "signal" and one.window == "first_14_days"
    ]
    found: list[tuple[Figure, Aha | Finding]] = (
        [(_aha_figure(aha, aha.within_days), aha)] if aha is not None else []
    )
    found += [(_aha_figure(one, 14), one) for one in early if not aha or one.event != aha.event]
    ordered = [figure for figure, one in sorted(found, key=lambda pair: not _shows_value(pair[1]))]
    if ordered and aha is not None and ordered[0] is not found[0][0]:
        said = (
            f" {aha.event} stands out more, but it is about the paid plan, or most who bought did "
            "without it."
        )
        ordered[0] = replace(ordered[0], evidence=ordered[0].evidence + said)
    return ordered


def _shows_value(found: Aha | Finding) -> bool:
    is_about_paying = category_of(found.event)[0] == "feature_adoption"
    return not is_about_paying and found.converted_share >= HALF_REACH_IT


def _aha_figure(found: Aha | Finding, within_days: int) -> Figure:
    return Figure(
        {"event": found.event, "at_least": found.at_least, "within_days": within_days},
        f"{found.converted_share:.0%} of the converted reached it, {found.other_share:.0%} of the "
        f"others: {found.lift:.1f} times as often ({found.lift_low:.1f} to {found.lift_high:.1f}).",
    )


NO_AHA = Figure(
    None,
    "No behaviour of the first days stands out, so there is no aha moment here. Ask customers when "
    'they understood the value, then add: aha: {event: "EVENT", at_least: 1, within_days: 14}',
)


def with_advice(aha: Figure) -> Figure:
    """An aha moment with what is left to do about it."""
    if aha.value is None:
        return aha
    return replace(
        aha,
        evidence=f"{aha.evidence} Who has not reached it is no lead. Ask customers whether it is "
        'true, then add who did, as validated_by: "8 interviews, 2026-09".',
    )


def looser_gate(aha: Figure, over: int, kept_out: int) -> Figure:
    """An aha moment that keeps out more than half of those who score enough, made easier to reach.

    Once instead of several times; if it was once already, none.

    Args:
        aha: The aha moment.
        over: Accounts that score enough to be leads.
        kept_out: Those of them that have not reached it.
    """
    event, times = aha.value["event"], aha.value["at_least"]
    said = f"keep out {kept_out:,} of {over:,} accounts that score enough"
    if times > 1:
        return Figure(
            {**aha.value, "at_least": 1},
            f"{aha.evidence} As a gate {times} times would {said}, so once is enough here.",
        )
    return Figure(
        None,
        f"{event} stands out: {aha.evidence} As a gate it would {said}, so none is written. To "
        f'have it: aha: {{event: "{event}", at_least: 1, within_days: {aha.value["within_days"]}}}',
    )
