"""Slack as a channel of the outbox: post a message once, and find one that may have been posted.

Never retries, which is the outbox's business: the SDK's own retry re-sends after a dropped
connection and so doubles the alert (measured: two posts for one call). What is said is
`slack_compose.py`, what a failure means is `slack_failures.py`, and the stand-in for places without
a Slack token is `slack_local.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from pql_platform.adapters.slack_compose import compose, place_of, story_of
from pql_platform.adapters.slack_failures import BLOCKS_REFUSED, GONE, error_code, failure_of
from pql_platform.adapters.slack_layout import METADATA_EVENT, SlackMessage, metadata_key
from pql_platform.domain.delivery import Ambiguous, Evidence, Message, Unauthorised

PACE = 1.1
PAGE = 200
MOST_PAGES = 50
"""Slack advises 200 per page; 10,000 messages back, a key that was not seen is not known."""

_LOOK_BACK = timedelta(hours=1)  # for clocks that disagree; no message is older than its crossing
# A call to duty or a digest is about no single crossing, and is history after a month.
_UNDATED_LOOK_BACK = timedelta(days=30)
_CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{8,}")
# All that chat.update takes of a post is given again: what is left out may be lost.
_EDITABLE = ("channel", "text", "blocks", "metadata", "parse", "link_names")


@dataclass(frozen=True)
class SlackChannels:
    """Names or ids of the channels that messages go to."""

    alert: str = "pql-alerts"
    oncall: str = "pql-oncall"
    revops: str = "pql-alerts"

    def of(self, message: Message) -> str:
        """The channel for a message: that of the alert it belongs to, else that of its kind."""
        place = message.payload.get("alert")
        if isinstance(place, Mapping) and isinstance(place.get("channel"), str):
            return str(place["channel"])
        kinds = {"oncall": self.oncall, "breach": self.oncall, "proposal": self.revops}
        return kinds.get(message.kind, self.alert)


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
        answerable: Whether somebody listens for clicks on the buttons of an alert.

    Attributes:
        settle_seconds: How long after an attempt its message may still turn up: until the client
            gives up, and a minute on Slack's side.
        pace_seconds: Slack takes one message a second and channel; a tenth more is kept, because it
            is counted from claim to claim and a slow send comes closer to the one after it.

    Raises:
        ValueError: The client has retry handlers.
    """

    def __init__(
        self,
        client: WebClient,
        channels: SlackChannels,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        answerable: bool = True,
    ) -> None:
        if client.retry_handlers:
            raise ValueError("a Slack client with retry handlers posts twice: use build_client")
        self._client = client
        self._channels = channels
        self._clock = clock
        self._answerable = answerable
        self._ids: dict[str, str] = {}
        self.settle_seconds = client.timeout + 60.0
        self.pace_seconds = PACE

    def deliver(self, message: Message, now: datetime) -> Evidence:
        """Post once; as plain text when Slack certainly refused the blocks and nothing else.

        What belongs to an alert goes into its thread, and an edit into its place.

        Raises:
            DeliveryFailure: One of its four kinds.
        """
        channel = self._channels.of(message)
        arguments = post_arguments(channel, compose(message, now, self._answerable))
        place = place_of(message) or {}
        if message.kind == "alert_edit":
            return self._edit(arguments, place)
        if isinstance(place.get("ts"), str):
            # A thread is read by whoever follows it, so what asks for help shows above it too.
            broadcast = message.kind == "escalation"
            arguments |= {"thread_ts": place["ts"], "reply_broadcast": broadcast}
        try:
            answer, refused = _sent(self._client.chat_postMessage, arguments)
        except Exception as error:
            raise failure_of(error) from error
        evidence = _evidence(answer.data, refused)
        self._ids[channel] = evidence.detail["channel"]
        return evidence

    def find(self, message: Message) -> Evidence | None:
        """Look for the key in the metadata of the channel's messages since the crossing.

        A reply is looked for in its thread, and then in the channel, for Slack puts it there when
        somebody deleted the alert. An edit is not looked for: made twice it is the same.

        Raises:
            Unauthorised: The token is refused.
            Ambiguous: The history could not be read to its end. Never `TryLater`, which would say
                that the message was not delivered.
        """
        if message.kind == "alert_edit":
            return None
        name = self._channels.of(message)
        key, oldest = metadata_key(message.key), self._oldest(message)
        try:
            channel_id = self._ids.setdefault(name, self._ids.get(name) or self._resolve(name))
            for posted in self._candidates(channel_id, oldest, message):
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

    def _edit(self, arguments: Mapping[str, Any], place: Mapping[str, Any]) -> Evidence:
        """Write an alert anew where it stands; one that is not there any more needs no edit."""
        channel, ts = str(arguments["channel"]), place.get("ts")
        if not isinstance(ts, str):
            # It was delivered before there was a token, as a file.
            return Evidence("no message", {"gone": True})
        kept = {name: arguments[name] for name in _EDITABLE}
        try:
            answer, refused = _sent(self._client.chat_update, {**kept, "ts": ts})
        except Exception as error:
            if error_code(error) in GONE:
                return Evidence(f"{channel}/{ts}", {"channel": channel, "ts": ts, "gone": True})
            if error_code(error) == "update_failed":  # an edit made twice is the same
                raise Ambiguous("Slack could not edit the message") from error
            raise failure_of(error) from error
        return _evidence(answer.data, refused)

    def _candidates(
        self, channel_id: str, oldest: datetime, message: Message
    ) -> Iterator[dict[str, Any]]:
        thread = (place_of(message) or {}).get("ts")
        if isinstance(thread, str):
            yield from self._replies(channel_id, thread)
        yield from self._history(channel_id, oldest)

    def _replies(self, channel_id: str, thread: str) -> Iterator[dict[str, Any]]:
        try:
            yield from self._pages(
                "messages",
                lambda cursor: self._client.conversations_replies(
                    channel=channel_id,
                    ts=thread,
                    include_all_metadata=True,
                    limit=PAGE,
                    cursor=cursor,
                ),
            )
        except SlackApiError as error:
            # Below a deleted alert there is no thread (slack-go issue 1571).
            if error_code(error) != "thread_not_found":
                raise

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


def _sent(
    call: Callable[..., SlackResponse], arguments: Mapping[str, Any]
) -> tuple[SlackResponse, str | None]:
    """Call once; and as plain text when Slack certainly refused the blocks and nothing else."""
    try:
        return call(**arguments), None
    except SlackApiError as error:
        refused = error_code(error)
        if refused not in BLOCKS_REFUSED:
            raise
    return call(**{name: value for name, value in arguments.items() if name != "blocks"}), refused


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
