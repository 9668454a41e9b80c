"""One alert to a Slack that is not of our making: Vercel's emulator of its API (npm `emulate`).

Where it is installed, that is: `npm install --prefix FOLDER emulate@0.12.2` and
`PQL_EMULATE=FOLDER`, outside this repository; it needs Node 24, which npm has as `node@24`. With
`PQL_TEST_EMULATE=required` what is missing is a failure.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import alert_stories
import pytest
from slack_sdk.errors import SlackApiError

from pql_platform.adapters.slack import SlackChannels, SlackWeb
from pql_platform.adapters.slack_client import build_client
from pql_platform.domain.delivery import Message, Rejected

VERSION = "0.12.2"
CHANNELS = SlackChannels(alert="general", oncall="random")  # the two that it begins with
START_SECONDS = 30


def missing(what: str) -> None:
    """Skip, or fail where nothing may be missing."""
    if os.environ.get("PQL_TEST_EMULATE") == "required":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="module")
def command() -> list[str]:
    """What starts the emulator."""
    named = os.environ.get("PQL_EMULATE")
    if named is None:
        missing(f"emulate is not here: npm install --prefix DIR emulate@{VERSION}; PQL_EMULATE=DIR")
    modules = Path(str(named)).resolve() / "node_modules"
    script = modules / "emulate" / "dist" / "index.js"
    if not script.exists():
        missing(f"{named} has no emulate: npm install --prefix {named} emulate@{VERSION}")
    own = modules / "node" / "bin" / "node"
    node = str(own) if own.exists() else shutil.which("node")
    if node is None:
        missing(f"emulate needs Node 24: npm install --prefix {named} node@24")
    found = [str(node), str(script)]
    answer = subprocess.run([*found, "--version"], capture_output=True, text=True, timeout=60)
    if answer.stdout.strip() != VERSION:
        missing(f"emulate {VERSION} does not start: {answer.stdout} {answer.stderr[-300:]}")
    return found


@pytest.fixture(scope="module")
def base_url(command: list[str]) -> Iterator[str]:
    """An emulated Slack in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [*command, "start", "--service", "slack", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/api/"
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


def alert(key: str) -> Message:
    story = replace(
        alert_stories.realistic_story(), crossed_at=datetime.now(UTC) - timedelta(minutes=3)
    )
    return Message(key, "alert", {"story": story.to_json()})


def test_an_alert_is_posted_once_and_found_again_by_its_key(base_url: str) -> None:
    client = build_client("xoxb-fake", base_url, timeout=5)
    message = alert("a" * 64)
    evidence = SlackWeb(client, CHANNELS).deliver(message, datetime.now(UTC))
    # Another one, since the first has the channel's id from its post.
    finder = SlackWeb(client, CHANNELS)
    assert finder.find(message) == evidence
    assert finder.find(alert("b" * 64)) is None
    history = client.conversations_history(
        channel=evidence.detail["channel"], include_all_metadata=True
    )
    [posted] = [one for one in history["messages"] if one.get("metadata")]
    assert posted["metadata"] == {"event_type": "pql_alert", "event_payload": {"key": "a" * 64}}
    assert posted["blocks"][0]["type"] == "header"


def test_a_channel_that_is_not_there_is_a_refusal_for_good(base_url: str) -> None:
    client = build_client("xoxb-fake", base_url, timeout=5)
    with pytest.raises(Rejected, match="channel_not_found") as refused:
        SlackWeb(client, SlackChannels(alert="nowhere")).deliver(alert("c" * 64), datetime.now(UTC))
    assert isinstance(refused.value.__cause__, SlackApiError)
