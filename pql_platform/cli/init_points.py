"""The last two steps of `pql init`: what signals are worth, how many leads, and who acts.

What the data says of a draft is asked of `calibration.draft_evidence`; the first steps are
`init_steps`, writing the file is `init`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from pql_platform.calibration import proposal
from pql_platform.calibration.aha_proposal import looser_gate, with_advice
from pql_platform.calibration.draft import LEAD_OWNER, TIER_SCORES, TOP_SHARE, Draft, Figure
from pql_platform.calibration.draft_evidence import DraftEvidence, Learned
from pql_platform.calibration.draft_measure import Outcome, Wish, measure
from pql_platform.calibration.points_table import points_rows, table_of
from pql_platform.calibration.thresholds import ThresholdChoice
from pql_platform.cli.guide import Guide
from pql_platform.cli.init_steps import ask_aha, ask_conversion, ask_signals, check_given
from pql_platform.domain.grammar import counted
from pql_platform.errors import PqlError
from pql_platform.qualify.versions import NOBODY

FEWEST_SIGNALS = 3


@dataclass(frozen=True)
class Choices:
    """What was said on the command line.

    Attributes:
        name: Of the program.
        accounts_from: How users become accounts.
        conversion: The conversion event, if given.
        signals: Events of signals, if given.
        capacity: Leads a day, if given.
        owner: Who gets them, if given.
        forced: Why refused signals are taken all the same; None when they are not.
    """

    name: str
    accounts_from: tuple[str, ...]
    conversion: str | None = None
    signals: tuple[str, ...] = ()
    capacity: int | None = None
    owner: str | None = None
    forced: str | None = None


def draft_program(evidence: DraftEvidence, guide: Guide, choices: Choices, source: str) -> Outcome:
    """Go through the five steps.

    Args:
        evidence: Asks the warehouse, at the instant of all figures.
        guide: Whom to ask.
        choices: What was said already.
        source: What there is, for the head of the file.

    Raises:
        PqlError: Something that was chosen cannot be.
    """
    with guide.working("Looking at the events"):
        facts = evidence.facts()
    conversion = ask_conversion(guide, facts, choices.conversion)
    check_given(facts, conversion.event, choices.signals)
    with guide.working("Comparing who bought with who did not"):
        discovery = evidence.findings(conversion.event)
    aha, may_loosen = ask_aha(guide, discovery)
    signals = ask_signals(
        guide, facts, discovery, conversion.event, choices.signals, choices.forced
    )
    events = [one.event for one in signals if one.event is not None]
    draft = Draft(
        name=choices.name,
        source=f"{source}, of {counted(facts.accounts, 'account')}",
        as_of=evidence.as_of,
        accounts_from=choices.accounts_from,
        conversion=proposal.conversion_figure(conversion, facts),
        aha=aha,
        value_metric=proposal.value_metric(facts),
        core_events=tuple(proposal.core_events(facts, discovery, conversion.event, events)),
        signals=signals,
        weights=proposal.default_weights(signals, ""),
        points={},
        threshold=Figure((TOP_SHARE, choices.capacity or 1), ""),
        tiers=Figure(TIER_SCORES, ""),
        tiers_by_size=facts.knows_size,
        lead_owner=Figure(choices.owner or LEAD_OWNER, ""),
        remarks=discovery.warnings,
    )
    draft = _try_gate(evidence, guide, draft, may_loosen)
    outcome = _ask_points(evidence, guide, draft, choices)
    return replace(outcome, draft=_ask_routing(guide, outcome.draft, choices.owner))


def _try_gate(evidence: DraftEvidence, guide: Guide, draft: Draft, may_loosen: bool) -> Draft:
    """See whether the aha moment lets pass at least half of those who score enough.

    What was proposed is made easier to reach until it does; what was chosen stays, with a remark.
    """
    nothing = Learned(None, None, {}, "")
    while draft.aha.value is not None:
        with guide.working("Trying the aha moment as a gate"):
            outcome = measure(evidence, draft, nothing, Wish())
        if not outcome.gate_is_tight:
            break
        said = (
            f"As a gate the aha moment keeps out {outcome.kept_out:,} of {outcome.over:,} accounts "
            "that score enough"
        )
        if not may_loosen:
            draft = replace(draft, remarks=(*draft.remarks, f"{said}."))
            break
        looser = looser_gate(draft.aha, outcome.over, outcome.kept_out)
        guide.say(f"{said}: {'once is enough then' if looser.value else 'it is no gate then'}.")
        draft = replace(draft, aha=looser)
    return replace(draft, aha=with_advice(draft.aha))


def _ask_points(evidence: DraftEvidence, guide: Guide, draft: Draft, choices: Choices) -> Outcome:
    """Step 4."""
    guide.step(4, "What signals are worth, and how many leads")
    with guide.working("Learning from past dates"):
        draft, learned = _learn(evidence, draft, choices)
    wish, outcome = Wish(capacity=choices.capacity), None
    while True:
        with guide.working("Scoring everybody"):
            outcome = measure(evidence, draft, learned, wish)
        _show(guide, outcome, learned)

        def understand(written: str, before: Wish = wish) -> Wish:
            return _understood(written, before)

        wanted = guide.ask(
            "the leads that sales can answer in a day, or a share such as 10 %, or `default` "
            "for 35/25/25/15",
            understand,
            wish,
        )
        if wanted is wish:
            return outcome
        wish = wanted


def _learn(evidence: DraftEvidence, draft: Draft, choices: Choices) -> tuple[Draft, Learned]:
    """Learn from past dates; what turns out to give the purchase away is refused or left out."""
    while True:
        learned = evidence.learned(draft.program())
        bad = [one for one in draft.signals if one.name in learned.leaks and one.forced is None]
        if not bad:
            return _warned(draft), learned
        said = (
            f"{bad[0].event or bad[0].name} gives the purchase away: {learned.leaks[bad[0].name]}"
        )
        if choices.signals and choices.forced is None:
            raise PqlError(said, hint="Choose another, or give --force --why TEXT")
        if choices.signals:
            kept = replace(bad[0], forced=f"{said}. Why all the same: {choices.forced}")
            signals = tuple(kept if one is bad[0] else one for one in draft.signals)
            draft = replace(draft, signals=signals)
            continue
        draft = replace(
            draft,
            signals=tuple(one for one in draft.signals if one is not bad[0]),
            remarks=(*draft.remarks, f"{said}; it was left out."),
        )


def _warned(draft: Draft) -> Draft:
    if len(draft.signals) >= FEWEST_SIGNALS:
        return draft
    remark = (
        f"Only {counted(len(draft.signals), 'signal')}: nothing else tells buyers apart surely in "
        "this data. Run `pql discover` again when there are more conversions."
    )
    return replace(draft, remarks=(*draft.remarks, remark))


def _understood(written: str, before: Wish) -> Wish:
    number = written.removesuffix("%").strip()
    if written == "default":
        return replace(before, fitted=False)
    if not number.isdecimal() or not 0 < int(number) <= 100_000:
        raise PqlError(f"{written!r} is not understood", hint="Write 5, 10 % or default")
    if written.endswith("%"):
        if int(number) > 100:
            raise PqlError(f"{written} is more than everybody", hint="10 % to 15 % are usual")
        return replace(before, top_share=Decimal(number) / 100)
    return replace(before, capacity=int(number))


def _show(guide: Guide, outcome: Outcome, learned: Learned) -> None:
    draft, choice = outcome.draft, outcome.choice
    program = draft.program()
    table = (
        learned.table
        if draft.points and learned.table
        else table_of(program, program.max_points, {})
    )
    rows = points_rows(table, program)
    guide.table(
        ("kind", "weight", "signal", "full from", "points"),
        [(row.category, row.weight, row.signal, row.full_at, row.points) for row in rows],
    )
    guide.say(draft.weights.evidence)
    guide.say(draft.threshold.evidence)
    _show_queue(guide, choice, draft)
    for warning in choice.warnings:
        guide.say(f"Warning: {warning}")


def _show_queue(guide: Guide, choice: ThresholdChoice, draft: Draft) -> None:
    if not choice.risks or choice.enter == NOBODY:
        return
    guide.say(f"What thresholds would mean for sales, with {draft.threshold.value[1]:,} a day:")
    guide.table(
        ("threshold", "leads a day", "to contact a day", "of capacity", "too late"),
        [
            (
                f"{risk.threshold:g}{' <' if risk.threshold == float(choice.enter) else ''}",
                f"{risk.leads_per_day:.1f}",
                f"{risk.contacts_per_day:.1f}",
                f"{risk.load:.0%}",
                f"{risk.share_late:.0%}",
            )
            for risk in choice.risks
        ],
    )


def _ask_routing(guide: Guide, draft: Draft, given: str | None) -> Draft:
    """Step 5."""
    guide.step(5, "Who acts, and by when")
    first, second = draft.tiers.value
    size = " of an enterprise" if draft.tiers_by_size else ""
    guide.table(
        ("tier", "who", "contact within"),
        [
            (1, f"{first} points or more{size}", "2 hours, then the manager hears of it"),
            (2, f"{second} points or more", "24 hours"),
            (3, "the rest", "no call, a nurture sequence"),
        ],
    )
    guide.say(draft.tiers.evidence)
    owner = given or guide.ask(
        f"who gets the leads (proposed: {LEAD_OWNER})", _owner, draft.lead_owner.value
    )
    said = "Everybody to one queue; add routes by segment and region above it, such as"
    example = "  - {segment: enterprise, region: EMEA, owner: ae.emea}"
    return replace(draft, lead_owner=Figure(owner, f"{said}\n{example}"))


def _owner(written: str) -> str:
    if not written.isprintable() or len(written) > 200:
        raise PqlError("That is no name", hint="Write a person or a queue")
    return written
