"""`pql listen`: take the clicks on alerts and proposals, by HTTP or by Socket Mode."""

from __future__ import annotations

import json
import logging
import re
import socket
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Annotated
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import typer

from pql_platform.cli.output import people
from pql_platform.errors import PqlError
from pql_platform.serve import HOST
from pql_platform.settings import Settings, load_settings

DEFAULT_PORT = 3040
_LOOPBACK = frozenset({"127.0.0.1", "localhost"})
_SECONDS = 5.0
_MOST_AT_ONCE = 100  # requests that are refused with a 503 beyond, before they are read
# No port, no user and nothing that two parsers might read differently.
_SLACK_RESPONSES = re.compile(r"https://hooks\.slack\.com/[A-Za-z0-9/_.%-]+")

_log = logging.getLogger(__name__)


def listen(
    port: Annotated[int, typer.Option(help="Port on loopback, for HTTP.")] = DEFAULT_PORT,
    socket_mode: Annotated[
        bool, typer.Option("--socket-mode", help="Hold a connection to Slack instead.")
    ] = False,
) -> None:
    """Take the answers that reps click in Slack, until Ctrl-C.

    HTTP listens on 127.0.0.1: put a TLS proxy before it and name its /slack/interactivity in the
    Slack app. Socket Mode needs SLACK_APP_TOKEN and no open port.
    """
    settings = load_settings()
    settings.prepare_home()
    if socket_mode:
        _by_socket(settings)
    else:
        _by_http(settings, port)


def _by_http(settings: Settings, port: int) -> None:
    import uvicorn

    from pql_platform.adapters.slack_listener import PATH, build_listener
    from pql_platform.handoff.clicks import take_click
    from pql_platform.ledger.engine import open_ledger
    from pql_platform.ledger.feedback import note_request

    if settings.slack_signing_secret is None:
        raise PqlError(
            "is not set",
            field="SLACK_SIGNING_SECRET",
            hint="Copy it from the Slack app, or use --socket-mode with SLACK_APP_TOKEN",
        )
    engine = open_ledger(settings.ledger_url)

    def remember(signature: str) -> bool:
        with engine.begin() as conn:
            return note_request(conn, signature, datetime.now(UTC))

    app = build_listener(
        settings.slack_signing_secret.get_secret_value(),
        handle=lambda click: take_click(settings, engine, click, datetime.now(UTC)).says,
        remember=remember,
        tell=lambda url, says: tell(url, says, settings.slack_base_url),
    )
    config = uvicorn.Config(
        app, log_level="warning", server_header=False, limit_concurrency=_MOST_AT_ONCE
    )
    try:
        with _bound(port) as listening:
            people.print(f"Listening on http://{HOST}:{port}{PATH}  (Ctrl-C ends it)")
            uvicorn.Server(config).run(sockets=[listening])
    finally:
        engine.dispose()


def _bound(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise PqlError(
            f"{port} cannot be listened on ({error.strerror})",
            field="--port",
            hint="Name another, or end what listens there",
        ) from error


def _by_socket(settings: Settings) -> None:
    from pql_platform.adapters.slack_client import build_client
    from pql_platform.adapters.slack_socket import build_app
    from pql_platform.adapters.slack_socket import listen as hold
    from pql_platform.handoff.clicks import take_click
    from pql_platform.ledger.engine import open_ledger

    if settings.slack_app_token is None or settings.slack_bot_token is None:
        field = "SLACK_APP_TOKEN" if settings.slack_app_token is None else "SLACK_BOT_TOKEN"
        raise PqlError("is not set", field=field, hint="Socket Mode needs both tokens")
    engine = open_ledger(settings.ledger_url)
    client = build_client(settings.slack_bot_token.get_secret_value(), settings.slack_base_url)
    try:
        app = build_app(
            client,
            handle=lambda click: take_click(settings, engine, click, datetime.now(UTC)).says,
            tell=lambda url, says: tell(url, says, settings.slack_base_url),
        )
        hold(
            app,
            settings.slack_app_token.get_secret_value(),
            lambda: people.print("Connected to Slack by Socket Mode  (Ctrl-C ends it)"),
        )
    finally:
        engine.dispose()


def tell(url: str, says: str, base_url: str) -> None:
    """Tell whoever clicked what came of it; nothing is lost when that fails.

    Only to Slack itself, or to the stand-in that `base_url` names on loopback: the URL comes in a
    signed request, and still is not followed anywhere else.
    """
    to_stand_in = _is_of_stand_in(url, base_url)
    if not (to_stand_in or _SLACK_RESPONSES.fullmatch(url)):
        _log.warning("a response URL that is not Slack's was not followed")
        return
    body = json.dumps({"text": says, "response_type": "ephemeral", "replace_original": False})
    request = Request(  # noqa: S310 - the scheme is checked above
        url, data=body.encode(), headers={"Content-Type": "application/json"}
    )
    try:
        handlers = [ProxyHandler({})] if to_stand_in else []
        with build_opener(_NotElsewhere, *handlers).open(request, timeout=_SECONDS):
            pass
    except (OSError, HTTPException) as error:
        _log.warning("an answer could not be given in Slack: %s", error)


class _NotElsewhere(HTTPRedirectHandler):
    """Follows no redirect: who answers at the right place could still name another."""

    def redirect_request(self, *asked: object, **named: object) -> None:
        return None


def _is_of_stand_in(url: str, base_url: str) -> bool:
    wanted = urlsplit(base_url)
    return (
        wanted.hostname in _LOOPBACK
        and re.fullmatch(r"[!-~]+", url) is not None
        and url.startswith(f"{wanted.scheme}://{wanted.netloc}/")
    )
