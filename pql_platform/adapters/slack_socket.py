"""Slack's clicks by Socket Mode: no open port and no signature, the same payloads and handler.

Built on slack_bolt, which holds the connection, acknowledges and reconnects. HTTP is
`slack_listener.py`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.error import BoltError
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from pql_platform.adapters.slack_clicks import Handle, Tell, read_click
from pql_platform.errors import PqlError


def build_app(client: WebClient, handle: Handle, tell: Tell) -> App:
    """The app that takes every click on our rows.

    Args:
        client: As `build_client` makes it: without retries, to Slack or a stand-in for it.
        handle: Does what a click asks for.
        tell: Answers in Slack.

    Raises:
        PqlError: Slack refuses the bot token, or cannot be asked.
    """
    # The SDK would warn of the environment's token, which is the client's.
    logger = logging.getLogger(f"{__name__}.app")
    logger.setLevel(logging.ERROR)
    try:
        # Asked now and not at the first click, which would be lost if that failed.
        app = App(client=client, token_verification_enabled=True, logger=logger)
    except (BoltError, SlackApiError, OSError) as error:
        raise PqlError(f"is refused ({error})", field="SLACK_BOT_TOKEN") from error

    @app.action(re.compile(r".*"))
    def clicked(ack: Callable[[], None], body: Mapping[str, Any]) -> None:
        try:
            click = read_click(body)
        except PqlError:
            click = None
        if click is None:
            ack()
            return
        says = handle(click)
        # After it was written down: what is not acknowledged is shown as failed and clicked again.
        ack()
        url = body.get("response_url")
        if isinstance(url, str) and says:
            tell(url, says)

    return app


def listen(app: App, app_token: str, connected: Callable[[], None]) -> None:
    """Hold the connection until the process ends.

    Args:
        app: From `build_app`.
        app_token: `xapp-…`, with `connections:write`.
        connected: Called once the connection stands.

    Raises:
        PqlError: Slack refuses the token, or cannot be reached.
    """
    handler = SocketModeHandler(app, app_token)
    try:
        handler.connect()  # type: ignore[no-untyped-call]
    except (SlackApiError, OSError) as error:
        raise PqlError(f"is refused ({error})", field="SLACK_APP_TOKEN") from error
    connected()
    try:
        Event().wait()
    finally:
        handler.close()  # type: ignore[no-untyped-call]
