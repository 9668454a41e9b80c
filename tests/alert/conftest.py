"""Loads the fake Slack and the stories by path, and hands out channels that talk to the fake."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pql_platform.adapters.slack import SlackChannels, SlackWeb
from pql_platform.adapters.slack_client import build_client
from pql_platform.domain.delivery import Message

TESTS = Path(__file__).parent.parent


def load_by_path(name: str, path: Path) -> ModuleType:
    """Import a file as `name`, once; test modules then import it by that name."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


fakes = load_by_path("fake_slack", TESTS / "fakes" / "fake_slack.py")
stories = load_by_path("alert_stories", Path(__file__).parent / "stories.py")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def slack(tmp_path: Path) -> Iterator[Any]:
    """A fake Slack of one's own."""
    with fakes.running_fake_slack(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def lasting_slack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One fake Slack for a whole table of cases."""
    with fakes.running_fake_slack(tmp_path_factory.mktemp("slack")) as running:
        yield running


@pytest.fixture
def channel_to() -> Callable[..., SlackWeb]:
    """Builds the channel under test on a fake, with a timeout in seconds."""

    def build(slack: Any, timeout: float = 5, **channels: str) -> SlackWeb:
        client = build_client(slack.token, slack.base_url)
        client.timeout = timeout  # below the whole seconds that the SDK is typed for
        return SlackWeb(client, SlackChannels(**channels))

    return build


@pytest.fixture
def alert() -> Callable[..., Message]:
    """Builds one alert of the outbox."""

    def build(key: str = "boards:account:acct_5821:alert:1:1", **changes: Any) -> Message:
        story = stories.realistic_story(**changes)
        return Message(key=key, kind="alert", payload={"story": story.to_json()})

    return build
