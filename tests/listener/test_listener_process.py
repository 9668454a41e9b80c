"""`pql listen` as its own process: from the click to the ledger, and on to the edited alert."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from pql_platform.adapters.slack import SlackChannels, SlackWeb
from pql_platform.adapters.slack_client import build_client
from pql_platform.adapters.slack_listener import PATH
from pql_platform.domain.delivery import Message
from pql_platform.handoff.urging import urge
from pql_platform.team.load import load_team

ANA, BO = "U0ANA00001", "U0BO000001"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(port: int, method: str, path: str, request: Any = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        body, headers = (None, {}) if request is None else (request.body, request.headers)
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def until(true: Callable[[], Any], seconds: float = 20) -> Any:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
    return found


@pytest.fixture
def listening(installation: Any, start: Any) -> Any:
    """Starts a listener; returns its process and its port once it answers."""

    def begin() -> tuple[Any, int]:
        port = free_port()
        other = start("-m", "pql_platform.cli.main", "listen", "--port", str(port))

        def healthy() -> bool:
            assert other.process.poll() is None, other.finish()
            try:
                return ask(port, "GET", "/health") == (200, b"ok")
            except OSError:
                return False

        until(healthy, 60)
        return other.process, port

    return begin


def alert_in(installation: Any) -> Message:
    """The alert as the outbox has it."""
    return Message(installation.place["key"], "alert", {"story": installation.handoff.story})


def in_slack(installation: Any) -> dict[str, Any]:
    """The alert as Slack shows it after the next drain."""
    installation.drain(timedelta(seconds=5))
    shown: dict[str, Any] = installation.slack.edited()[-1]
    assert shown["ts"] == installation.place["ts"]
    return shown


def test_a_contact_goes_from_the_click_to_the_ledger_and_into_the_alert(
    installation: Any, listening: Any
) -> None:
    _, port = listening()
    assert ask(port, "POST", PATH, installation.request(user=BO)) == (200, b"")
    assert installation.handoff.contacted_by == "bo"
    [told] = until(installation.slack.told)
    assert told["text"] == "Recorded, the clock has stopped."
    shown = in_slack(installation)
    assert shown["blocks"][1]["text"]["text"].startswith("*Contacted by bo, ")
    assert shown["metadata"] == installation.slack.posted()[0]["metadata"]
    client = build_client(installation.slack.token, installation.slack.base_url)
    found = SlackWeb(client, SlackChannels()).find(alert_in(installation))
    assert found is not None
    assert found.detail["ts"] == installation.place["ts"]
    assert installation.drain(timedelta(seconds=10)).delivered == 0


def test_a_lead_that_does_not_fit_has_no_buttons_any_more_and_a_late_click_changes_nothing(
    installation: Any, listening: Any
) -> None:
    _, port = listening()
    late = installation.request("snooze", "1d")
    assert ask(port, "POST", PATH, installation.request("not_a_fit", "student")) == (200, b"")
    assert "lead:" in json.dumps(installation.slack.posted()[0])
    shown = in_slack(installation)
    assert "lead:" not in json.dumps(shown)
    assert shown["blocks"][1]["text"]["text"].startswith("*Not a fit, says ana: student")
    before = installation.handoff
    assert ask(port, "POST", PATH, late)[0] == 200
    assert installation.handoff == before
    assert "none any more" in until(lambda: installation.slack.told()[1:])[0]["text"]


def test_the_same_request_again_is_remembered_by_the_next_process_too(
    installation: Any, listening: Any
) -> None:
    request = installation.request()
    process, port = listening()
    assert ask(port, "POST", PATH, request)[0] == 200
    until(installation.slack.told)
    before = installation.rows()
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    assert installation.handoff.contacted_at is not None, "what was answered is on the disk"
    _, port = listening()
    assert [ask(port, "POST", PATH, request) for _ in range(2)] == [(200, b"")] * 2
    assert installation.rows() == before
    assert len(installation.slack.told()) == 1


def test_what_is_not_signed_or_not_of_here_leaves_the_ledger_as_it_is(
    installation: Any, listening: Any, kit: Any
) -> None:
    _, port = listening()
    before = installation.rows("received_requests")
    good = installation.request()
    old = int(datetime.now(UTC).timestamp()) - 360
    elsewhere = installation.payload(channel={"id": "C0000000002"})
    copied = installation.payload()
    copied["message"]["ts"] = "1.000001"
    answers = [
        ask(port, "POST", PATH, request)
        for request in (
            kit.signed(good.body, secret="another"),
            kit.signed(good.body, old),
            kit.Signed(good.body + b"x", good.headers),
            kit.signed(b"x" * 1_100_000),
            kit.signed(b"payload=nothing"),
            kit.signed(kit.form(elsewhere)),
            kit.signed(kit.form(copied)),
        )
    ]
    assert [status for status, _ in answers] == [401, 401, 401, 413, 400, 200, 200]
    assert installation.rows("received_requests") == before
    assert all("no message" in told["text"] for told in installation.slack.told())


def test_pressed_by_many_at_once_it_counts_once(installation: Any, listening: Any) -> None:
    _, port = listening()
    users = [ANA, BO, "U0STRANGER1", "U0STRANGER2"] * 3
    requests = [installation.request(user=user) for user in users]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda request: ask(port, "POST", PATH, request), requests))
    assert {status for status, _ in answers} == {200}
    assert len(installation.feedback) == 1
    until(lambda: len(installation.slack.told()) == len(users))
    says = [told["text"] for told in installation.slack.told()]
    assert says.count("Recorded, the clock has stopped.") == 1
    assert says.count("That was recorded before.") == len(users) - 1


def test_slack_is_answered_within_three_seconds_while_another_process_writes(
    installation: Any, listening: Any
) -> None:
    _, port = listening()
    request = installation.request()
    with installation.engine.begin() as conn:
        conn.execute(text("DELETE FROM breakers WHERE 1 = 0"))
        begun = time.monotonic()
        assert ask(port, "POST", PATH, request) == (200, b"")
        assert time.monotonic() - begun < 3
        assert installation.slack.told() == []
    [told] = until(installation.slack.told)
    assert told["text"] == "Recorded, the clock has stopped."
    assert installation.handoff.contacted_by == "ana"


def test_a_contact_after_the_escalation_counts_and_ends_the_urging(
    installation: Any, listening: Any
) -> None:
    _, port = listening()
    team = load_team(installation.settings.team)
    for hours in (1, 2):
        later = timedelta(hours=hours, minutes=1)
        urge(installation.engine, team, None, datetime.now(UTC) + later)
        installation.drain(later + timedelta(minutes=1))
    replies = [one for one in installation.slack.posted() if "thread_ts" in one]
    assert [one.get("reply_broadcast", False) for one in replies] == [False, True]
    assert {one["thread_ts"] for one in replies} == {installation.place["ts"]}
    assert ask(port, "POST", PATH, installation.request())[0] == 200
    assert installation.handoff.contacted_by == "ana"
    assert not urge(installation.engine, team, None, datetime.now(UTC) + timedelta(hours=4))


def test_without_a_secret_it_does_not_start(
    installation: Any, pql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_SIGNING_SECRET", " ")
    empty = pql("listen", "--port", str(free_port()))
    monkeypatch.delenv("SLACK_SIGNING_SECRET")
    missing = pql("listen", "--port", str(free_port()))
    for refused in (empty, missing):
        assert refused.code == 1
        assert "SLACK_SIGNING_SECRET" in refused.err


def test_a_port_that_is_taken_ends_it_with_a_reason(installation: Any, start: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, out, err = start("-m", "pql_platform.cli.main", "listen", "--port", port).finish()
    assert code == 1
    assert "Address already in use" in err
    assert "Listening" not in out
    assert "Traceback" not in err


def test_ctrl_c_ends_it_and_lets_go_of_the_ledger(installation: Any, listening: Any) -> None:
    process, port = listening()
    assert ask(port, "POST", PATH, installation.request())[0] == 200
    process.send_signal(signal.SIGINT)
    process.wait(20)
    with pytest.raises(OSError, match="refused"):
        ask(port, "GET", "/health")
    assert "Traceback" not in process.stderr.read()
