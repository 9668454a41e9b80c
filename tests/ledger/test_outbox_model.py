"""The outbox against a model of it in plain Python, over whatever order of events there may be."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, func, select, text

from pql_platform.domain.delivery import (
    Ambiguous,
    Evidence,
    Message,
    Rejected,
    TryLater,
    Unauthorised,
)
from pql_platform.ledger.breakers import close_breaker
from pql_platform.ledger.conservation import conservation
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.ledger.handoffs import close_episodes, record_contact
from pql_platform.ledger.tables import attempts, outbox

MOST_SENDS = 12
A_DAY = 86_400.0
CHANGING = ("attempts", "outbox", "handoffs", "breakers", "channel_turns")
TELLING = (
    "ok",
    "rejected",
    "refused",
    "later",
    "later 1",
    "later 30",
    "later 1e9",
    "ambiguous",
    "lost",
)
DYING = ("dies before", "dies after")
OTHERS = ("second dispatcher", "slower than the lease")
OUTCOMES = (*TELLING, *DYING, *OTHERS, *OTHERS)


class ProcessDeath(BaseException):
    """No handler of the code under test may stop this, as none stops a kill -9."""


class Reference:
    """What each message may have become, by what the other side did and the sender heard of it."""

    def __init__(self) -> None:
        self.may: dict[str, set[str]] = {}
        self.posts: Counter[str] = Counter()
        self.sends: Counter[str] = Counter()
        self.ended: set[str] = set()
        self.silent_until = self.next_post = datetime.min.replace(tzinfo=UTC)

    def states(self, key: str) -> set[str]:
        return self.may.get(key, {"PENDING"})

    def end(self, key: str) -> None:
        self.ended.add(key)
        if self.states(key) <= {"PENDING", "RETRY"}:
            self.may[key] = {"CANCELED"}

    def ask(self, key: str) -> None:
        assert key not in self.ended, "sent although its episode had ended"
        assert self.states(key) <= {"PENDING", "RETRY", "CANCELED"}, "sent while in doubt or done"
        self.sends[key] += 1
        assert self.sends[key] <= MOST_SENDS
        self.may[key] = {"SENDING", "UNKNOWN"}

    def hear(self, key: str, outcome: str) -> None:
        last = self.sends[key] == MOST_SENDS
        if outcome == "refused":
            self.sends[key] -= 1
        if outcome in ("ok", *OTHERS):
            self.may[key] = {"DELIVERED"}
        elif outcome == "rejected":
            self.may[key] = {"DEAD"}
        elif outcome == "refused" or outcome.startswith("later"):
            self.may[key] = {"DEAD"} if last and outcome != "refused" else {"RETRY"}
        elif outcome in ("ambiguous", "lost"):
            self.may[key] = {"UNKNOWN"}

    def look(self, key: str, seen: bool) -> None:
        assert self.states(key) <= {"SENDING", "UNKNOWN"}, "looked for without a doubt"
        assert seen == (self.posts[key] == 1)
        if seen:
            self.may[key] = {"DELIVERED"}
        elif self.sends[key] == MOST_SENDS:
            self.may[key] = {"DEAD"}
        else:
            self.may[key] = {"PENDING", "CANCELED"} if key in self.ended else {"PENDING"}


class DrawnSlack:
    """A channel that does what was drawn, and tells the reference."""

    settle_seconds = 75.0

    def __init__(self, machine: OutboxMachine) -> None:
        self.machine, self.model, self.clock = machine, machine.model, machine.clock
        self.outcomes: list[str] = []
        self.blind = self.interrupted = False
        self.pace_seconds = 1.0
        self.calls = 0

    def deliver(self, message: Message, now: datetime) -> Evidence:
        outcome = self.outcomes.pop(0) if self.outcomes else "ok"
        if self.interrupted and outcome in OTHERS:
            outcome = "ok"  # or the first send would last longer than its message may be late
        key, moment = message.key, self._called()
        assert moment >= self.model.next_post, "more than one message a second"
        self.model.next_post = moment + timedelta(seconds=self.pace_seconds)
        self.model.ask(key)
        if outcome in OTHERS:
            self.clock.advance(61 if outcome == "slower than the lease" else 0)
            self.interrupted = True
            self.machine.run(self, "w2")
            self.interrupted = False
        if outcome in ("ok", "ambiguous", "dies after", *OTHERS):
            self.model.posts[key] += 1
        if outcome in DYING:
            raise ProcessDeath
        self.model.hear(key, outcome)
        if outcome in ("ok", *OTHERS):
            return Evidence(f"drawn/{key[:8]}")
        if outcome.startswith("later"):
            told = float(outcome.removeprefix("later") or 0) or None
            wait = timedelta(seconds=min(told or 0.0, A_DAY))
            self.model.silent_until = max(self.model.silent_until, self.clock() + wait)
            raise TryLater("ratelimited", told)
        raise {"rejected": Rejected, "refused": Unauthorised}.get(outcome, Ambiguous)(outcome)

    def find(self, message: Message) -> Evidence | None:
        self._called()
        if self.blind:
            raise Ambiguous("the history cannot be read")
        seen = self.model.posts[message.key] > 0
        self.model.look(message.key, seen)
        return Evidence(f"drawn/{message.key[:8]}") if seen else None

    def _called(self) -> datetime:
        self.calls += 1
        moment = self.clock()
        assert moment >= self.model.silent_until, "asked earlier than it was told to"
        return moment


class OutboxMachine(RuleBasedStateMachine):
    """Crossings, drains, deaths, repairs and the passing of time, in any order."""

    def __init__(self, engine: Engine, kit: SimpleNamespace) -> None:
        super().__init__()
        self.engine, self.kit, self.clock, self.model = engine, kit, kit.SimClock(), Reference()
        self.slack = DrawnSlack(self)
        self.episodes: dict[str, list[str]] = {}
        self.open: set[str] = set()
        with engine.begin() as conn:
            for table in CHANGING:
                conn.execute(text(f"DELETE FROM {table}"))  # noqa: S608

    def run(self, channel: DrawnSlack, worker: str) -> None:
        self.kit.run_drain(self.engine, self.clock, {"slack": channel}, worker=worker)

    @initialize(pace_seconds=st.sampled_from((0.0, 1.0)))
    def begin(self, pace_seconds: float) -> None:
        self.slack.pace_seconds = pace_seconds

    @rule(subjects=st.sets(st.sampled_from("abcdefgh"), min_size=2))
    def cross(self, subjects: set[str]) -> None:
        """A new episode of each, or once more the one that runs."""
        for subject in sorted(subjects):
            self._cross(subject)

    def _cross(self, subject: str) -> None:
        ids = self.episodes.setdefault(subject, [])
        again = subject in self.open
        before = self.rows()
        with self.engine.begin() as conn:
            id_ = self.kit.cross(conn, subject, episode=len(ids) + (not again))
        if again:
            assert (id_, self.rows()) == (ids[-1], before)
        else:
            ids.append(id_)
            self.open.add(subject)

    @rule(
        seconds=st.sampled_from((0, 1, 5, 61, 80, 900, A_DAY)),
        outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=5)
        | st.sampled_from(("later 1", "ambiguous")).map(lambda one: [one] * MOST_SENDS),
        blind=st.booleans(),
    )
    def drain(self, seconds: float, outcomes: list[str], blind: bool) -> None:
        """One life of a dispatcher, some time after the last one."""
        self.clock.advance(seconds)
        self.slack.outcomes, self.slack.blind, self.slack.interrupted = [*outcomes], blind, False
        try:
            self.run(self.slack, "w1")
        except ProcessDeath:
            self.engine.dispose()

    # One rule for all that people do, so that most steps are drains.
    @rule(subject=st.sampled_from("abcdefgh"), deed=st.sampled_from(("fall", "contact", "repair")))
    def people(self, subject: str, deed: str) -> None:
        """A subject falls below the threshold or is contacted, or somebody repairs the token."""
        if deed == "repair":
            self._repair()
        elif subject in self.open and deed == "fall":
            self._end(subject)
        elif subject in self.open:
            self._contact(subject)

    def _end(self, subject: str) -> None:
        self.open.remove(subject)
        id_ = self.episodes[subject][-1]
        with self.engine.begin() as conn:
            close_episodes(conn, [id_], self.clock(), "fell")
        [key] = [row.key for row in self.rows() if row.handoff_id == id_]
        self.model.end(key)

    def _contact(self, subject: str) -> None:
        with self.engine.begin() as conn:
            record_contact(conn, self.episodes[subject][-1], self.clock(), "rep")

    def _repair(self) -> None:
        with self.engine.begin() as conn:
            close_breaker(conn, "channel:slack")

    @invariant()
    def each_message_is_what_it_may_be(self) -> None:
        rows = self.rows()
        assert max(self.model.posts.values(), default=0) <= 1
        assert set(self.model.posts) <= {row.key for row in rows}
        for row in rows:
            assert row.state in self.model.states(row.key)
            if row.state == "DELIVERED":
                assert self.model.posts[row.key] == 1
            if row.state == "DEAD" and row.kind == "alert":
                assert any(page.kind == "oncall" for page in rows), "given up in silence"
            assert row.attempts == self.model.sends[row.key]

    @invariant()
    def the_books_balance(self) -> None:
        with reading(self.engine) as conn:
            books = conservation(conn, "boards")
        assert books.holds
        assert books.crossed == sum(map(len, self.episodes.values()))

    def rows(self) -> list:
        with reading(self.engine) as conn:
            return conn.execute(select(outbox).order_by(outbox.c.id)).all()

    def teardown(self) -> None:
        """Heal, drain, and look at everything once more."""
        self.slack.outcomes, self.slack.blind, self.slack.interrupted = [], False, False
        for _ in range(4):
            self._repair()
            self.clock.advance(A_DAY)
            self.run(self.slack, "w1")
        self.each_message_is_what_it_may_be()
        self.the_books_balance()
        rows = self.rows()
        assert {row.state for row in rows} <= {"DELIVERED", "DEAD", "CANCELED"}
        for row in rows:
            assert self.model.posts[row.key] == (row.state == "DELIVERED")
        self._does_nothing_again()

    def _does_nothing_again(self) -> None:
        count = select(func.count()).select_from(attempts)
        with reading(self.engine) as conn:
            before = (conn.execute(count).scalar_one(), self.rows(), self.slack.calls)
        self.clock.advance(A_DAY)
        self.run(self.slack, "w3")
        with reading(self.engine) as conn:
            assert (conn.execute(count).scalar_one(), self.rows(), self.slack.calls) == before


def test_the_outbox_does_what_the_model_says(ledger_path: Path, kit: SimpleNamespace) -> None:
    engine = open_ledger(f"sqlite:///{ledger_path}")
    run_state_machine_as_test(
        lambda: OutboxMachine(engine, kit),
        settings=settings(max_examples=60, stateful_step_count=25, deadline=None, print_blob=True),
    )
    engine.dispose()


def test_an_outage_of_posts_alone_slows_down_like_any_other(
    engine: Engine, clock, slack, kit
) -> None:
    """Look-ups that work, and say each time that nothing arrived, are no sign of health."""
    slack.faults = [(Ambiguous("HTTP 503"), False)] * 1_000
    with engine.begin() as conn:
        for number in range(30):
            kit.cross(conn, f"account-{number}")
    while clock.elapsed < timedelta(hours=1).total_seconds():
        kit.run_drain(engine, clock, {"slack": slack})
        clock.advance(60)
    assert len(slack.asked_at) <= 14
    slack.faults = []
    for _ in range(40):
        clock.advance(900)
        kit.run_drain(engine, clock, {"slack": slack})
    assert slack.kinds == ["alert"] * 30
    assert len(set(slack.log)) == 30
