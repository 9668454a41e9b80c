"""Slack's clicks over HTTP: a small server that checks the signature on the raw bytes.

Answers within Slack's three seconds, and tells whoever clicked what came of it by the response URL.
Only what Slack signed within five minutes gets in, and each signed request once. What a click does
is the handler's; Socket Mode, which needs no open port, is `slack_socket.py`.

Sources: docs.slack.dev/authentication/verifying-requests-from-slack and
docs.slack.dev/interactivity/handling-user-interaction.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from slack_sdk.signature import SignatureVerifier
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pql_platform.adapters.slack_clicks import Handle, Tell, read_click
from pql_platform.errors import PqlError

PATH: Final = "/slack/interactivity"
LARGEST_BODY: Final = 1_000_000
"""Bytes (S11); an interaction carries the message it is on, and so some thousand."""

ANSWER_WITHIN = 2.0
"""Seconds, of the three that Slack waits; what takes longer is told by the response URL."""

NOT_TAKEN: Final = "That did not work, and nothing was recorded. Please try again in a minute."

_log = logging.getLogger(__name__)

Remember = Callable[[str], bool]
"""Remembers a signature; False when it came before."""


def build_listener(
    signing_secret: str,
    handle: Handle,
    remember: Remember,
    tell: Tell,
    verifier: SignatureVerifier | None = None,
) -> Starlette:
    """The server: one route for clicks, one for health, both without a name in an answer.

    Args:
        signing_secret: Slack's; empty is refused, so that nothing is ever let in unsigned.
        handle: Does what a click asks for.
        remember: Keeps signatures for longer than they are valid.
        tell: Answers in Slack.
        verifier: Checks signatures; by default Slack's own, by the time of day.

    Raises:
        PqlError: The secret is empty.
    """
    if not signing_secret.strip():
        raise PqlError("is empty", field="SLACK_SIGNING_SECRET", hint="Copy it from the Slack app")
    check = verifier or SignatureVerifier(signing_secret)

    async def interactivity(request: Request) -> Response:
        try:
            body = await _read(request)
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            return Response(status_code=413)
        if not _is_signed(check, body, request.headers):
            return Response(status_code=401)
        payload = _payload(body)
        try:
            click = read_click(payload) if payload is not None else None
        except PqlError:
            payload = None
        if payload is None:
            return Response(status_code=400)
        if click is None:
            return Response(status_code=200)

        def take() -> str | None:
            """What to tell, None for a repetition."""
            return handle(click) if remember(request.headers["x-slack-signature"]) else None

        return await _answer(take, payload.get("response_url"), tell)

    return Starlette(
        routes=[
            Route(PATH, interactivity, methods=["POST"]),
            Route("/health", lambda _: PlainTextResponse("ok"), methods=["GET"]),
        ]
    )


async def _answer(take: Callable[[], str | None], url: object, tell: Tell) -> Response:
    """Answer Slack in time, and whoever clicked when it is done."""
    # In a thread: the ledger may wait for another writer, and others are answered meanwhile.
    work = asyncio.ensure_future(run_in_threadpool(_try, take))
    done, _ = await asyncio.wait({work}, timeout=ANSWER_WITHIN)
    if done and work.result() == NOT_TAKEN:
        # Slack shows whoever clicked that it failed, and they click again.
        return Response(status_code=500)

    async def tell_later() -> None:
        says = await work
        if says and isinstance(url, str):
            await run_in_threadpool(tell, url, says)

    return Response(status_code=200, background=BackgroundTask(tell_later))


def _try(take: Callable[[], str | None]) -> str | None:
    try:
        return take()
    except Exception:
        _log.exception("a click was not taken")
        return NOT_TAKEN


async def _read(request: Request) -> bytes | None:
    """The raw body; None when it is larger than anything of Slack's."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BODY:
            return None
    return body


def _is_signed(check: SignatureVerifier, body: bytes, headers: Mapping[str, str]) -> bool:
    timestamp, signature = (
        headers.get("x-slack-request-timestamp", ""),
        headers.get("x-slack-signature", ""),
    )
    # The SDK raises on what is no number, and compares text with bytes on what is no ASCII.
    if not (timestamp.isascii() and timestamp.isdigit() and signature.isascii()):
        return False
    try:
        return bool(check.is_valid(body=body, timestamp=timestamp, signature=signature))
    except (ValueError, UnicodeDecodeError):
        return False


def _payload(body: bytes) -> Mapping[str, Any] | None:
    try:
        [text] = parse_qs(body.decode("utf-8"), strict_parsing=True, max_num_fields=20)["payload"]
        payload = json.loads(text)
    except (ValueError, KeyError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None
