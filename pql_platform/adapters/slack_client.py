"""Slack's own client as the platform uses it: without retries, silent, and never unprotected."""

from __future__ import annotations

import logging
import re
from urllib.parse import urlsplit

from slack_sdk import WebClient

from pql_platform.errors import PqlError

SLACK_URL = "https://slack.com/api/"

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


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
