"""Slack as a channel of the outbox: post a message once, and find one that may have been posted.

Never retries, which is the outbox's business: the SDK's own retry re-sends after a dropped
connection and so doubles the alert (measured: two posts for one call). What is said is
`slack_blocks.py`, what a failure means is `slack_failures.py`, and the stand-in for places without
a Slack token is `slack_local.py`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from slack_sdk import WebClient
from slack_sdk.web import SlackResponse

from pql_platform.adapters.slack_blocks import (
    alert_message,
    escalation_message,
    oncall_message,
)
from pql_platform.adapters.slack_digest import digest_message
from pql_platform.adapters.slack_failures import BLOCKS_REFUSED, error_code, failure_of
from pql_platform.adapters.slack_layout import METADATA_EVENT, SlackMessage, metadata_key
from pql_platform.adapters.slack_proposal import proposal_message
from pql_platform.domain.delivery import Ambiguous, Evidence, Message, Rejected, Unauthorised
from pql_platform.domain.story import AlertStory
from pql_platform.errors import PqlError

SLACK_URL = "https://slack.com/api/"
PAGE = 200
MOST_PAGES = 50
"""Slack advises 200 per page; 10,000 messages back, a key that was not seen is not known."""

_LOOK_BACK = timedelta(hours=1)  # for clocks that disagree; no message is older than its crossing
# A call to duty or a digest is about no single crossing, and is history after a month.
_UNDATED_LOOK_BACK = timedelta(days=30)
_CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{8,}")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class SlackChannels:
    """Names or ids of the channels that messages go to."""

    alert: str = "pql-alerts"
    oncall: str = "pql-oncall"
    revops: str = "pql-alerts"

    def of(self, kind: str) -> str:
        """The channel for a kind of message."""
        return {"oncall": self.oncall, "proposal": self.revops}.get(kind, self.alert)


def build_client(token: str, base_url: str = SLACK_URL, timeout: int = 10) -> WebClient:
    """Slack's own client without any retry of its own, and silent about what it sends.

    Args:
        token: Bot token.
        base_url: Slack, or a stand-in for it. Plain http only on loopback: it carries the token.
        timeout: Seconds to connect and to wait for an answer.

    Raises:
        PqlError: The token cannot be one, or the URL would expose it.
    """
    if not re.fullmatch(r"[!-~]+", token):
        raise PqlError(
            "is empty or has a space or line break in it",
            field="SLACK_BOT_TOKEN",
            hint="Paste the bot token (xoxb-…) again",
        )
    url = urlsplit(base_url)
    if url.scheme != "https" and not (url.scheme == "http" and url.hostname in _LOOPBACK):
        raise PqlError(
            f"{base_url} would send the token unprotected",
            field="SLACK_BASE_URL",
            hint="Use https, or http on 127.0.0.1",
        )
    # The SDK writes whole messages to its debug log, and those name customers.
    logger = logging.getLogger(f"{__name__}.client")
    logger.setLevel(logging.INFO)
    client = WebClient(
        token=token, base_url=base_url, timeout=timeout, retry_handlers=[], logger=logger
    )
    if url.hostname in _LOOPBACK:
        client.proxy = None  # the SDK takes HTTPS_PROXY for loopback too
    return client


def compose(message: Message, now: datetime) -> SlackMessage:
    """The Slack message for one entry of the outbox.

    Raises:
        Rejected: The kind is none of Slack's, or the payload cannot be read.
    """
    if message.kind == "alert":
        return alert_message(story_of(message), now, message.key)
    if message.kind == "escalation":
        return escalation_message(story_of(message), now, message.key)
    if message.kind == "digest":
        return digest_message(message.payload, message.key)
    if message.kind == "proposal":
        return proposal_message(message.payload, message.key)
    if message.kind == "oncall":
        if missing := {"title", "body", "severity"} - set(message.payload):
            raise Rejected(f"this call to duty lacks {', '.join(sorted(missing))}")
        return oncall_message(message.payload, message.key)
    raise Rejected(f"Slack has no message of kind {message.kind}")


def story_of(message: Message) -> AlertStory:
    """The story that an alert or escalation carries.

    Raises:
        Rejected: There is none, or it cannot be read.
    """
    try:
        return AlertStory.from_json(message.payload["story"])
    except (KeyError, TypeError, ValueError) as error:
        raise Rejected(f"the story of this {message.kind} cannot be read: {error}") from error


def post_arguments(channel: str, content: SlackMessage) -> dict[str, Any]:
    """What chat.postMessage is called with: nothing is parsed, linked or unfurled but our own."""
    return {
        "channel": channel,
        "text": content.text,
        "blocks": content.blocks,
        "metadata": content.metadata,
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


class SlackWeb:
    """Slack over its Web API.

    Args:
        client: A client without retry handlers, as `build_client` makes it.
        channels: Where messages go. The bot is a member, with `chat:write`, `channels:history` and
            `channels:read` (for private channels `groups:history` and `groups:read`).
        clock: Says what time it is; only bounds how far back is looked.

    Attributes:
        settle_seconds: How long after an attempt its message may still turn up: until the client
            gives up, and a minute on Slack's side.
        pace_seconds: Slack takes one message a second and channel.

    Raises:
        ValueError: The client has retry handlers.
    """

    def __init__(
        self,
        client: WebClient,
        channels: SlackChannels,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if client.retry_handlers:
            raise ValueError("a Slack client with retry handlers posts twice: use build_client")
        self._client = client
        self._channels = channels
        self._clock = clock
        self._ids: dict[str, str] = {}
        self.settle_seconds = client.timeout + 60.0
        self.pace_seconds = 1.0

    def deliver(self, message: Message, now: datetime) -> Evidence:
        """Post once; as plain text when Slack certainly refused the blocks and nothing else.

        Raises:
            DeliveryFailure: One of its four kinds.
        """
        channel = self._channels.of(message.kind)
        arguments = post_arguments(channel, compose(message, now))
        refused = None
        try:
            answer = self._client.chat_postMessage(**arguments)
        except Exception as error:
            refused = error_code(error)
            if refused not in BLOCKS_REFUSED:
                raise failure_of(error) from error
            answer = self._post_text(arguments)
        evidence = _evidence(answer.data, refused)
        self._ids[channel] = evidence.detail["channel"]
        return evidence

    def find(self, message: Message) -> Evidence | None:
        """Look for the key in the metadata of the channel's messages since the crossing.

        Raises:
            Unauthorised: The token is refused.
            Ambiguous: The history could not be read to its end. Never `TryLater`, which would say
                that the message was not delivered.
        """
        name = self._channels.of(message.kind)
        key, oldest = metadata_key(message.key), self._oldest(message)
        try:
            channel_id = self._ids.setdefault(name, self._ids.get(name) or self._resolve(name))
            for posted in self._history(channel_id, oldest):
                if _key_of(posted) == key:
                    return _evidence({"channel": channel_id, "ts": posted["ts"]})
        except Ambiguous:
            raise
        except Exception as error:
            # A read changes nothing, so whatever went wrong leaves the question open.
            failure = failure_of(error)
            if isinstance(failure, Unauthorised) and error_code(error) != "missing_scope":
                raise failure from error
            raise Ambiguous(f"Slack could not be searched: {failure.reason}") from error
        return None

    def _post_text(self, arguments: dict[str, Any]) -> SlackResponse:
        try:
            return self._client.chat_postMessage(
                **{name: value for name, value in arguments.items() if name != "blocks"}
            )
        except Exception as error:
            raise failure_of(error) from error

    def _oldest(self, message: Message) -> datetime:
        now = self._clock()
        if "story" not in message.payload:
            return now - _UNDATED_LOOK_BACK
        # A story may be dated ahead of this machine's clock, but Slack dates by its own.
        return min(story_of(message).crossed_at, now) - _LOOK_BACK

    def _history(self, channel_id: str, oldest: datetime) -> Iterator[dict[str, Any]]:
        return self._pages(
            "messages",
            lambda cursor: self._client.conversations_history(
                channel=channel_id,
                include_all_metadata=True,
                oldest=f"{oldest.timestamp():.6f}",
                limit=PAGE,
                cursor=cursor,
            ),
        )

    def _resolve(self, name: str) -> str:
        """Id of a channel, which the history needs, from its name."""
        if _CHANNEL_ID.fullmatch(name):
            return name
        channels = self._pages(
            "channels",
            lambda cursor: self._client.conversations_list(
                types="public_channel,private_channel", limit=PAGE, cursor=cursor
            ),
        )
        for channel in channels:
            if channel["name"] == name.removeprefix("#"):
                return str(channel["id"])
        raise Ambiguous(f"the id of the Slack channel {name} is not known: is the bot a member?")

    def _pages(
        self, field: str, call: Callable[[str | None], SlackResponse]
    ) -> Iterator[dict[str, Any]]:
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = call(cursor)
            yield from page[field]
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                if page.get("has_more"):
                    raise Ambiguous("Slack broke off its history")
                return
        raise Ambiguous(f"the key is not among the newest {MOST_PAGES * PAGE} of Slack's {field}")


def _key_of(posted: dict[str, Any]) -> str | None:
    """Our key in a message of the history, None when it is somebody else's message."""
    metadata = posted.get("metadata") or {}
    if metadata.get("event_type") != METADATA_EVENT:
        return None
    if "event_payload" not in metadata:
        raise Ambiguous("Slack shows that there is metadata, but not what it says")
    key = metadata["event_payload"].get("key")
    return key if isinstance(key, str) else None


def _evidence(answer: object, refused: str | None = None) -> Evidence:
    found = answer if isinstance(answer, dict) else {}
    channel, ts = found.get("channel"), found.get("ts")
    if not (isinstance(channel, str) and isinstance(ts, str) and re.fullmatch(r"\d+\.\d+", ts)):
        raise Ambiguous("Slack said ok, but not where the message is")
    detail = {"channel": channel, "ts": ts}
    if refused:
        detail["blocks_refused"] = refused
    return Evidence(reference=f"{channel}/{ts}", detail=detail)
