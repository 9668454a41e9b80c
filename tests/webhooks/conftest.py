"""A receiver in a process of its own, channels that post to it, and messages to post."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import SecretStr

from pql_platform.adapters.webhook import Endpoint, Webhooks
from pql_platform.domain.delivery import Message

TESTS = Path(__file__).parent.parent
KEY = "3f9a" * 16
SECRETS = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""The key of the published example."""
TOKENS = {"customerio": "site0815:key4711", "intercom": "dG9rOmludGVyY29t"}


def load_by_path(name: str, path: Path) -> ModuleType:
    """Import a file as `name`, once; test modules then import it by that name."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


fakes = load_by_path("fake_webhook", TESTS / "fakes" / "fake_webhook.py")
stories = load_by_path("alert_stories", TESTS / "alert" / "stories.py")


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Any]:
    """A receiver of one's own."""
    with fakes.running_fake_webhook(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def lasting_receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One receiver for a whole table of cases."""
    with fakes.running_fake_webhook(tmp_path_factory.mktemp("webhooks")) as running:
        yield running


@pytest.fixture
def channel_to() -> Callable[..., Webhooks]:
    """Builds the channel under test, with one endpoint `app` at a URL."""

    def build(
        url: str,
        template: Any = "generic",
        secret: str | None = SECRETS,
        token: str | None = None,
        allow_loopback: bool = True,
        **options: Any,
    ) -> Webhooks:
        endpoint = Endpoint(
            name="app",
            url=url,
            template=template,
            secret=SecretStr(secret) if secret is not None else None,
            token=SecretStr(token or TOKENS.get(template, "")),
        )
        return Webhooks({"app": endpoint}, allow_loopback=allow_loopback, **options)

    return build


@pytest.fixture
def webhook() -> Callable[..., Message]:
    """Builds one message of the outbox; changes are to its payload, `story` to the story."""

    def build(
        key: str = KEY,
        kind: str = "webhook",
        story: dict[str, Any] | None = None,
        **payload: Any,
    ) -> Message:
        content = {
            "endpoint": "app",
            "action": "in_app_prompt",
            "story": stories.realistic_story(**(story or {})).to_json(),
            "sequence": None,
            "email": None,
        }
        return Message(key=key, kind=kind, payload=content | payload)

    return build
