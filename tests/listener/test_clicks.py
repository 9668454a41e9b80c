"""What a click does: once, and only on the very message that the ledger delivered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pql_platform.adapters.slack_buttons import APPROVE, LEAD, PROPOSAL, owner_mark
from pql_platform.adapters.slack_clicks import read_click
from pql_platform.calibration.announcement import refusal
from pql_platform.handoff import clicks
from pql_platform.handoff.clicks import STRANGE, Effect, take_click
from pql_platform.ledger.engine import open_ledger, reading
from pql_platform.ledger.handoffs import close_episodes, record_contact
from pql_platform.ledger.proposals import write_proposal
from pql_platform.ledger.states import CONTACTED, NOT_A_FIT, SNOOZE, WRONG_OWNER
from pql_platform.ledger.versions import NewVersion, live_version, promote, record_version
from pql_platform.program.load import load_programs
from pql_platform.qualify.versions import version_digest

ANA, BO, MO = "U0ANA00001", "U0BO000001", "U0MO000001"


def press(installation: Any, payload: dict[str, Any], now: datetime | None = None) -> Effect:
    click = read_click(payload)
    assert click is not None
    return take_click(installation.settings, installation.engine, click, now or datetime.now(UTC))


def test_a_contact_stops_the_clock_and_names_who_it_was(installation: Any) -> None:
    done = press(installation, installation.payload(CONTACTED, user=BO))
    [given] = installation.feedback
    assert done == Effect(True, "Recorded, the clock has stopped.")
    assert (given.action, given.detail, given.source, given.given_by) == (
        CONTACTED,
        None,
        "slack",
        "bo",
    )
    assert installation.handoff.contacted_by == "bo"


def test_somebody_whom_the_team_file_does_not_know_is_named_as_slack_does(
    installation: Any,
) -> None:
    press(installation, installation.payload(user="U0STRANGER1"))
    assert installation.handoff.contacted_by == "u0stranger1 (U0STRANGER1)"


@pytest.mark.parametrize(
    ("action", "value"),
    [(CONTACTED, None), (NOT_A_FIT, "too_small"), (SNOOZE, "1d"), (WRONG_OWNER, None)],
)
def test_the_same_click_again_changes_nothing(
    action: str, value: str | None, installation: Any
) -> None:
    payload = installation.payload(action, value)
    assert press(installation, payload).changed
    before = installation.rows()
    assert not press(installation, payload).changed
    assert installation.rows() == before


@pytest.mark.parametrize(
    ("action", "value"), [(CONTACTED, None), (NOT_A_FIT, "too_small"), (WRONG_OWNER, None)]
)
def test_pressed_by_two_people_it_counts_once(
    action: str, value: str | None, installation: Any
) -> None:
    first, second = (installation.payload(action, value, user) for user in (ANA, BO))
    assert press(installation, first).changed
    before = installation.rows()
    assert not press(installation, second).changed
    assert installation.rows() == before
    assert [given.given_by for given in installation.feedback] == ["ana"]


def test_wrong_owner_pressed_twice_gives_the_lead_away_once(installation: Any) -> None:
    payload = installation.payload(WRONG_OWNER)
    press(installation, payload)
    owner = installation.handoff.owner
    again = press(installation, payload)
    assert owner != "ana"
    assert installation.handoff.owner == owner
    assert again == Effect(False, f"It went to {owner} already.")
    assert press(installation, installation.payload(WRONG_OWNER)).changed, "nor is it theirs"
    assert installation.handoff.owner not in {"ana", owner}


def test_two_clicks_at_the_same_moment_count_once(installation: Any) -> None:
    done: list[Effect] = []
    together = threading.Barrier(4)
    payload = installation.payload(WRONG_OWNER)

    def click() -> None:
        together.wait(10)
        done.append(press(installation, payload))

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [effect.changed for effect in done].count(True) == 1
    assert len(done) == 4
    assert len(installation.feedback) == 1


def test_a_snooze_may_be_asked_for_again_later(installation: Any) -> None:
    first, second = installation.payload(SNOOZE, "4h"), installation.payload(SNOOZE, "4h")
    second["actions"][0]["action_ts"] = f"{float(second['actions'][0]['action_ts']) + 7200:.6f}"
    now = datetime.now(UTC)
    press(installation, first, now)
    assert press(installation, second, now + timedelta(hours=2)).changed
    assert installation.handoff.snoozed_until == now + timedelta(hours=6)


def test_a_contact_after_the_deadline_still_counts(installation: Any) -> None:
    late = datetime.now(UTC) + timedelta(hours=5)
    assert press(installation, installation.payload(), late).changed
    assert installation.handoff.contacted_at == late


def test_after_a_contact_nothing_is_snoozed(installation: Any) -> None:
    with installation.engine.begin() as conn:
        record_contact(conn, installation.id, datetime.now(UTC), "bo")
    done = press(installation, installation.payload(SNOOZE, "1d"))
    assert not done.changed
    assert installation.handoff.snoozed_until is None


@pytest.mark.parametrize(("action", "value"), [(SNOOZE, "1d"), (WRONG_OWNER, None)])
def test_after_the_end_of_the_episode_it_goes_to_nobody_and_waits_for_nothing(
    action: str, value: str | None, installation: Any
) -> None:
    with installation.engine.begin() as conn:
        close_episodes(conn, [installation.id], datetime.now(UTC), "the account pays now")
    before = installation.handoff
    done = press(installation, installation.payload(action, value))
    assert not done.changed
    assert "none any more" in done.says
    assert installation.handoff == before


def on_row(block_id: str, **action: str) -> Callable[[Any, dict[str, Any]], None]:
    """Makes a click one on another row, or with another action."""

    def change(installation: Any, payload: dict[str, Any]) -> None:
        payload["actions"][0] |= {"block_id": block_id} if block_id else {}
        payload["actions"][0] |= action

    return change


def on_copied_id(installation: Any, payload: dict[str, Any]) -> None:
    """Names a lead whose alert was delivered too, but as another message."""
    other = installation.cross("other")
    assert installation.drain(timedelta(seconds=2)).delivered == 1
    payload["actions"][0]["block_id"] = f"{LEAD}{other}"


def on_waiting(installation: Any, payload: dict[str, Any]) -> None:
    """Names a lead whose alert has not been delivered."""
    payload["actions"][0]["block_id"] = f"{LEAD}{installation.cross('waits')}"


FOREIGN: dict[str, Callable[[Any, dict[str, Any]], None]] = {
    "another channel": lambda _, payload: payload["channel"].update(id="C0000000002"),
    "another message": lambda _, payload: payload["message"].update(ts="1.000001"),
    "unknown hand-off": on_row(f"{LEAD}h0000000000000000"),
    "no hand-off": on_row(LEAD),
    "copied id": on_copied_id,
    "a hand-off without an alert yet": on_waiting,
    "unknown action": on_row("", action_id="delete"),
    "action of a proposal": on_row("", action_id=APPROVE),
    "unknown reason": on_row("", action_id=NOT_A_FIT, value="because"),
    "unknown snooze": on_row("", action_id=SNOOZE, value="99d"),
    "unknown owner": on_row("", action_id=WRONG_OWNER, value=owner_mark("somebody")),
    "owner by name": on_row("", action_id=WRONG_OWNER, value="ana"),
    "version that is none": on_row(f"{PROPOSAL}boards-v9", action_id=APPROVE),
    "version nobody was asked about": on_row(f"{PROPOSAL}boards-v1", action_id=APPROVE),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_what_is_not_on_the_delivered_message_has_no_effect(case: str, installation: Any) -> None:
    payload = installation.payload()
    FOREIGN[case](installation, payload)
    before = installation.rows()
    done = press(installation, payload)
    assert not done.changed
    assert done.says
    assert installation.rows() == before


def test_a_click_from_another_installation_has_no_effect(installation: Any, tmp_path: Any) -> None:
    payload = installation.payload()
    elsewhere = open_ledger(f"sqlite:///{tmp_path / 'other.sqlite'}")
    click = read_click(payload)
    assert click is not None
    done = take_click(installation.settings, elsewhere, click, datetime.now(UTC))
    elsewhere.dispose()
    assert done == Effect(False, STRANGE)


@pytest.fixture
def proposed(installation: Any) -> Any:
    """A challenger, and the click of somebody who approves on the message that asks about it."""
    now = datetime.now(UTC)
    [file] = load_programs(installation.settings.programs)
    with installation.engine.begin() as conn:
        promote(conn, "boards", "boards-v1", "test", "first", None, now=now)
        new = NewVersion(
            program="boards",
            program_digest=version_digest(file.program),
            enter_account=Decimal(60),
            enter_user=Decimal(55),
            leave_margin=Decimal(5),
            created_at=now,
            created_by="calibration",
            reason="second",
        )
        version = record_version(conn, new).id
        proposal = {
            **refusal("boards", "boards-v1", "it finds more buyers"),
            "title": f"{version} waits for a decision",
            "version": version,
            "action": "ask",
        }
        assert write_proposal(conn, proposal, version, now)
    assert installation.drain(timedelta(seconds=2)).delivered == 1
    posted = installation.slack.posted()[-1]
    payload = installation.payload(APPROVE, version, MO)
    payload["actions"][0]["block_id"] = f"{PROPOSAL}{version}"
    assert payload["actions"][0]["block_id"] in [one.get("block_id") for one in posted["blocks"]]
    payload["channel"]["id"], payload["message"]["ts"] = posted["channel"], posted["ts"]
    return version, payload


def test_who_may_approve_makes_the_proposed_version_live_once(
    installation: Any, proposed: Any
) -> None:
    version, payload = proposed
    done = press(installation, payload)
    assert done == Effect(True, f"{version} is live, made so by mo. `pql rollback` takes it back.")
    with reading(installation.engine) as conn:
        live = live_version(conn, "boards")
    assert live is not None
    assert (live.version.id, live.promoted_by) == (version, "mo")
    before = installation.rows()
    assert not press(installation, payload).changed
    assert installation.rows() == before


def test_a_proposal_held_against_a_version_that_is_not_live_any_more_is_refused(
    installation: Any, proposed: Any
) -> None:
    version, payload = proposed
    now = datetime.now(UTC)
    with installation.engine.begin() as conn:
        other = record_version(
            conn,
            NewVersion("boards", "2" * 64, Decimal(61), Decimal(55), Decimal(5), now, "x", "third"),
        )
        promote(conn, "boards", other.id, "test", "meanwhile", "boards-v1", now=now)
    done = press(installation, payload)
    assert not done.changed
    assert f"{other.id} is live, not boards-v1 as expected" in done.says
    with reading(installation.engine) as conn:
        live = live_version(conn, "boards")
    assert live is not None
    assert live.version.id == other.id != version


@pytest.mark.parametrize("user", [ANA, "U0STRANGER1"])
@pytest.mark.parametrize("action", [APPROVE, "reject_version"])
def test_nobody_else_decides(
    user: str, action: str, installation: Any, proposed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clicks, "promote_version", lambda *_, **__: pytest.fail("it was promoted"))
    _, payload = proposed
    payload["user"]["id"] = user
    payload["actions"][0]["action_id"] = action
    done = press(installation, payload)
    assert not done.changed
    assert "approves: true" in done.says


@pytest.mark.parametrize("action", ["reject_version", CONTACTED, "else"])
def test_whatever_is_no_approval_promotes_nothing(
    action: str, installation: Any, proposed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clicks, "promote_version", lambda *_, **__: pytest.fail("it was promoted"))
    _, payload = proposed
    payload["actions"][0]["action_id"] = action
    before = installation.rows()
    done = press(installation, payload)
    assert not done.changed
    assert ("leaves" in done.says) is (action == "reject_version")
    assert installation.rows() == before
