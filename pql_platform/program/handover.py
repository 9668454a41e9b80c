"""Whether every lead of a program gets one tier, one owner and one next action.

Tiers, segments and routes are tried in order. A narrow route above a wide one is clear; what can
never be reached is refused, and so are two routes that cross without saying which of them wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import combinations

from pql_platform.program.conditions import Condition
from pql_platform.program.playbooks import webhook_refusals
from pql_platform.program.schema import LEVELS, SMALLEST_SEGMENT, Program
from pql_platform.program.source import Loc, Refusal
from pql_platform.program.suggest import did_you_mean

Conditions = frozenset[tuple[str, str]]


def _tiers(program: Program) -> Iterator[Refusal]:
    for position, tier in enumerate(program.tiers):
        loc: Loc = ("tiers", position)
        if tier.otherwise is (tier.when is not None):
            yield Refusal(loc, "needs either when or otherwise: true", "Keep one of the two")
        if tier.otherwise and position < len(program.tiers) - 1:
            yield Refusal(loc, "otherwise must be the last tier", "Move it to the end")
        if (tier.contact_within is None) is (tier.nurture is None):
            yield Refusal(
                loc,
                "needs either contact_within or nurture",
                "Write contact_within: 24h, or nurture: NAME for leads that nobody calls",
            )
        if tier.escalate_to is not None and tier.contact_within is None:
            yield Refusal((*loc, "escalate_to"), "has no deadline to miss", "Add contact_within")
        if tier.when is not None and tier.when.segment is not None:
            yield from _segment(program, tier.when.segment, (*loc, "when", "segment"))
    if not program.tiers[-1].otherwise:
        yield Refusal(("tiers",), "no tier takes the rest", "End with {tier: 3, otherwise: true}")
    yield from _tier_order(program)


def _tier_order(program: Program) -> Iterator[Refusal]:
    for position in range(1, len(program.tiers)):
        before, tier = program.tiers[position - 1], program.tiers[position]
        loc: Loc = ("tiers", position)
        if tier.tier <= before.tier:
            yield Refusal(
                (*loc, "tier"), f"tier {tier.tier} follows {before.tier}", "Number them from 1 up"
            )
        if before.when is None or tier.when is None:
            continue
        place = (*loc, "when", "score_at_least")
        if tier.when.score_at_least > before.when.score_at_least:
            yield Refusal(place, "is higher than that of the tier before", "Write tiers downwards")
        elif tier.when.score_at_least == before.when.score_at_least and (
            before.when.segment in (None, tier.when.segment)
        ):
            yield Refusal(place, "is never reached: the tier before takes it", "Lower the score")


def _segment(program: Program, segment: str, loc: Loc) -> Iterator[Refusal]:
    known = [name for name, _ in program.segment_rules]
    if segment not in known:
        yield Refusal(loc, f"`{segment}` is no segment", did_you_mean(segment, known))


def _segments(program: Program) -> Iterator[Refusal]:
    rules = list(program.segments.items())
    for position, (name, rule) in enumerate(rules):
        loc: Loc = ("segments", name)
        if not isinstance(rule, Condition):
            if position < len(rules) - 1:
                yield Refusal(loc, "otherwise must be last", "Move it to the end")
            continue
        for before, earlier in rules[:position]:
            if isinstance(earlier, Condition) and _takes_all(earlier, rule):
                message = f"is never reached: {before} takes it"
                yield Refusal(loc, message, f"Move it above {before}")
    if len(program.segment_rules) > len({name for name, _ in program.segment_rules}):
        message = "takes the rest, so it has no condition"
        yield Refusal(("segments", SMALLEST_SEGMENT), message, "Write otherwise, or rename it")


def _takes_all(earlier: Condition, later: Condition) -> bool:
    """Whether every number that satisfies `later` satisfies `earlier`."""
    if earlier == later:
        return True
    if not isinstance(earlier.value, Decimal) or not isinstance(later.value, Decimal):
        return False
    if earlier.op[0] != later.op[0] or earlier.op[0] not in "<>":
        return False
    if earlier.value == later.value:
        return len(earlier.op) >= len(later.op)
    return (earlier.value < later.value) is (later.op[0] == ">")


def _routing(program: Program) -> Iterator[Refusal]:
    routes = program.routing
    for position, route in enumerate(routes):
        loc: Loc = ("routing", position)
        if route.segment is not None:
            yield from _segment(program, route.segment, (*loc, "segment"))
        if route.otherwise and route.conditions:
            yield Refusal(loc, "otherwise has conditions", "Remove otherwise or the conditions")
        elif route.otherwise and position < len(routes) - 1:
            yield Refusal(loc, "otherwise must be the last route", "Move it to the end")
        elif not route.otherwise and not route.conditions:
            yield Refusal(loc, "the route has no condition", "Add segment:, region: or level:")
    if not routes[-1].otherwise:
        hint = "End with {otherwise: true, owner: NAME}"
        yield Refusal(("routing",), "no route takes the rest", hint)
    yield from _overlaps([route.conditions for route in routes if not route.otherwise])


def _overlaps(written: Sequence[Conditions]) -> Iterator[Refusal]:
    for first, second in combinations(range(len(written)), 2):
        above, below = written[first], written[second]
        loc: Loc = ("routing", second)
        if not above or not below:
            continue
        if above == below:
            message = f"overlaps routing[{first}]: the same conditions"
            yield Refusal(loc, message, "Remove one of them")
        elif above < below:
            message = f"overlaps routing[{first}], which takes all its leads"
            yield Refusal(loc, message, f"Move it above routing[{first}]")
        elif _cross(above, below) and not _settled(written[:first], above | below):
            both = ", ".join(f"{key}: {value}" for key, value in sorted(above | below))
            message = f"overlaps routing[{first}]: both take leads with {both}"
            yield Refusal(loc, message, f"Add a route {{{both}, owner: NAME}} above both")


def _cross(above: Conditions, below: Conditions) -> bool:
    if below < above:
        return False
    asked = dict(above)
    return all(asked.get(key, value) == value for key, value in below)


def _settled(earlier: Sequence[Conditions], both: Conditions) -> bool:
    return any(route and route <= both for route in earlier)


def _playbooks(program: Program) -> Iterator[Refusal]:
    signals = ", ".join(signal.name for signal in program.signals)
    for level in LEVELS:
        if level not in program.playbooks:
            yield Refusal(
                ("playbooks",),
                f"no playbook for level {level}: {signals} would lead to no next action",
                f"Add {level}: NAME",
            )
    numbers = {f"tier{tier.tier}": tier for tier in program.tiers}
    for key, tier in numbers.items():
        if tier.nurture is not None and key not in program.playbooks:
            yield Refusal(
                ("playbooks",), f"no playbook for {key}, which is nurtured", f"Add {key}: nurture"
            )
    known = (*LEVELS, *numbers)
    for key in program.playbooks:
        if key not in known:
            yield Refusal(("playbooks", key), "no such level or tier", did_you_mean(key, known))
    yield from webhook_refusals(program.playbooks, program.webhooks)


HANDOVER_RULES: tuple[Callable[[Program], Iterator[Refusal]], ...] = (
    _segments,
    _tiers,
    _routing,
    _playbooks,
)
