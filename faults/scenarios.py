"""What is injected: each scenario a fresh ledger, a fresh Slack, and a plan of faults by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any, Final

from pql_platform.adapters.slack_failures import AMBIGUOUS, REJECTED, TRY_LATER, UNAUTHORISED

Fault = Mapping[str, Any]

FACTOR: Final = 20.0
"""How fast time runs where sends may be late; 20 leaves late faults a second of slack."""
WELL: Final[Fault] = {}
UNDOCUMENTED: Final = "a_code_of_next_year"
CODES: Final = (
    *sorted(TRY_LATER | AMBIGUOUS | UNAUTHORISED | REJECTED),
    UNDOCUMENTED,
)
_ALERTS: Final = "pql-alerts"


@dataclass(frozen=True)
class Step:
    """Some crossings, and the faults that their requests meet.

    Attributes:
        crossings: How many are written before.
        post: Faults of the next posts, one each.
        history: Faults of the next looks.
        lasts: How long the faults go on, if by time: then Slack heals, whatever is left of them.
    """

    crossings: int
    post: Sequence[Fault] = ()
    history: Sequence[Fault] = ()
    lasts: timedelta | None = None


@dataclass(frozen=True)
class Scenario:
    """One row of the table.

    Attributes:
        name: As `--only` takes it.
        steps: One after the other, each until nothing is left to do.
        skips: Idle time is skipped, with one dispatcher; else time runs `FACTOR` times as fast,
            with two.
        kills: So many dispatchers are killed at random moments, while two run at once.
        crash_points: A dispatcher is killed before and after each of its first so many side
            effects.
        about_looks: What differs from another scenario is only how looks end.
    """

    name: str
    steps: tuple[Step, ...]
    skips: bool = False
    kills: int = 0
    crash_points: int = 0
    about_looks: bool = False

    @property
    def kills_all(self) -> bool:
        """Whether processes are what fails here."""
        return bool(self.kills or self.crash_points)


@dataclass(frozen=True)
class Profile:
    """How large a campaign is.

    Attributes:
        messages: Of each scenario that is about answers.
        kills: Random SIGKILLs, in rounds of at most `kills_per_round`.
        crash_points: Side effects before and after which a dispatcher is killed.
        codes: Every so-manieth error code; 1 for all.
        naive_kills: Random SIGKILLs of the pipeline beside it.
        storms: How many mixtures are drawn.
    """

    messages: int
    kills: int
    crash_points: int
    codes: int
    naive_kills: int
    storms: int
    kills_per_round: int = 300


PROFILES: Final[Mapping[str, Profile]] = {
    "ci": Profile(30, 300, 24, 1, 20, 1),
    "nightly": Profile(100, 2_000, 60, 1, 60, 5),
    "smoke": Profile(6, 6, 3, 25, 2, 0),
}


def scenarios(profile: Profile, seed: int) -> list[Scenario]:
    """Every scenario of a profile, the same for the same seed."""
    drawn = Random(seed)  # noqa: S311 - a reproducible plan, no secret
    n = profile.messages
    late: Fault = {"fault": "commit_late", "seconds": 50 / FACTOR}
    silent: Fault = {"fault": "commit_then_timeout", "seconds": 12 / FACTOR}
    answers: list[Fault] = [
        {"fault": "garbage_200", "commit": True},
        {"fault": "garbage_200"},
        {"fault": "garbage_200", "body": ""},
        {"fault": "cut_200"},
        {"fault": "http", "status": 502, "commit": True},
    ]
    down: list[Fault] = [{"fault": "http", "status": status} for status in (500, 502, 503)]
    found = [
        Scenario("no fault", (Step(n),)),
        Scenario("dropped after accept", (_scattered(drawn, n, [{"fault": "accept_then_close"}]),)),
        Scenario("timeout, posted", (_scattered(drawn, n, [silent]),)),
        Scenario("timeout, posted 40 s later", (_scattered(drawn, n, [late], share=0.2),)),
        Scenario("garbage for an answer", (_scattered(drawn, n, answers),)),
        Scenario("429", (_waits(n),), skips=True),
        Scenario(
            "5xx for three hours",
            (Step(n, _many(drawn, down), _many(drawn, down), timedelta(hours=3)),),
            skips=True,
        ),
        Scenario(
            "5xx to posts only, three hours",
            (Step(n, _many(drawn, down), (), timedelta(hours=3)),),
            skips=True,
            about_looks=True,
        ),
        Scenario("look-up down for an hour", (_blind(n),), skips=True, about_looks=True),
        Scenario("ok:false, every code", tuple(_refusals(profile)), skips=True),
        Scenario("token revoked at each item", tuple(_revoked(min(n, 5))), skips=True),
        Scenario(
            "kill -9 at each side effect",
            (Step(2 * profile.crash_points),),
            skips=True,
            crash_points=profile.crash_points,
        ),
    ]
    rounds = -(-profile.kills // profile.kills_per_round)
    for number in range(rounds):
        kills = profile.kills // rounds + (number < profile.kills % rounds)
        name = "kill -9 at random" + (f", round {number + 1}" if rounds > 1 else "")
        found.append(Scenario(name, (_slow(drawn, n),), kills=kills))
    mixture: list[Fault] = [{"fault": "accept_then_close"}, silent, late, *answers, *down]
    mixture.append({"fault": "rate_limited", "retry_after": 2})
    for number in range(profile.storms):
        # Mostly well, for streaks of failures make the pauses long, and they are real here.
        plan = [drawn.choice(mixture) if drawn.random() < 0.4 else WELL for _ in range(2 * n)]
        name = "all at once" + (f", {number + 1}" if profile.storms > 1 else "")
        step = Step(2 * n, plan, drawn.choices([WELL, WELL, WELL, *down], k=n // 2))
        found.append(Scenario(name, (step,), kills=n // 2))
    return found


def _scattered(drawn: Random, n: int, faults: Sequence[Fault], share: float = 0.4) -> Step:
    """Faults at random places among the posts, each kind at least once."""
    hit = max(round(share * n), len(faults))
    plan = [faults[number % len(faults)] for number in range(hit)] + [WELL] * (n - hit)
    drawn.shuffle(plan)
    return Step(n, plan)


def _many(drawn: Random, faults: Sequence[Fault]) -> list[Fault]:
    """More faults than anybody asks for; the step ends them by time."""
    return [*faults, *drawn.choices(faults, k=2_000)]


def _waits(n: int) -> Step:
    waits = (1, 30, None, "soon", 86_400)
    plan: list[Fault] = [{"fault": "rate_limited", "retry_after": wait} for wait in waits]
    return Step(n, plan)


def _blind(n: int) -> Step:
    """Posted, but with no answer, and then nobody can look."""
    dropped: list[Fault] = [{"fault": "accept_then_close"}, {"fault": "http", "status": 500}]
    history: list[Fault] = [{"fault": "http", "status": 500, "times": 500}]
    return Step(n, dropped, history, timedelta(hours=1))


def _refusals(profile: Profile) -> list[Step]:
    """One crossing for each code; what concerns one channel leaves the one for pages alone."""
    chosen = CODES[:: profile.codes] if profile.codes > 1 else CODES
    return [
        Step(1, [{"fault": "ok_false", "code": code, "channel": _ALERTS}])
        for code in dict.fromkeys((*chosen, UNDOCUMENTED))
    ]


def _revoked(n: int) -> list[Step]:
    """The token is revoked at the first, the second ... item of a batch; pages fail too."""
    revoked = {"fault": "ok_false", "code": "token_revoked"}
    return [Step(n, [*[WELL] * place, revoked, revoked]) for place in range(n)]


def _slow(drawn: Random, n: int) -> Step:
    """Slack answers after a while, so that many kills fall between a send and its answer."""
    delays: list[Fault] = [
        {"fault": "delay", "seconds": drawn.uniform(0.01, 0.05)} for _ in range(5_000)
    ]
    return Step(2 * n, delays)
