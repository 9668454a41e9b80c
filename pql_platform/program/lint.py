"""What must hold between the keys of a program: each breach is a refusal with its place.

The rules of what is scored are here, those of who gets a lead in `handover`. Shapes and ranges of
single keys are in the models; what is allowed but unwise is in `advice`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from pql_platform.domain.points import CAP, FLOOR, SINGLE_USER_CAP, TEAM_SPREAD
from pql_platform.program.conditions import Condition
from pql_platform.program.handover import HANDOVER_RULES
from pql_platform.program.lists import BUILTIN, WELL_KNOWN
from pql_platform.program.schema import Program
from pql_platform.program.signals import (
    ACTIVITY_MEASURES,
    DAY_MEASURES,
    TEAM_MEASURES,
    NamesEvents,
    Signal,
)
from pql_platform.program.source import Loc, Refusal
from pql_platform.program.suggest import closest, did_you_mean

_OWN_NAMES = (CAP, FLOOR, SINGLE_USER_CAP, TEAM_SPREAD)


def refusals(program: Program) -> tuple[Refusal, ...]:
    """Everything about a program that must be changed before it can be used."""
    return tuple(refusal for rule in _RULES for refusal in rule(program))


def _weights(program: Program) -> Iterator[Refusal]:
    total = sum(program.weights.values(), Decimal(0))
    if total != 100:
        change = f"add {100 - total}" if total < 100 else f"take away {total - 100}"
        yield Refusal(("weights",), f"weights add up to {total}, not 100", f"Please {change}")


def _points(program: Program) -> Iterator[Refusal]:
    known = [signal.name for signal in program.signals]
    for name in program.points:
        if name not in known:
            yield Refusal(("points", name), f"`{name}` is no signal", did_you_mean(name, known))
    for category, signals in program.signals_by_category.items():
        named = [signal.name for signal in signals if signal.name in program.points]
        missing = [signal.name for signal in signals if signal.name not in program.points]
        if not named:
            continue
        weight = program.weights.get(category, Decimal(0))
        total = sum((program.points[name] for name in named), Decimal(0))
        left = f" (what is left is {weight - total:f})" if total <= weight else ""
        if missing:
            yield Refusal(
                ("points",),
                f"names {named[0]} and not {missing[0]}, which is {category} too",
                f"Add `{missing[0]}:` with its points, or 0{left}",
            )
        elif total != weight:
            less = total < weight
            change = f"add {weight - total:f}" if less else f"take away {total - weight:f}"
            yield Refusal(
                ("points", named[-1]),
                f"the points of {category} add up to {total:f}, not to its weight {weight:f}",
                f"Please {change}, or change weights.{category}",
            )


def _names(program: Program) -> Iterator[Refusal]:
    places: dict[str, Loc] = {}
    for section in ("signals", "compounds", "negative"):
        for position, entry in enumerate(getattr(program, section)):
            loc = (section, position, "name")
            if entry.name in _OWN_NAMES:
                message = f"`{entry.name}` names a limit or the spread of a score itself"
                yield Refusal(loc, message, "Choose another name")
            if entry.name in places:
                first = f"{places[entry.name][0]}[{places[entry.name][1]}]"
                yield Refusal(loc, f"`{entry.name}` is already {first}", "Names must be unique")
            places.setdefault(entry.name, loc)


def _events(program: Program) -> Iterator[Refusal]:
    for position, signal in enumerate(program.signals):
        yield from _event_names(program, signal, ("signals", position))
        if signal.counts_any_activity and signal.any_of is None:
            yield from _any_activity(program, signal, ("signals", position))
    if program.aha is not None:
        yield from _event_names(program, program.aha, ("aha",))
        if not program.aha.events:
            yield Refusal(("aha",), "names no event", "Add event: or any_of:")
    if program.conversion.event in program.core_events:
        yield Refusal(("core_events",), "holds the conversion event", "Remove it")


def _event_names(program: Program, section: NamesEvents, loc: Loc) -> Iterator[Refusal]:
    if section.event is not None and section.any_of is not None:
        yield Refusal((*loc, "any_of"), "stands beside event", "Keep one of the two")
    doubled = [event for event, times in Counter(section.events).items() if times > 1]
    if doubled:
        yield Refusal((*loc, "any_of"), f"names `{doubled[0]}` twice", "Name it once")
    if program.conversion.event in section.events:
        yield Refusal(
            (*loc, "event" if section.any_of is None else "any_of"),
            f"`{program.conversion.event}` is the conversion itself, which predicts nothing",
            "Use what people do before they buy",
        )


def _any_activity(program: Program, signal: Signal, loc: Loc) -> Iterator[Refusal]:
    if signal.measure not in ACTIVITY_MEASURES:
        yield Refusal(loc, f"`{signal.measure}` needs an event", "Add event: or any_of:")
    elif not program.meaningful_events:
        yield Refusal(
            loc,
            "counts meaningful activity, but the program names no event that is meaningful",
            "Add core_events: or event:",
        )


def _account_values(program: Program) -> Iterator[Refusal]:
    for position, signal in enumerate(program.signals):
        if signal.measure in TEAM_MEASURES and not signal.counts_team:
            yield Refusal(
                ("signals", position, "account_value"),
                f"`{signal.measure}` is a value of the whole account: no single user has one",
                "Remove account_value, or write team",
            )


def _plans(program: Program) -> Iterator[Refusal]:
    both = [plan for plan in program.plans.trial if plan in program.plans.freemium]
    if both:
        freemium = ", ".join(program.plans.freemium)
        message = f"`{both[0]}` is among the freemium plans too"
        yield Refusal(("plans", "trial"), message, f"Keep it in one: freemium is [{freemium}]")
    if program.profile != "any" and not getattr(program.plans, program.profile):
        yield Refusal(
            ("plans", program.profile),
            f"names no plan, so the program of profile {program.profile} would score nobody",
            "Name the plans as the product sends them",
        )


def _thresholds(program: Program) -> Iterator[Refusal]:
    signals = {signal.name: signal for signal in program.signals}
    for position, signal in enumerate(program.signals):
        yield from _reachable(signal, signal.threshold, ("signals", position, "threshold"))
    for position, compound in enumerate(program.compounds):
        for name, needed in compound.all.items():
            if name in signals:
                yield from _reachable(signals[name], needed, ("compounds", position, "all", name))
    margin, enter = program.threshold.leave_margin, program.threshold.enter
    if isinstance(enter, Decimal) and margin >= enter:
        yield Refusal(
            ("threshold", "leave_margin"),
            f"a lead that enters at {enter} could never leave {margin} below",
            "Make leave_margin smaller than enter",
        )


def _reachable(signal: Signal, needed: Decimal, loc: Loc) -> Iterator[Refusal]:
    if signal.measure == "ever" and needed != 1:
        yield Refusal(loc, f"{needed:f} is out of range: `ever` is 0 or 1", "Write 1, or use count")
    days = signal.window_days
    if signal.measure in DAY_MEASURES and needed > days:
        yield Refusal(
            loc,
            f"{needed:f} is out of range: a window of {days} days has only {days}",
            f"Write {days} or less, or widen window_days",
        )
    if signal.lower_is_better and needed >= days:
        yield Refusal(
            loc,
            f"{needed:f} is out of range: everybody seen in the last {days} days would reach it",
            f"Write less than {days}, or widen window_days",
        )


def _compounds(program: Program) -> Iterator[Refusal]:
    known = [signal.name for signal in program.signals]
    # A category that carries weight and has no signal yet marks a draft: its compounds may name
    # signals still to come (`advice` says that they earn nothing). A near miss is a misspelling.
    draft = any(
        not signals and program.weights.get(category)
        for category, signals in program.signals_by_category.items()
    )
    for position, compound in enumerate(program.compounds):
        for name in compound.all:
            if name not in known and (not draft or closest(name, known)):
                loc = ("compounds", position, "all", name)
                yield Refusal(loc, f"`{name}` is no signal", did_you_mean(name, known))


def _lists(program: Program) -> Iterator[Refusal]:
    for name, entries in program.lists.items():
        if name in BUILTIN:
            yield Refusal(("lists", name), "is a built-in list", "Give yours another name")
        for position, entry in enumerate(entries):
            if entry.startswith("@") and entry[1:] not in BUILTIN:
                hint = did_you_mean(entry[1:], BUILTIN)
                yield Refusal(("lists", name, position), f"`{entry}` is not built in", hint)
    conditions: dict[Loc, Condition] = {
        ("negative", position, "when"): penalty.when
        for position, penalty in enumerate(program.negative)
    } | {("fit", "require", field): need for field, need in program.fit.require.items()}
    known = tuple(dict.fromkeys((*BUILTIN, *WELL_KNOWN, *program.lists)))
    for loc, condition in conditions.items():
        if condition.list_name is not None and condition.list_name not in known:
            hint = did_you_mean(condition.list_name, known)
            yield Refusal(loc, f"`@{condition.list_name}` is no list", hint)


def _repeats(program: Program) -> Iterator[Refusal]:
    listed: Mapping[Loc, tuple[str, ...]] = {
        ("accounts", "from"): program.accounts.from_,
        ("fit", "exclude"): program.fit.exclude,
        ("plans", "trial"): program.plans.trial,
        ("plans", "freemium"): program.plans.freemium,
    }
    for loc, values in listed.items():
        if len(set(values)) < len(values):
            yield Refusal(loc, "names something twice", "Name it once")


_RULES: tuple[Callable[[Program], Iterator[Refusal]], ...] = (
    _weights,
    _points,
    _names,
    _events,
    _account_values,
    _plans,
    _thresholds,
    _compounds,
    _lists,
    _repeats,
    *HANDOVER_RULES,
)
