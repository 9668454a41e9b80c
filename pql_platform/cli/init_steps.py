"""The first three steps of `pql init`: the purchase, the aha moment, the signals.

What is proposed comes from `pql_platform.calibration`; here it is shown and asked. What the signals
are worth and who acts is `init_points`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pql_platform.calibration import aha_proposal, proposal
from pql_platform.calibration.discovery import Discovery, Finding
from pql_platform.calibration.draft import DraftSignal, Figure
from pql_platform.calibration.event_naming import category_of
from pql_platform.calibration.product_facts import (
    EventFacts,
    ProductFacts,
    conversion_candidates,
)
from pql_platform.cli.guide import Guide
from pql_platform.errors import PqlError
from pql_platform.program.signals import CATEGORIES, Category
from pql_platform.program.suggest import did_you_mean

Row = TypeVar("Row")

SHOWN = 12
"""Rows of a table that one chooses from."""

_PICK = re.compile(
    rf"(?P<event>.+?)\s*(:\s*(?P<category>{'|'.join(CATEGORIES)}))?\s*(>=\s*(?P<least>[0-9]+))?"
)
_LIKENESS = ("no", "somewhat", "yes")


@dataclass(frozen=True)
class Pick:
    """A signal that was asked for: an event, and what is to be other than proposed."""

    event: str
    category: Category | None = None
    at_least: int | None = None


def ask_conversion(guide: Guide, facts: ProductFacts, given: str | None) -> EventFacts:
    """Step 1.

    Raises:
        PqlError: The event never occurs, or none was given and none is likely.
    """
    guide.step(1, "The purchase that is predicted")
    by_name = {one.event: one for one in facts.events}
    if given is not None:
        return _known(by_name, given)
    candidates = list(conversion_candidates(facts))[:SHOWN]
    guide.say(f"Events that some accounts have, and mostly once, of {facts.accounts:,} accounts:")
    guide.table(
        ("", "event", "accounts", "once", "sounds like a purchase"),
        [
            (number, one.event, one.accounts, f"{one.once_share:.0%}", _LIKENESS[one.likeness])
            for number, one in enumerate(candidates, start=1)
        ],
    )
    proposed = candidates[0] if candidates and candidates[0].likeness else None
    guide.say(f"Proposed: {proposed.event}" if proposed else "No name sounds like a purchase.")

    def understand(written: str) -> EventFacts:
        return _numbered(candidates, written) or _known(by_name, written)

    chosen = guide.ask("the number or the name of another event", understand, proposed)
    if chosen is None:
        raise PqlError("No event looks like a purchase", hint="Give --conversion EVENT")
    return chosen


def check_given(facts: ProductFacts, conversion: str, given: Sequence[str]) -> None:
    """Refuse given signals that cannot be before anything takes its time.

    Raises:
        PqlError: One never occurs, or is the purchase.
    """
    by_name = {one.event: one for one in facts.events}
    for written in given:
        event = _pick(written, ()).event
        _known(by_name, event)
        _refuse_purchase(event, conversion)


def ask_aha(guide: Guide, discovery: Discovery) -> tuple[Figure, bool]:
    """Step 2.

    Returns:
        The aha moment, a figure without a value where there is none, and whether it is the proposal
        and may be made a looser gate.
    """
    guide.step(2, "The moment at which users first get the value")
    candidates = aha_proposal.aha_candidates(discovery)[:SHOWN]
    guide.table(
        ("", "event", "times", "in days", "evidence"),
        [(number, *one.value.values(), one.evidence) for number, one in enumerate(candidates, 1)],
    )
    if not candidates:
        guide.say(aha_proposal.NO_AHA.evidence)
        return aha_proposal.NO_AHA, True

    def understand(written: str) -> Figure | None:
        if written == "0":
            return None
        found = _numbered(candidates, written)
        if found is None:
            raise PqlError(f"There is no row {written}", hint="Give a number, or 0 for none")
        return found

    first: Figure | None = candidates[0]
    chosen = guide.ask("the number of another one, or 0 for none", understand, first)
    return chosen or Figure(None, "None was wanted."), chosen is first


def ask_signals(
    guide: Guide,
    facts: ProductFacts,
    discovery: Discovery,
    conversion: str,
    given: Sequence[str],
    forced: str | None,
) -> tuple[DraftSignal, ...]:
    """Step 3.

    Args:
        guide: Whom to ask.
        facts: The product.
        discovery: What was found.
        conversion: The purchase, which is no signal.
        given: Events from the command line; none for the proposal.
        forced: Why refused signals are taken all the same; None refuses them.

    Raises:
        PqlError: A given event never occurs or must not be a signal.
    """
    guide.step(3, "Three to five signals")
    findings = [one for one in proposal.whole_events(discovery) if one.event != conversion]
    listed: list[Finding | EventFacts] = [*findings] or [
        one for one in facts.events if one.event != conversion
    ]
    proposed = [Pick(one.event) for one in proposal.proposed_events(discovery, facts)]
    _show(guide, listed[: 2 * SHOWN], {pick.event for pick in proposed})
    known: dict[str, Finding | EventFacts] = {one.event: one for one in facts.events}
    known |= {one.event: one for one in findings}

    def understand(written: Sequence[str]) -> tuple[DraftSignal, ...]:
        picks = [_pick(part, listed) for part in written]
        return _signals(picks, known, conversion, forced)

    if given:
        return understand(given)
    return guide.ask(
        "the numbers you want, with your own category or threshold: 1, 3:viral, 5>=2",
        lambda written: understand([part.strip() for part in written.split(",") if part.strip()]),
        _signals(proposed, known, conversion, forced),
    )


def _show(guide: Guide, listed: Sequence[Finding | EventFacts], proposed: set[str]) -> None:
    guide.table(
        ("", "event", "kind", "times", "converted / others", "lift", "verdict"),
        [
            (f"{number}{'*' if one.event in proposed else ''}", one.event, *_row(one))
            for number, one in enumerate(listed, start=1)
        ],
    )
    guide.say(
        "* is proposed; sessions of real work come beside them. Leaks, vanity thresholds and "
        "logins are refused without --force; `pql discover` says more about each verdict."
    )


def _row(one: Finding | EventFacts) -> tuple[object, ...]:
    kind = category_of(one.event)[0].replace("_", " ")
    if not isinstance(one, Finding):
        return kind, 1, f"{one.accounts:,} accounts", "", "unknown"
    shares = f"{one.converted_share:.0%} / {one.other_share:.0%}"
    return kind, one.at_least, shares, f"{one.lift:.1f}", one.verdict


def _signals(
    picks: Sequence[Pick],
    known: Mapping[str, Finding | EventFacts],
    conversion: str,
    forced: str | None,
) -> tuple[DraftSignal, ...]:
    signals: list[DraftSignal] = []
    for pick in picks:
        found = _known(known, pick.event)
        _refuse_purchase(pick.event, conversion)
        refused = proposal.refusal(pick.event, found if isinstance(found, Finding) else None)
        if refused is not None and forced is None:
            raise PqlError(refused.rstrip("."), hint="Choose another, or give --force --why TEXT")
        signals.append(
            proposal.signal_of(
                found,
                [one.name for one in signals],
                category=pick.category,
                at_least=pick.at_least,
                forced=f"{refused.rstrip('.')}. Why all the same: {forced}" if refused else None,
            )
        )
    if not any(one.category == "frequency" for one in signals):
        signals.append(proposal.sessions_signal([one.name for one in signals]))
    return tuple(signals)


def _refuse_purchase(event: str, conversion: str) -> None:
    if event == conversion:
        raise PqlError(
            f"{conversion} is the purchase itself, which predicts nothing",
            hint="Use what people do before they buy",
        )


def _pick(written: str, listed: Sequence[Finding | EventFacts]) -> Pick:
    match = _PICK.fullmatch(written)
    if match is None:
        raise PqlError(f"{written!r} names no event", hint="Write 3, 3:viral or 3>=2")
    row = _numbered(listed, match["event"])
    return Pick(
        row.event if row is not None else match["event"],
        next((one for one in CATEGORIES if one == match["category"]), None),
        int(match["least"]) if match["least"] else None,
    )


def _numbered(rows: Sequence[Row], written: str) -> Row | None:
    """The row of a number as it was shown, counted from 1."""
    place = int(written) if written.isdecimal() else 0
    return rows[place - 1] if 1 <= place <= len(rows) else None


def _known(by_name: Mapping[str, Row], event: str) -> Row:
    found = by_name.get(event)
    if found is None:
        raise PqlError(
            f"The event {event} never occurs in the data", hint=did_you_mean(event, by_name)
        )
    return found
