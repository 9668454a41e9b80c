"""The drain: each message once, whatever the other side answers."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine, func, select, text

from pql_platform.adapters.slack_compose import compose
from pql_platform.domain.delivery import Ambiguous, Message, Rejected, TryLater, Unauthorised
from pql_platform.ledger.breakers import close_breaker, open_breaker, open_breakers
from pql_platform.ledger.engine import reading
from pql_platform.ledger.handoffs import close_episodes, find_handoff
from pql_platform.ledger.outbox import drain
from pql_platform.ledger.queue import queue_state
from pql_platform.ledger.tables import attempts, outbox


def _rows(engine: Engine, *columns):
    with reading(engine) as conn:
        return conn.execute(select(*columns).order_by(outbox.c.id)).all()


def _states(engine: Engine) -> list[str]:
    return [state for (state,) in _rows(engine, outbox.c.state)]


def _open(engine: Engine, kit, *subjects: str, **changes) -> list[str]:
    with engine.begin() as conn:
        return [kit.cross(conn, subject, **changes) for subject in subjects]


def _handoff(engine: Engine, id_: str):
    with reading(engine) as conn:
        return find_handoff(conn, id_)


def _dump(engine: Engine) -> list[tuple[object, ...]]:
    with reading(engine) as conn:
        return [
            tuple(row)
            for table in ("handoffs", "outbox", "attempts", "channel_turns", "breakers")
            for row in conn.execute(text(f"SELECT '{table}', * FROM {table}"))  # noqa: S608
        ]


def test_a_hand_off_is_delivered_when_all_its_messages_are(
    engine: Engine, clock, slack, kit
) -> None:
    crm = kit.FakeChannel(clock)
    (id_,) = _open(engine, kit, "acme", kinds=("crm_company", "alert", "crm_task"))
    first = kit.run_drain(engine, clock, {"slack": slack})
    assert (first.delivered, _handoff(engine, id_).state) == (1, "PENDING")
    clock.advance(60)
    second = kit.run_drain(engine, clock, {"slack": slack, "crm": crm})
    done = _handoff(engine, id_)
    assert (second.delivered, done.state) == (2, "DELIVERED")
    assert done.delivered_at == kit.START, "the alert's moment, not the last one's"
    assert [one.kind for one in second.deliveries] == ["crm_company", "crm_task"]
    (sent,) = first.deliveries
    assert (sent.handoff_id, sent.channel, sent.kind) == (id_, "slack", "alert")
    assert sent.delivered_at - sent.crossed_at == timedelta(minutes=3)
    ((evidence,),) = _rows(engine, outbox.c.evidence)[1:2]
    assert evidence["reference"] == sent.reference


def test_a_hand_off_without_an_alert_is_delivered_with_its_last_message(
    engine: Engine, clock, kit
) -> None:
    crm = kit.FakeChannel(clock, pace_seconds=1.0)
    (id_,) = _open(engine, kit, "acme", kinds=("crm_contact", "crm_enrolment"), tier=3)
    kit.run_drain(engine, clock, {"crm": crm})
    assert _handoff(engine, id_).delivered_at == kit.START + timedelta(seconds=1)


def test_a_repeated_drain_delivers_nothing_and_changes_nothing(
    engine: Engine, clock, slack, kit
) -> None:
    _open(engine, kit, "a", "b", "c")
    assert kit.run_drain(engine, clock, {"slack": slack}).delivered == 3
    before = _dump(engine)
    clock.advance(3600)
    again = kit.run_drain(engine, clock, {"slack": slack})
    assert (again.delivered, again.deliveries) == (0, ())
    assert len(slack.log) == 3
    assert _dump(engine) == before


def test_a_limit_leaves_the_rest_in_order(engine: Engine, clock, slack, kit) -> None:
    _open(engine, kit, "a", "b", "c")
    assert kit.run_drain(engine, clock, {"slack": slack}, limit=2).delivered == 2
    assert _states(engine) == ["DELIVERED", "DELIVERED", "PENDING"]
    assert kit.run_drain(engine, clock, {"slack": slack}, limit=0).delivered == 0


def test_messages_of_other_channels_are_left_alone(engine: Engine, clock, kit) -> None:
    _open(engine, kit, "a")
    assert kit.run_drain(engine, clock, {"crm": kit.FakeChannel(clock)}).delivered == 0
    assert _states(engine) == ["PENDING"]


def test_a_paced_channel_gets_one_message_a_second_and_others_go_on(
    engine: Engine, clock, kit
) -> None:
    slack, crm = kit.FakeChannel(clock, pace_seconds=1.0), kit.FakeChannel(clock)
    _open(engine, kit, "a", "b", "c", kinds=("alert", "crm_task"))
    assert kit.run_drain(engine, clock, {"slack": slack, "crm": crm}).delivered == 6
    assert slack.asked_at == [kit.START + timedelta(seconds=s) for s in (0, 1, 2)]
    assert crm.asked_at == [kit.START] * 3


def test_slack_is_paced_unless_it_says_otherwise(engine: Engine, clock, slack, kit) -> None:
    unspecified = SimpleNamespace(deliver=slack.deliver, find=slack.find)
    _open(engine, kit, "a", "b")
    kit.run_drain(engine, clock, {"slack": unspecified})
    assert slack.asked_at[1] - slack.asked_at[0] == timedelta(seconds=1)


def test_a_clock_that_stands_still_does_not_hang_the_drain(engine: Engine, slack, kit) -> None:
    slack.pace_seconds = 1.0
    _open(engine, kit, "a", "b")
    waits: list[float] = []
    result = drain(
        engine, {"slack": slack}, clock=lambda: kit.START, worker="w", sleep=waits.append
    )
    assert (result.delivered, waits) == (1, [1.0])


def test_a_429_makes_the_whole_channel_wait_as_told_and_no_other(
    engine: Engine, clock, slack, kit
) -> None:
    crm = kit.FakeChannel(clock)
    slack.faults = [(TryLater("ratelimited", 30), False)]
    _open(engine, kit, "a", "b", kinds=("alert", "crm_task"))
    channels = {"slack": slack, "crm": crm}
    first = kit.run_drain(engine, clock, channels)
    assert (first.retried, len(slack.asked_at), len(crm.log)) == (1, 1, 2)
    _open(engine, kit, "c")
    while len(slack.log) < 3:
        clock.advance(1)
        kit.run_drain(engine, clock, channels)
    # Two were there and one came later: all were told.
    assert slack.asked_at[1:] == [kit.START + timedelta(seconds=30)] * 3


def test_a_short_wait_is_waited_for_within_the_drain(engine: Engine, clock, slack, kit) -> None:
    slack.faults = [(TryLater("ratelimited", 1.5), False)]
    _open(engine, kit, "a")
    result = kit.run_drain(engine, clock, {"slack": slack})
    assert (result.retried, result.delivered, clock.elapsed) == (1, 1, 1.5)


def test_an_outage_backs_off_and_keeps_the_order(engine: Engine, clock, slack, kit) -> None:
    slack.faults = [(TryLater("http_503"), False)] * 9
    _open(engine, kit, "a", "b", "c")
    keys = [key for (key,) in _rows(engine, outbox.c.key)]
    kit.run_drain(engine, clock, {"slack": slack})
    while len(slack.log) < 3:
        with reading(engine) as conn:
            waiting = queue_state(conn, ["slack"], clock())
        assert waiting.next_at is not None
        clock.advance((waiting.next_at - clock()).total_seconds())
        kit.run_drain(engine, clock, {"slack": slack})
    waits = [
        (after - before).total_seconds()
        for before, after in zip(slack.asked_at, slack.asked_at[1:10], strict=False)
    ]
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 900]
    assert slack.log == keys
    with reading(engine) as conn:
        assert conn.execute(text("SELECT failures FROM channel_turns")).scalar_one() == 0


def test_twelve_attempts_are_the_end_and_it_is_told(engine: Engine, clock, slack, kit) -> None:
    slack.faults = [(TryLater("http_503"), False)] * 12
    (id_,) = _open(engine, kit, "acme")
    results = []
    for _ in range(12):
        results.append(kit.run_drain(engine, clock, {"slack": slack}))
        clock.advance(901)
    assert [one.dead for one in results] == [0] * 11 + [1]
    dead = _handoff(engine, id_)
    assert (dead.state, dead.reason) == ("DEAD", "http_503, 12 times")
    kit.run_drain(engine, clock, {"slack": slack})
    assert slack.kinds == ["oncall"]


def test_a_rejected_message_is_dead_and_people_hear_of_each_cause_once_an_hour(
    engine: Engine, clock, slack, kit
) -> None:
    archived = Rejected("is_archived")
    slack.faults = [(archived, False), (archived, False), (Rejected("no_text"), False)]
    ids = _open(engine, kit, "a", "b", "c")
    result = kit.run_drain(engine, clock, {"slack": slack})
    assert (result.dead, result.delivered, slack.kinds) == (3, 2, ["oncall", "oncall"])
    assert {_handoff(engine, id_).state for id_ in ids} == {"DEAD"}
    pages = [row for row in _rows(engine, outbox.c.kind, outbox.c.payload) if row[0] == "oncall"]
    for said in ("is_archived", f"Hand-off {ids[0]} of boards", "account a."):
        assert said in pages[0].payload["body"]
    composed = compose(Message("k", "oncall", pages[0].payload), clock())
    assert "is_archived" in composed.text
    slack.faults = [(archived, False)]
    clock.advance(3600)
    _open(engine, kit, "d")
    assert kit.run_drain(engine, clock, {"slack": slack}).delivered == 1


def test_the_other_messages_of_a_dead_hand_off_are_still_sent(
    engine: Engine, clock, slack, kit
) -> None:
    crm = kit.FakeChannel(clock, faults=[(Rejected("no such owner"), False)])
    (id_,) = _open(engine, kit, "acme", kinds=("crm_task", "alert"))
    kit.run_drain(engine, clock, {"slack": slack, "crm": crm})
    assert (slack.kinds.count("alert"), _handoff(engine, id_).state) == (1, "DEAD")


def test_a_page_that_cannot_be_delivered_makes_no_page_of_its_own(
    engine: Engine, clock, slack, kit
) -> None:
    slack.faults = [(Rejected("is_archived"), False)] * 2
    _open(engine, kit, "acme")
    assert kit.run_drain(engine, clock, {"slack": slack}).dead == 2
    assert _rows(engine, outbox.c.kind) == [("alert",), ("oncall",)]


@pytest.mark.parametrize("nth", [0, 1, 2, 3])
def test_a_refused_credential_holds_the_queue_and_loses_nothing(
    engine: Engine, clock, slack, kit, nth: int
) -> None:
    refusal = (Unauthorised("token_revoked"), False)
    slack.faults = [(None, True)] * nth + [refusal] * 20
    _open(engine, kit, "a", "b", "c", "d")
    first = kit.run_drain(engine, clock, {"slack": slack})
    assert (first.delivered, first.dead, first.held) == (nth, 0, 4 - nth - 1)
    for _ in range(40):
        clock.advance(120)
        later = kit.run_drain(engine, clock, {"slack": slack})
    assert (later.dead, later.held) == (0, 4 - nth)
    with reading(engine) as conn:
        (breaker,) = open_breakers(conn)
    assert (breaker.name, breaker.reason) == ("channel:slack", "token_revoked")
    # Only the page is tried while the credential is bad.
    kinds = [kind for (kind,) in _rows(engine, outbox.c.kind)]
    assert kinds.count("oncall") == 1
    slack.faults = []
    with engine.begin() as conn:
        close_breaker(conn, "channel:slack")
    clock.advance(900)
    kit.run_drain(engine, clock, {"slack": slack})
    assert sorted(slack.kinds) == ["alert"] * 4 + ["oncall"]
    assert len(set(slack.log)) == 5


def test_pages_pass_a_breaker_and_go_first(engine: Engine, clock, slack, kit) -> None:
    crm = kit.FakeChannel(clock, faults=[(Rejected("no such owner"), False)])
    _open(engine, kit, "acme", kinds=("crm_task",))
    kit.run_drain(engine, clock, {"crm": crm})
    _open(engine, kit, "b")
    with engine.begin() as conn:
        open_breaker(conn, "suite:scores", "drift", "checks", clock())
    assert kit.run_drain(engine, clock, {"slack": slack}).held == 1
    assert slack.kinds == ["oncall"]
    with engine.begin() as conn:
        close_breaker(conn, "suite:scores")
    kit.run_drain(engine, clock, {"slack": slack})
    assert slack.kinds == ["oncall", "alert"]


@pytest.mark.parametrize("accepted", [True, False])
def test_an_ambiguous_send_is_looked_for_before_it_is_repeated(
    engine: Engine, clock, slack, kit, accepted: bool
) -> None:
    slack.faults = [(Ambiguous("read timeout"), accepted)]
    (id_,) = _open(engine, kit, "acme")
    assert kit.run_drain(engine, clock, {"slack": slack}).unknown == 1
    clock.advance(72)
    early = kit.run_drain(engine, clock, {"slack": slack})
    assert (early.delivered, slack.looks) == (0, 0)
    clock.advance(3)
    late = kit.run_drain(engine, clock, {"slack": slack})
    assert (late.delivered, slack.looks, len(slack.log)) == (1, 1, 1)
    assert len(slack.asked_at) == (1 if accepted else 2)
    assert _handoff(engine, id_).state == "DELIVERED"
    with reading(engine) as conn:
        results = conn.execute(select(attempts.c.result).order_by(attempts.c.id)).scalars().all()
    assert results == ["ambiguous", "found"] if accepted else ["ambiguous", "absent", "delivered"]


def test_what_cannot_be_looked_for_is_never_repeated_and_people_are_told(
    engine: Engine, clock, slack, kit
) -> None:
    slack.faults = [(Ambiguous("read timeout"), True)]
    slack.blind = TryLater("http_500")
    _open(engine, kit, "acme")
    for _ in range(60):
        kit.run_drain(engine, clock, {"slack": slack})
        clock.advance(60)
    assert slack.kinds.count("alert") == 1
    assert slack.kinds.count("oncall") >= 1
    assert _states(engine)[0] == "UNKNOWN"
    slack.blind = None
    clock.advance(900)
    kit.run_drain(engine, clock, {"slack": slack})
    assert (_states(engine)[0], slack.kinds.count("alert")) == ("DELIVERED", 1)


def test_a_credential_refused_while_looking_keeps_the_doubt(
    engine: Engine, clock, slack, kit
) -> None:
    slack.faults = [(Ambiguous("read timeout"), True)]
    slack.blind = Unauthorised("missing_scope")
    _open(engine, kit, "acme")
    kit.run_drain(engine, clock, {"slack": slack})
    clock.advance(75)
    assert kit.run_drain(engine, clock, {"slack": slack}).unknown == 1
    assert _states(engine)[0] == "UNKNOWN"
    with reading(engine) as conn:
        assert [one.name for one in open_breakers(conn)] == ["channel:slack"]


def test_a_message_that_always_gets_lost_ends_after_twelve_attempts(
    engine: Engine, clock, slack, kit
) -> None:
    slack.settle_seconds = 0.0
    slack.faults = [(Ambiguous("garbage"), False)] * 12
    (id_,) = _open(engine, kit, "acme")
    for _ in range(40):
        kit.run_drain(engine, clock, {"slack": slack})
        clock.advance(900)
    assert _handoff(engine, id_).reason == "did not arrive in 12 attempts"
    assert slack.kinds == ["oncall"]


def test_an_absurd_wait_is_capped_and_people_are_told(engine: Engine, clock, slack, kit) -> None:
    slack.faults = [(TryLater("ratelimited", 1e12), False)]
    _open(engine, kit, "acme")
    kit.run_drain(engine, clock, {"slack": slack})
    assert [kind for (kind,) in _rows(engine, outbox.c.kind)] == ["alert", "oncall"]
    assert _rows(engine, outbox.c.not_before)[0][0] == kit.START + timedelta(days=1)


def test_an_unforeseen_error_of_a_channel_is_raised_and_the_message_is_in_doubt(
    engine: Engine, clock, slack, kit
) -> None:
    slack.faults = [(KeyError("xoxb-token"), True)]
    _open(engine, kit, "a", "b")
    with pytest.raises(KeyError):
        kit.run_drain(engine, clock, {"slack": slack})
    assert _states(engine) == ["UNKNOWN", "PENDING"]
    assert _rows(engine, outbox.c.last_error)[0] == ("KeyError in the channel",)
    clock.advance(75)
    kit.run_drain(engine, clock, {"slack": slack})
    assert (_states(engine), len(slack.log)) == (["DELIVERED", "DELIVERED"], 2)


def test_what_is_no_longer_eligible_is_suppressed_before_it_is_sent(
    engine: Engine, clock, slack, kit
) -> None:
    crm = kit.FakeChannel(clock)
    converted, other = _open(engine, kit, "acme", "beta", kinds=("alert", "crm_task"))
    asked: list[str] = []

    def eligible(row) -> str | None:
        asked.append(row.subject_id)
        return "converted" if row.subject_id == "acme" else None

    result = kit.run_drain(engine, clock, {"slack": slack, "crm": crm}, eligible=eligible)
    assert (result.canceled, result.delivered) == (2, 2)
    stopped = _handoff(engine, converted)
    assert (stopped.state, stopped.reason) == ("SUPPRESSED", "converted")
    assert stopped.closed_at is None, "the episode ends by the score, not by this"
    assert _handoff(engine, other).state == "DELIVERED"
    assert set(asked) == {"acme", "beta"}


def test_what_left_the_threshold_while_in_doubt_is_not_sent_again(
    engine: Engine, clock, slack, kit
) -> None:
    slack.faults = [(Ambiguous("timeout"), False)]
    (id_,) = _open(engine, kit, "acme")
    kit.run_drain(engine, clock, {"slack": slack})
    with engine.begin() as conn:
        close_episodes(conn, [id_], clock(), "fell")
    assert (_states(engine), _handoff(engine, id_).state) == (["UNKNOWN"], "WITHDRAWN")
    clock.advance(75)
    result = kit.run_drain(engine, clock, {"slack": slack})
    assert (result.canceled, slack.log, _states(engine)) == (1, [], ["CANCELED"])


def test_what_left_the_threshold_while_in_doubt_but_had_arrived_was_delivered(
    engine: Engine, clock, slack, kit
) -> None:
    slack.faults = [(Ambiguous("timeout"), True)]
    (id_,) = _open(engine, kit, "acme", kinds=("alert", "crm_task"))
    kit.run_drain(engine, clock, {"slack": slack})
    with engine.begin() as conn:
        close_episodes(conn, [id_], clock(), "fell")
    clock.advance(75)
    kit.run_drain(engine, clock, {"slack": slack})
    assert (_states(engine), _handoff(engine, id_).state) == (
        ["DELIVERED", "CANCELED"],
        "DELIVERED",
    )


def test_a_dispatcher_held_up_before_sending_does_not_send(
    engine: Engine, clock, slack, kit
) -> None:
    _open(engine, kit, "acme")
    readings = iter([0.0, 5.1])
    stopped = kit.run_drain(engine, clock, {"slack": slack}, monotonic=lambda: next(readings))
    assert (stopped.retried, slack.asked_at) == (1, [])
    assert _rows(engine, outbox.c.attempts, outbox.c.state) == [(0, "RETRY")]
    clock.advance(5)
    assert kit.run_drain(engine, clock, {"slack": slack}).delivered == 1


def test_a_dispatcher_that_comes_back_after_its_lease_cannot_overwrite(
    engine: Engine, clock, slack, kit
) -> None:
    (id_,) = _open(engine, kit, "acme")
    other = kit.FakeChannel(clock, log=slack.log)

    def overtaken() -> None:
        # Its lease ends, the message is accepted late, and a second dispatcher finds it.
        slack.log.append(_rows(engine, outbox.c.key)[0][0])
        clock.advance(61)
        kit.run_drain(engine, clock, {"slack": other}, worker="w2")
        clock.advance(20)
        assert kit.run_drain(engine, clock, {"slack": other}, worker="w2").delivered == 1

    slack.before_accepting = overtaken
    slack.faults = [(TryLater("says it did not take it"), False)]
    late = kit.run_drain(engine, clock, {"slack": slack})
    assert (late.delivered, late.retried, len(slack.log)) == (0, 0, 1)
    assert (_states(engine), _handoff(engine, id_).state) == (["DELIVERED"], "DELIVERED")
    with reading(engine) as conn:
        log = conn.execute(select(attempts.c.worker, attempts.c.result).order_by(attempts.c.id))
        assert log.all() == [("w1", "abandoned"), ("w2", "found"), ("w1", "too late")]


def test_a_late_confirmation_replaces_doubt(engine: Engine, clock, slack, kit) -> None:
    _open(engine, kit, "acme")

    def slow() -> None:
        clock.advance(61)
        kit.run_drain(engine, clock, {"slack": kit.FakeChannel(clock)}, worker="w2")
        assert _states(engine) == ["UNKNOWN"]

    slack.before_accepting = slow
    assert kit.run_drain(engine, clock, {"slack": slack}).delivered == 1
    assert (_states(engine), len(slack.log)) == (["DELIVERED"], 1)


def test_the_queue_says_when_there_is_work(engine: Engine, clock, slack, kit) -> None:
    def look():
        with reading(engine) as conn:
            return queue_state(conn, ["slack"], clock())

    assert (look().due, look().next_at, look().oldest) == (False, None, None)
    _open(engine, kit, "acme")
    assert (look().due, look().unfinished, look().oldest) == (True, 1, kit.START)
    slack.faults = [(TryLater("ratelimited", 30), False)]
    kit.run_drain(engine, clock, {"slack": slack})
    assert (look().due, look().next_at) == (False, kit.START + timedelta(seconds=30))
    clock.advance(30)
    assert look().due
    kit.run_drain(engine, clock, {"slack": slack})
    assert (look().due, look().next_at, look().unfinished) == (False, None, 0)


def test_every_attempt_is_on_the_record(engine: Engine, clock, slack, kit) -> None:
    slack.faults = [(TryLater("ratelimited", 1), False)]
    _open(engine, kit, "acme")
    kit.run_drain(engine, clock, {"slack": slack}, worker="host-7")
    with reading(engine) as conn:
        rows = conn.execute(select(attempts).order_by(attempts.c.id)).all()
        assert conn.execute(select(func.count()).select_from(attempts)).scalar_one() == 2
    assert [(row.attempt, row.worker, row.result) for row in rows] == [
        (1, "host-7", "try later"),
        (2, "host-7", "delivered"),
    ]
    assert rows[0].detail == "ratelimited"
    assert rows[1].started_at == rows[1].finished_at == kit.START + timedelta(seconds=1)
