"""What a program may do but had better not: warnings with the reason.

Nothing here refuses a program; that is `lint`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from pql_platform.program.lists import BUILTIN, WELL_KNOWN, is_defined
from pql_platform.program.schema import Program
from pql_platform.program.signals import Signal
from pql_platform.program.suggest import closest, odd_letters

MOST_SIGNALS = 5
"""Items 50 and 51 of the requirements: twelve inputs are no better than five."""

HEALTHY_SHARE = (Decimal("0.05"), Decimal("0.15"))
"""Item 98: the share of free sign-ups that may be leads."""

LONGEST_WAIT = timedelta(days=3)
"""Item 109: three days in a queue and the lead is none any more."""

REGIONS = ("AMER", "EMEA", "APAC")
"""Regions that are derived from an account's country; others must be sent as a trait."""

_TRUTHS = {"yes": "true", "no": "false", "on": "true", "off": "false"}
"""What YAML 1.1 took for true and false, and 1.2 takes for text."""

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_LOGIN_WORDS = {"login", "logon", "signin"}
_LOGIN_VERBS = {"log", "logs", "logged", "sign", "signs", "signed"}


def advice(program: Program) -> tuple[str, ...]:
    """Warnings about a program, one sentence each."""
    return tuple(warning for rule in _RULES for warning in rule(program))


def _signals(program: Program) -> Iterator[str]:
    count = len(program.signals)
    if count > MOST_SIGNALS:
        yield f"{count} signals: 3-5 are enough, more are rarely better and harder to explain"
    for signal in program.signals:
        if _is_vanity(signal):
            yield (
                f"{signal.name} counts {signal.events[0]}, which is easy to measure but says "
                "little about buying: count something of value instead"
            )
    if not any(signal.speakable for signal in program.signals):
        yield "no signal is speakable: the first message can name nothing the customer did"


def _is_vanity(signal: Signal) -> bool:
    return bool(signal.events) and all(map(_is_login, signal.events))


def _is_login(event: str) -> bool:
    words = [word.lower() for word in _WORD.findall(event)]
    pairs = pairwise(words)
    return not _LOGIN_WORDS.isdisjoint(words) or any(
        verb in _LOGIN_VERBS and particle == "in" for verb, particle in pairs
    )


def _categories(program: Program) -> Iterator[str]:
    most = program.max_points
    used = [category for category, signals in program.signals_by_category.items() if signals]
    if len(used) == 1:
        yield f"only {used[0]} is used: no single category is enough to tell who will buy"
    for category, signals in program.signals_by_category.items():
        weight = program.weights.get(category, Decimal(0))
        if weight and not signals:
            yield f"{category} has weight {weight:f} but no signal: nobody can earn these points"
        for signal in signals:
            if not most[signal.name] and signal.name not in program.points:
                shared = f" for {len(signals)} signals" if weight else ""
                yield f"{signal.name} earns no points: {category} has weight {weight:f}{shared}"


def _compounds(program: Program) -> Iterator[str]:
    known = {signal.name for signal in program.signals}
    for compound in program.compounds:
        missing = [name for name in compound.all if name not in known]
        if missing:
            yield f"{compound.name} can never be reached: no signal is called {', '.join(missing)}"


def _aha(program: Program) -> Iterator[str]:
    if program.aha is None:
        yield "no aha moment: run discovery, then write down the action that shows the value"
    elif program.aha.validated_by is None:
        yield "the aha moment is not signed off: validate it in interviews and fill validated_by"


def _lists(program: Program) -> Iterator[str]:
    named = [*program.fit.exclude]
    named += [p.when.list_name for p in program.negative if p.when.list_name is not None]
    named += [n.list_name for n in program.fit.require.values() if n.list_name is not None]
    for name in dict.fromkeys(named):
        if not is_defined(program, name):
            others = [other for other in (*program.lists, *BUILTIN, *WELL_KNOWN) if other != name]
            meant = closest(name, others)
            question = f" (did you mean {meant}?)" if meant else ""
            effect = "nobody is excluded" if name in program.fit.exclude else "nobody is in it"
            yield f"{name} is empty: {effect}{question}"


def _volume(program: Program) -> Iterator[str]:
    low, high = HEALTHY_SHARE
    share = program.threshold.top_share
    if not low <= share <= high:
        yield f"top_share {share:.0%} is outside the healthy {low:.0%} to {high:.0%}"


def _tiers(program: Program) -> Iterator[str]:
    highest = sum(program.max_points.values(), program.account_rule.spread_points)
    highest += sum((compound.points for compound in program.reachable_compounds), Decimal(0))
    for tier in program.tiers:
        if tier.when is not None and tier.when.score_at_least > highest:
            yield f"tier {tier.tier} is never reached: the highest possible score is {highest:f}"
        if tier.contact_within is not None and tier.contact_within > LONGEST_WAIT:
            yield f"tier {tier.tier} waits more than {LONGEST_WAIT.days} days: intent fades sooner"


def _account_rule(program: Program) -> Iterator[str]:
    cap, enter = program.account_rule.single_user_cap, program.threshold.enter
    if isinstance(enter, Decimal) and cap < enter:
        yield (
            f"single_user_cap {cap:f} is below the threshold of {enter:f}: an account with one "
            "engaged user never qualifies, however busy that user is"
        )


def _profile(program: Program) -> Iterator[str]:
    if program.profile != "any" and program.motion == "expansion":
        yield (
            f"profile {program.profile} of an expansion program: only accounts that pay and are "
            "still on such a plan are scored, which is hardly anybody"
        )


def _where(program: Program) -> Iterator[str]:
    for signal in program.signals:
        for path, wanted in signal.where.items():
            for value in wanted if isinstance(wanted, tuple) else (wanted,):
                if isinstance(value, str) and value.lower() in _TRUTHS:
                    yield (
                        f"{signal.name} wants {path} to be the text {value}: write "
                        f"{_TRUTHS[value.lower()]} if what the events carry is true or false"
                    )


def _letters(program: Program) -> Iterator[str]:
    sections = (*program.signals, *([program.aha] if program.aha else []))
    named = [event for section in sections for event in section.events]
    for event in dict.fromkeys((program.conversion.event, *named, *program.core_events)):
        if odd := odd_letters(event):
            yield f"the event {event} has letters that only look alike{odd}: is it what is sent?"


def _routing(program: Program) -> Iterator[str]:
    for region in dict.fromkeys(route.region for route in program.routing):
        if region is not None and region not in REGIONS:
            yield (
                f"region {region} is none of {', '.join(REGIONS)}: only accounts that send it as "
                "their own region match"
            )


def _rollout(program: Program) -> Iterator[str]:
    rollout = program.rollout
    if rollout.stage != "shadow" and (rollout.by is None or rollout.on is None):
        yield f"rollout is {rollout.stage} without a recorded decision: add by and on"


_RULES: tuple[Callable[[Program], Iterator[str]], ...] = (
    _signals,
    _categories,
    _compounds,
    _aha,
    _lists,
    _volume,
    _tiers,
    _account_rule,
    _profile,
    _where,
    _letters,
    _routing,
    _rollout,
)
