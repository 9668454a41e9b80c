"""Slack for a place without a token: each message becomes a file, and a page one can open.

The JSON file is exactly what chat.postMessage would have been given; the HTML beside it shows it as
Slack would. The same key is one file for ever, so the outbox cannot tell this channel from the real
one. Slack itself is `slack.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import unicodedata
from datetime import datetime
from pathlib import Path

from pql_platform.adapters.slack import SlackChannels, post_arguments
from pql_platform.adapters.slack_compose import compose, place_of, story_of
from pql_platform.adapters.slack_layout import metadata_key
from pql_platform.adapters.slack_preview import render_preview
from pql_platform.domain.delivery import Ambiguous, Evidence, Message, TryLater
from pql_platform.domain.story import AlertStory
from pql_platform.domain.wording import account_name

_LONGEST_SLUG = 40
_TITLES = {"breach": "Breach", "digest": "Digest", "proposal": "Calibration"}


class LocalSlack:
    """Messages as files in a folder, readable by the owner only: they name customers.

    Args:
        folder: Where they land; created when missing.
        channels: The channel names to write into them.

    Attributes:
        settle_seconds: A file is there or not, at once.
        pace_seconds: Slack's rate limit is Slack's own.
    """

    settle_seconds = 0.0
    pace_seconds = 0.0

    def __init__(self, folder: Path, channels: SlackChannels | None = None) -> None:
        self._folder = folder
        self._channels = channels or SlackChannels()

    def deliver(self, message: Message, now: datetime) -> Evidence:
        """Write `<stamp>-<account>-<hash of the key>.json` and its `.html`, unless they exist.

        An edit writes those of its alert anew, which are found by its key.

        The stamp is the crossing, so that an escalation lies beside its alert and two writers of
        one key meet at one name; a call to duty has no crossing and is stamped `now`.

        Raises:
            Rejected: The message cannot be composed.
            TryLater: The folder cannot be written.
            Ambiguous: What is there under this key cannot be read.
        """
        edits = message.kind == "alert_edit"
        earlier = None if edits else self._written(message.key)
        if earlier is not None:
            return _evidence(earlier)
        story = story_of(message) if "story" in message.payload else None
        content = compose(message, now)
        arguments = post_arguments(self._channels.of(message), content)
        # By its key alone: what the ledger says of a place outside the folder is not followed.
        key = str((place_of(message) or {})["key"]) if edits else message.key
        path = self._written(key) or self._folder / f"{_name(message, key, story, now)}.json"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # The page first: the JSON file is what counts as delivered.
            about = _TITLES.get(message.kind, "On call")
            _write(path.with_suffix(".html"), render_preview(content, story, about))
            _write(path, json.dumps(arguments, ensure_ascii=False, indent=2))
        except OSError as error:
            raise TryLater(f"{path} cannot be written: {error.strerror}") from error
        return _evidence(path)

    def find(self, message: Message) -> Evidence | None:
        """The file that holds this key, None when there is none.

        Raises:
            Ambiguous: A file of that name cannot be read.
        """
        if message.kind == "alert_edit":
            return None  # made twice it is the same
        path = self._written(message.key)
        return None if path is None else _evidence(path)

    def _written(self, key: str) -> Path | None:
        try:
            for path in sorted(self._folder.glob(f"*-{_digest(key)}.json")):
                written = json.loads(path.read_text(encoding="utf-8"))
                if written["metadata"]["event_payload"]["key"] == metadata_key(key):
                    return path
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Ambiguous(f"an alert file in {self._folder} cannot be read: {error}") from error
        return None


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()[:8]


def _name(message: Message, key: str, story: AlertStory | None, now: datetime) -> str:
    stamp = story.crossed_at if story else now
    about = account_name(story) if story else f"{message.kind} {message.payload.get('title')}"
    return f"{stamp:%Y%m%dT%H%M%SZ}-{_slug(about)}-{_digest(key)}"


def _slug(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", letters)[:_LONGEST_SLUG].strip("-") or "account"


def _write(path: Path, text: str) -> None:
    """Write a file that is either absent or complete, 0600, and on the disk when this returns."""
    # mkstemp creates with 0600; the dot keeps a half-written file out of every listing.
    descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _evidence(path: Path) -> Evidence:
    return Evidence(
        reference=path.name, detail={"file": str(path), "preview": str(path.with_suffix(".html"))}
    )
