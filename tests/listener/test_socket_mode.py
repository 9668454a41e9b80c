"""Socket Mode: `pql listen --socket-mode` as a process against a WebSocket as Slack's."""

from __future__ import annotations

import importlib.util
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ANA, BO = "U0ANA00001", "U0BO000001"


def _load(name: str, path: Path) -> ModuleType:
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


sockets = _load("fake_socket", Path(__file__).with_name("fake_socket.py"))


@pytest.fixture
def wire(slack: Any) -> Iterator[Any]:
    """The WebSocket, which the fake Slack names to whoever asks."""
    with sockets.running_fake_socket() as running:
        slack.offer_socket(running.url)
        yield running


@pytest.fixture
def connected(installation: Any, wire: Any, start: Any) -> Any:
    """The listener, connected."""
    other = start("-m", "pql_platform.cli.main", "listen", "--socket-mode")
    assert wire.heard(60) == "HELLO"
    return other


def test_a_click_is_written_down_acknowledged_and_answered(
    installation: Any, wire: Any, connected: Any
) -> None:
    wire.send("e1", installation.payload(user=BO))
    assert json.loads(wire.heard()) == {"envelope_id": "e1"}
    assert installation.handoff.contacted_by == "bo", "before it was acknowledged"
    until(lambda: installation.slack.told())
    [told] = installation.slack.told()
    assert told == {
        "text": "Recorded, the clock has stopped.",
        "response_type": "ephemeral",
        "replace_original": False,
    }
    installation.drain(timedelta(seconds=5))
    assert installation.slack.edited()[-1]["text"].startswith("Contacted by bo")


def test_the_same_click_twice_counts_once(installation: Any, wire: Any, connected: Any) -> None:
    payload = installation.payload("wrong_owner")
    for name in ("e1", "e2"):
        wire.send(name, payload)
        assert json.loads(wire.heard())["envelope_id"] == name
    assert len(installation.feedback) == 1


def test_what_asks_for_nothing_or_cannot_be_read_is_acknowledged(
    installation: Any, wire: Any, connected: Any
) -> None:
    before = installation.rows()
    link = installation.payload()
    link["actions"][0] = {"action_id": "open_0", "block_id": "Xy3", "type": "button"}
    broken = installation.payload(message=None)
    other = installation.payload(channel={"id": "C0000000002"})
    for name, payload in (("e1", link), ("e2", broken), ("e3", other)):
        wire.send(name, payload)
        assert json.loads(wire.heard())["envelope_id"] == name
    assert installation.rows() == before


def test_the_acknowledgement_does_not_wait_for_the_answer(
    installation: Any, wire: Any, connected: Any
) -> None:
    installation.slack.break_next("response_url", {"fault": "delay", "seconds": 6})
    begun = time.monotonic()
    wire.send("e1", installation.payload())
    assert json.loads(wire.heard())["envelope_id"] == "e1"
    assert time.monotonic() - begun < 5


def test_an_answer_goes_only_to_slack_or_its_stand_in(
    installation: Any, wire: Any, connected: Any
) -> None:
    elsewhere = installation.slack.response_url().replace("127.0.0.1", "localhost")
    wire.send("e1", installation.payload(response_url=elsewhere))
    assert json.loads(wire.heard())["envelope_id"] == "e1"
    wire.send("e2", installation.payload(user=BO))
    assert json.loads(wire.heard())["envelope_id"] == "e2"
    until(lambda: installation.slack.told())
    assert [told["text"] for told in installation.slack.told()] == ["That was recorded before."]


def test_a_click_that_could_not_be_written_is_not_acknowledged(
    installation: Any, wire: Any, connected: Any
) -> None:
    path = installation.settings.team
    kept = path.read_text(encoding="utf-8")
    path.write_text("people: [", encoding="utf-8")
    wire.send("e1", installation.payload())
    assert wire.is_silent(4)
    path.write_text(kept, encoding="utf-8")
    wire.send("e2", installation.payload())
    assert json.loads(wire.heard())["envelope_id"] == "e2"
    assert len(installation.feedback) == 1


def test_after_a_closed_connection_it_comes_back(
    installation: Any, wire: Any, connected: Any
) -> None:
    wire.close()
    assert wire.heard(40) == "HELLO"
    wire.send("e1", installation.payload())
    assert json.loads(wire.heard())["envelope_id"] == "e1"
    assert len(installation.feedback) == 1


def test_ctrl_c_ends_it(installation: Any, wire: Any, connected: Any) -> None:
    assert "Connected to Slack" in connected.process.stdout.readline()
    connected.process.send_signal(signal.SIGINT)
    _, _, err = connected.finish()
    assert err.strip() in ("", "Aborted.")


@pytest.mark.parametrize(
    ("name", "value"),
    [("SLACK_APP_TOKEN", "xapp-other"), ("SLACK_BOT_TOKEN", "xoxb-other")],
)
def test_a_token_that_slack_refuses_ends_it_at_once(
    name: str, value: str, installation: Any, wire: Any, start: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv(name, value)
    code, out, err = start("-m", "pql_platform.cli.main", "listen", "--socket-mode").finish()
    assert code == 1
    assert name in err
    assert "Connected" not in out
    assert value not in err
    assert "Traceback" not in err


@pytest.mark.parametrize("name", ["SLACK_APP_TOKEN", "SLACK_BOT_TOKEN"])
def test_without_a_token_it_does_not_start(
    name: str, installation: Any, pql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(name)
    refused = pql("listen", "--socket-mode")
    assert refused.code == 1
    assert name in refused.err


def until(true: Callable[[], Any], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
