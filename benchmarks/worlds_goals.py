"""What calibration must reach on the planted worlds, and whether it does.

Each goal is a figure over some of the worlds, with what was wanted of it; a goal of which no world
tells anything is neither met nor missed. Figures without a goal stand beside, as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.worlds_outcome import Fitted, Outcome
from benchmarks.worlds_truth import Kind
from benchmarks.worlds_vocabulary import CATEGORY_OF, SIGNAL_OF
from pql_platform.calibration.backtest import ACTIVITY, CEILING, DEFAULTS, PROPOSED

SHARE_TOLERANCE = 0.01
"""How far the share let in may be from the share asked for."""

CAUSAL: tuple[Kind, ...] = ("strong", "weak", "leaking", "confounded", "drifting")
"""Worlds in which there is something to rank by, and enough to learn it from."""


@dataclass(frozen=True)
class Goal:
    """A figure, and what was wanted of it.

    Attributes:
        title: What was measured.
        wanted: In words; empty for a figure without a goal.
        found: In words.
        met: None for a figure without a goal, and where no world tells anything.
        worlds: How many worlds the figure is made of.
        exceptions: Numbers of the worlds that do not have what was wanted.
    """

    title: str
    wanted: str
    found: str
    met: bool | None
    worlds: int
    exceptions: tuple[int, ...] = ()


def judge(outcomes: Sequence[Outcome], asked_share: float) -> tuple[Goal, ...]:
    """Hold what became of the worlds against the goals.

    Args:
        outcomes: Of every world that was calibrated.
        asked_share: The share of the population that the program wants to let in.
    """
    strong, null = _of(outcomes, "strong"), _of(outcomes, "null")
    leaking, drifting = _of(outcomes, "leaking"), _of(outcomes, "drifting")
    causal = [outcome for outcome in outcomes if outcome.truth.kind in CAUSAL and outcome.fitted]
    return (
        _share("Aha found first, strong worlds", strong, _aha_is_the_cause, at_least=0.95),
        _false_behaviours(null),
        _share("Null worlds with a false signal", null, _has_a_signal, at_most=0.05),
        _share("Leaks called leaks", leaking, _leak_is_called, at_least=1.0),
        _share("Leaks without points", leaking, _leak_has_no_points, at_least=1.0),
        _against_the_ceiling(causal),
        _gain("Capture over rank by active days", causal, ACTIVITY),
        _gain("Capture over default weights", causal, DEFAULTS),
        _share(
            f"Scores over the threshold, {asked_share:.0%} +- {SHARE_TOLERANCE * 100:.0f} point",
            [outcome for outcome in outcomes if outcome.over_threshold is not None],
            lambda o: abs((o.over_threshold or 0.0) - asked_share) <= SHARE_TOLERANCE,
            at_least=1.0,
        ),
        _share("New cause leads after a drift", drifting, _new_cause_leads, at_least=1.0),
        _share("Tiny worlds refused", _of(outcomes, "tiny"), _is_refused, at_least=1.0),
        *_figures(outcomes),
    )


def _figures(outcomes: Sequence[Outcome]) -> tuple[Goal, ...]:
    """What has no goal and is worth knowing."""
    misleading = [o for kind in ("leaking", "confounded") for o in _of(outcomes, kind)]
    confounded = _of(outcomes, "confounded")
    return (
        _share("Aha found first, with leaks and confounders", misleading, _aha_is_the_cause),
        _share("At-least-N exact, where found", _found(outcomes), _at_least_is_exact),
        _share("Confounded event not called a signal", confounded, _confounded_is_no_signal),
        _share("Weak cause called a signal", _of(outcomes, "weak"), _cause_is_a_signal),
        _qualified(outcomes),
        _without_effect(_causal(outcomes)),
    )


def _of(outcomes: Iterable[Outcome], kind: Kind) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.truth.kind == kind]


def _causal(outcomes: Iterable[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.truth.kind in CAUSAL]


def _found(outcomes: Iterable[Outcome]) -> list[Outcome]:
    kinds: tuple[Kind, ...] = ("strong", "leaking", "confounded")
    return [o for o in outcomes if o.truth.kind in kinds and _aha_is_the_cause(o)]


def _share(
    title: str,
    outcomes: Sequence[Outcome],
    holds: Callable[[Outcome], bool],
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Goal:
    """A goal on the share of the worlds for which something holds."""
    held = [holds(outcome) for outcome in outcomes]
    wanted = f">= {at_least:.0%}" if at_least is not None else ""
    wanted = f"<= {at_most:.0%}" if at_most is not None else wanted
    if not held:
        return Goal(title, wanted, "no world", None, 0)
    share = sum(held) / len(held)
    met = None
    if wanted:
        met = share >= (at_least or 0) and share <= (1 if at_most is None else at_most)
    exceptions = [
        outcome.truth.number
        for outcome, is_so in zip(outcomes, held, strict=True)
        if is_so == (at_most is not None)
    ]
    found = f"{share:.1%} ({sum(held)} of {len(held)})"
    return Goal(title, wanted, found, met, len(held), tuple(exceptions))


def _false_behaviours(null: Sequence[Outcome]) -> Goal:
    title, wanted = "Behaviours falsely called signals, null worlds", "<= 5%"
    told = [outcome.discovered for outcome in null if outcome.discovered]
    judged = sum(discovered.behaviours for discovered in told)
    if not judged:
        return Goal(title, wanted, "no world", None, 0)
    false = sum(len(discovered.signals) for discovered in told)
    found = f"{false / judged:.1%} ({false} of {judged})"
    return Goal(title, wanted, found, false / judged <= 0.05, len(told))


def _without_effect(causal: Sequence[Outcome]) -> Goal:
    """Signals that lead to nothing. Some do foretell: who buys still logs in before buying."""
    title = "Behaviours without effect called signals, causal worlds"
    told = [(o.truth, o.discovered) for o in causal if o.discovered]
    judged = sum(discovered.behaviours for _, discovered in told)
    if not judged:
        return Goal(title, "", "no world", None, 0)
    idle = sum(
        signal.split(" [")[0] not in truth.effective
        for truth, discovered in told
        for signal in discovered.signals
    )
    found = f"{idle / judged:.1%} ({idle} of {judged})"
    return Goal(title, "", found, None, len(told))


def _against_the_ceiling(outcomes: Sequence[Outcome]) -> Goal:
    title, wanted = "Points table's capture / gradient boosting's, median", ">= 95%"
    ratios = [
        fitted.capture[PROPOSED] / fitted.capture[CEILING]
        for fitted in _fitted(outcomes)
        if fitted.capture[CEILING] > 0
    ]
    if not ratios:
        return Goal(title, wanted, "no world", None, 0)
    return Goal(title, wanted, f"{median(ratios):.1%}", median(ratios) >= 0.95, len(ratios))


def _gain(title: str, outcomes: Sequence[Outcome], baseline: str) -> Goal:
    """That the points table finds more than something simpler."""
    gains = [fitted.capture[PROPOSED] - fitted.capture[baseline] for fitted in _fitted(outcomes)]
    if not gains:
        return Goal(title, "> 0", "no world", None, 0)
    better = sum(gain > 0 for gain in gains) / len(gains)
    found = f"{100 * median(gains):+.1f} points, better in {better:.0%}"
    worse = [o.truth.number for o, gain in zip(outcomes, gains, strict=True) if gain < 0]
    return Goal(title, "median > 0", found, median(gains) > 0, len(gains), tuple(worse))


def _qualified(outcomes: Sequence[Outcome]) -> Goal:
    """How many pass the gates of the program, which the threshold does not look at."""
    shares = [outcome.qualified for outcome in outcomes if outcome.qualified is not None]
    found = f"{median(shares):.1%}" if shares else "no world"
    return Goal("Qualify, gates passed too, median", "", found, None, len(shares))


def _fitted(outcomes: Iterable[Outcome]) -> list[Fitted]:
    return [outcome.fitted for outcome in outcomes if outcome.fitted]


def _aha_is_the_cause(outcome: Outcome) -> bool:
    return outcome.discovered is not None and outcome.discovered.aha == outcome.truth.cause


def _at_least_is_exact(outcome: Outcome) -> bool:
    discovered = outcome.discovered
    return discovered is not None and discovered.aha_at_least == outcome.truth.at_least


def _has_a_signal(outcome: Outcome) -> bool:
    return outcome.discovered is not None and bool(outcome.discovered.signals)


def _verdict(outcome: Outcome, event: str | None) -> str | None:
    return outcome.discovered.verdicts.get(str(event)) if outcome.discovered else None


def _leak_is_called(outcome: Outcome) -> bool:
    return _verdict(outcome, outcome.truth.leak) == "leak"


def _confounded_is_no_signal(outcome: Outcome) -> bool:
    return _verdict(outcome, outcome.truth.confounded) != "signal"


def _cause_is_a_signal(outcome: Outcome) -> bool:
    return _verdict(outcome, outcome.truth.cause) == "signal"


def _leak_has_no_points(outcome: Outcome) -> bool:
    leak = SIGNAL_OF.get(str(outcome.truth.leak), "")
    return outcome.fitted is not None and not outcome.fitted.points.get(leak, 0.0)


def _new_cause_leads(outcome: Outcome) -> bool:
    """Whether no signal of its category has more points than the later cause."""
    points, cause = outcome.after_drift, str(outcome.truth.later_cause)
    if points is None:
        return False
    same = [SIGNAL_OF[event] for event, c in CATEGORY_OF.items() if c == CATEGORY_OF[cause]]
    most = points.get(SIGNAL_OF[cause], 0.0)
    return most > 0 and most == max(points.get(signal, 0.0) for signal in same)


def _is_refused(outcome: Outcome) -> bool:
    return "points" in outcome.refusals
