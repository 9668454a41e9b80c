"""What comes after an alert: once per kind and cause, and never deciding a hand-off's fate."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from pql_platform.domain.delivery import Rejected
from pql_platform.ledger.conservation import conservation
from pql_platform.ledger.engine import reading
from pql_platform.ledger.follow_ups import change_handoff, follow_up, place_of_alert
from pql_platform.ledger.handoffs import NewMessage, close_episodes, find_handoff, record_contact
from pql_platform.ledger.states import FOLLOW_UPS
from pql_platform.ledger.tables import handoffs, outbox

HOUR = timedelta(hours=1)


@pytest.fixture
def say(engine: Engine, clock):
    """Writes a follow-up of a hand-off, due now."""

    def write(id_: str, kind: str, cause: str = "", channel: str = "slack", **payload) -> bool:
        with engine.begin() as conn:
            message = NewMessage(channel, kind, payload)
            return follow_up(conn, find_handoff(conn, id_), message, cause, clock())

    return write


def opened(engine: Engine, kit, *kinds: str) -> str:
    with engine.begin() as conn:
        return kit.cross(conn, kinds=kinds or ("alert",))


def states(engine: Engine) -> list[tuple[str, str, str | None]]:
    with reading(engine) as conn:
        query = select(outbox.c.kind, outbox.c.state, outbox.c.last_error).order_by(outbox.c.id)
        return [tuple(row) for row in conn.execute(query)]


def fate(engine: Engine, id_: str) -> str:
    with reading(engine) as conn:
        assert conservation(conn, "boards").holds
        return find_handoff(conn, id_).state


def test_a_message_is_written_once_per_kind_and_cause(engine: Engine, kit, say) -> None:
    id_ = opened(engine, kit)
    assert say(id_, "reminder")
    assert not say(id_, "reminder")
    assert say(id_, "rise", "tier1")
    assert not say(id_, "rise", "tier1")
    assert say(id_, "rise", "tier2")
    assert [kind for kind, _, _ in states(engine)] == ["alert", "reminder", "rise", "rise"]


def test_the_last_edit_of_an_alert_counts(engine: Engine, clock, slack, kit, say) -> None:
    id_ = opened(engine, kit)
    kit.run_drain(engine, clock, {"slack": slack})
    for cause in ("a", "b", "c"):
        assert say(id_, "alert_edit", cause)
    assert not say(id_, "alert_edit", "a"), "an old edit said again is not the last word"
    assert states(engine)[1:] == [
        ("alert_edit", "CANCELED", "a later edit says more"),
        ("alert_edit", "CANCELED", "a later edit says more"),
        ("alert_edit", "PENDING", None),
    ]
    kit.run_drain(engine, clock, {"slack": slack})
    assert slack.kinds == ["alert", "alert_edit"]


def test_an_edit_that_was_on_its_way_does_not_come_after_a_later_one(
    engine: Engine, clock, slack, kit, say
) -> None:
    id_ = opened(engine, kit)
    kit.run_drain(engine, clock, {"slack": slack})
    say(id_, "alert_edit", "a")
    with engine.begin() as conn:
        conn.execute(update(outbox).where(outbox.c.kind == "alert_edit").values(state="UNKNOWN"))
    say(id_, "alert_edit", "b")
    # It is found not to have arrived, and then a later one says more.
    clock.advance(3600)
    kit.run_drain(engine, clock, {"slack": slack})
    clock.advance(3600)
    kit.run_drain(engine, clock, {"slack": slack})
    assert slack.kinds == ["alert", "alert_edit"]
    assert [state for _, state, _ in states(engine)] == ["DELIVERED", "CANCELED", "DELIVERED"]


def test_the_place_of_an_alert_is_known_once_it_arrived(engine: Engine, clock, slack, kit) -> None:
    id_ = opened(engine, kit)
    with reading(engine) as conn:
        assert place_of_alert(conn, id_) is None
    kit.run_drain(engine, clock, {"slack": slack})
    with reading(engine) as conn:
        (key,) = slack.log
        assert place_of_alert(conn, id_) == {"key": key, "at": kit.START.isoformat()}
        assert place_of_alert(conn, "h0") is None


@pytest.mark.parametrize("kind", [*FOLLOW_UPS, "webhook_lifecycle"])
def test_neither_a_follow_up_nor_a_tool_decides_a_fate(
    engine: Engine, clock, slack, kit, say, kind
) -> None:
    id_ = opened(engine, kit)
    say(id_, kind)
    slack.faults = [(None, True), (Rejected("gone"), False)]
    kit.run_drain(engine, clock, {"slack": slack})
    assert [state for _, state, _ in states(engine)][:2] == ["DELIVERED", "DEAD"]
    assert fate(engine, id_) == "DELIVERED"


@pytest.mark.parametrize("kind", ["breach", "webhook_lifecycle"])
def test_what_arrived_after_a_dead_alert_makes_it_no_delivery(
    engine: Engine, clock, slack, kit, say, kind
) -> None:
    id_ = opened(engine, kit)
    say(id_, kind)
    slack.faults = [(Rejected("no such channel"), False)]
    kit.run_drain(engine, clock, {"slack": slack})
    assert fate(engine, id_) == "DEAD"


@pytest.mark.parametrize("kind", ["reminder", "webhook_lifecycle"])
def test_a_hand_off_is_delivered_while_a_follow_up_or_a_tool_still_waits(
    engine: Engine, clock, slack, kit, say, kind
) -> None:
    id_ = opened(engine, kit)
    say(id_, kind, channel="elsewhere")
    kit.run_drain(engine, clock, {"slack": slack})
    assert fate(engine, id_) == "DELIVERED"


@pytest.mark.parametrize("kind", ["reminder", "webhook_lifecycle"])
@pytest.mark.parametrize("state", ["PENDING", "DELIVERED"])
def test_a_hand_off_that_stands_only_by_its_follow_ups_contradicts_itself(
    engine: Engine, clock, slack, kit, say, kind, state
) -> None:
    id_ = opened(engine, kit, "crm_task")
    say(id_, kind, channel="slack" if state == "DELIVERED" else "elsewhere")
    kit.run_drain(engine, clock, {"slack": slack})
    with engine.begin() as conn:
        conn.execute(update(outbox).where(outbox.c.kind == "crm_task").values(state="CANCELED"))
        conn.execute(update(handoffs).where(handoffs.c.id == id_).values(state=state))
        assert conservation(conn, "boards").orphans == (id_,)


@pytest.mark.parametrize("kind", ["reminder", "escalation", "breach", "outcome"])
def test_urging_stops_with_the_contact_and_reports_do_not(
    engine: Engine, clock, slack, kit, say, kind
) -> None:
    id_ = opened(engine, kit)
    kit.run_drain(engine, clock, {"slack": slack})
    say(id_, kind)
    with engine.begin() as conn:
        record_contact(conn, id_, clock(), "ann")
    clock.advance(60)
    kit.run_drain(engine, clock, {"slack": slack})
    urging = kind in ("reminder", "escalation")
    assert states(engine)[1] == (
        (kind, "CANCELED", "contacted meanwhile") if urging else (kind, "DELIVERED", None)
    )


@pytest.mark.parametrize("kind", ["reminder", "escalation"])
def test_urging_that_waited_through_a_snooze_is_not_sent_and_later_urging_is(
    engine: Engine, clock, slack, kit, say, kind
) -> None:
    id_ = opened(engine, kit)
    kit.run_drain(engine, clock, {"slack": slack})
    say(id_, kind)
    with engine.begin() as conn:
        change_handoff(conn, id_, {"snoozed_until": clock() + HOUR})
    clock.advance(60)
    kit.run_drain(engine, clock, {"slack": slack})
    assert states(engine)[1] == (kind, "CANCELED", "snoozed meanwhile")
    clock.advance(3600)
    say(id_, kind, "again")
    kit.run_drain(engine, clock, {"slack": slack})
    assert states(engine)[2] == (kind, "DELIVERED", None)


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("outcome", True),
        ("alert_edit", True),
        ("crm_task_close", True),
        ("reminder", False),
        ("rise", False),
        ("webhook_lifecycle", False),
    ],
)
def test_after_its_end_only_what_tells_of_the_end_is_sent(
    engine: Engine, clock, slack, kit, say, kind, sent
) -> None:
    id_ = opened(engine, kit)
    kit.run_drain(engine, clock, {"slack": slack})
    with engine.begin() as conn:
        close_episodes(conn, [id_], clock(), "fell")
    say(id_, kind)
    clock.advance(60)
    kit.run_drain(engine, clock, {"slack": slack})
    assert states(engine)[1] == (
        (kind, "DELIVERED", None) if sent else (kind, "CANCELED", "its episode ended")
    )
    assert fate(engine, id_) == "DELIVERED"


def test_what_changes_about_a_hand_off_is_written_and_nothing_else_can_be(
    engine: Engine, kit
) -> None:
    id_ = opened(engine, kit)
    with engine.begin() as conn:
        change_handoff(conn, id_, {"owner": "bo", "due_at": kit.START, "tier": 2})
        changed = find_handoff(conn, id_)
        assert (changed.owner, changed.due_at, changed.tier) == ("bo", kit.START, 2)
        for name in ("state", "id", "contacted_at", "closed_at"):
            with pytest.raises(ValueError, match=f"{name} of a hand-off cannot be changed"):
                change_handoff(conn, id_, {"owner": "cy", name: None})
        assert find_handoff(conn, id_) == changed
