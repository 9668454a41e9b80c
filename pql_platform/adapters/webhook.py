"""Outgoing webhooks as a channel of the outbox, for tools that show prompts or send e-mail.

Posts one message once and says what came of it; retrying is the outbox's business, and a receiver
recognises a repetition by the id that it carries. What is said is `webhook_templates.py`, and who
may be spoken to is `outbound_guard.py`.

Signatures follow Standard Webhooks 1.0.0 (github.com/standard-webhooks/standard-webhooks,
spec/standard-webhooks.md, "Signature scheme" and "Webhook headers").
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Final

from pydantic import SecretStr

from pql_platform.adapters.outbound_guard import (
    Answer,
    NoAnswer,
    NotSent,
    OutboundGuard,
    Refused,
    Resolver,
)
from pql_platform.adapters.webhook_templates import Template, body_of
from pql_platform.domain.delivery import (
    Ambiguous,
    DeliveryFailure,
    Evidence,
    Message,
    Rejected,
    TryLater,
    Unauthorised,
)

LONGEST_WAIT: Final = 86_400.0
"""A day: no Retry-After beyond it is believed, so that a garbage number cannot hold a message."""
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what a secret begins with
SECRET_BYTES: Final = range(24, 65)
"""Lengths of a signing key: at least 24 bytes, at most 512 bits, says the specification."""

# The receiver says that it did nothing yet, and implies that the same request may work later.
_TRY_LATER = frozenset({408, 425, 429})
_PRINTABLE = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class Endpoint:
    """Where webhooks go, and how it is proved that they are ours.

    Attributes:
        name: As in the program file.
        url: May hold a credential in its path, so it is shown nowhere.
        template: What the receiver understands.
        secret: Signing key of `generic`: `whsec_` and base64; two of them, separated by a space,
            while one replaces the other.
        token: The vendor's credential: `SITE_ID:API_KEY` for `customerio`, an access token for
            `intercom`.
    """

    name: str
    url: str = field(repr=False)
    template: Template
    secret: SecretStr | None
    token: SecretStr | None


class Webhooks:
    """Endpoints by the name that a message gives.

    Args:
        endpoints: All that programs may name.
        timeout: Seconds to connect, and to wait for an answer.
        resolve: Looks names up.
        allow_loopback: Endpoints on this machine are fine, also by plain http; for tests.

    Attributes:
        settle_seconds: A message in doubt is sent again at once, for its id makes that harmless.
        pace_seconds: No limit of ours; Customer.io asks for at most 100 requests a second.
    """

    settle_seconds = 0.0
    pace_seconds = 0.0

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        *,
        timeout: float = 10.0,
        resolve: Resolver = socket.getaddrinfo,
        allow_loopback: bool = False,
    ) -> None:
        self._endpoints = dict(endpoints)
        self._guard = OutboundGuard(timeout=timeout, resolve=resolve, allow_loopback=allow_loopback)

    def deliver(self, message: Message, now: datetime) -> Evidence:
        """Post once.

        Raises:
            DeliveryFailure: One of its four kinds. No reason holds the URL, a secret or a word of
                the receiver's: a receiver may echo what it was sent.
        """
        endpoint = self._endpoints.get(str(message.payload.get("endpoint")))
        if endpoint is None:
            raise Rejected("this webhook names no endpoint that is configured")
        body = body_of(endpoint.template, message)
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": "pql-platform",
            **_proof(endpoint, message.key, now, body),
        }
        try:
            answer = self._guard.post(endpoint.url, body, headers)
        except Refused as refused:
            raise Rejected(f"webhook {endpoint.name}: {refused}") from refused
        except NotSent as failure:
            raise TryLater(f"webhook {endpoint.name}: {failure}") from failure
        except NoAnswer as failure:
            raise Ambiguous(f"webhook {endpoint.name}: {failure}") from failure
        if not 200 <= answer.status < 300:
            raise _failure(endpoint.name, answer, now)
        return Evidence(f"{endpoint.name}/{message.key[:12]}", {"status": answer.status})

    def find(self, message: Message) -> Evidence | None:
        """Nothing, always: a receiver cannot be asked, so what is in doubt is sent again.

        Delivery is at least once, and each repetition carries the id of the first: `webhook-id` in
        `generic`, a ULID for Customer.io, name, user and second for Intercom. A receiver that drops
        what it has seen acts once.
        """
        return None


def sign(secret: SecretStr, webhook_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` header: one `v1,…` per secret, separated by spaces.

    The base64 of HMAC-SHA256 over `id.timestamp.body`.

    Raises:
        ValueError: There is no secret, or one is not `whsec_` and the base64 of 24 to 64 bytes;
            quotes nothing of it.
    """
    keys = [_key(part) for part in secret.get_secret_value().split()]
    if not keys:
        raise ValueError("the signing secret is empty")
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    digests = (hmac.digest(key, signed, sha256) for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a receiver asks to wait, from 0 to a day; None when it names no time.

    A whole number of seconds or an HTTP date (RFC 9110, 10.2.3); names of `headers` in lower case.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max((until - now).total_seconds(), 0.0), LONGEST_WAIT)


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(SECRET_PREFIX) or len(key) not in SECRET_BYTES:
        # Not from the error above, which may quote the secret.
        raise ValueError("the signing secret is not whsec_ and the base64 of 24 to 64 bytes")
    return key


def _proof(endpoint: Endpoint, key: str, now: datetime, body: bytes) -> dict[str, str]:
    """The headers that prove who sends; a credential that cannot be one is as one refused."""
    if endpoint.template == "generic":
        if endpoint.secret is None:
            raise Unauthorised(f"webhook {endpoint.name} has no signing secret")
        timestamp = int(now.timestamp())
        try:
            signature = sign(endpoint.secret, key, timestamp, body)
        except ValueError as error:
            raise Unauthorised(f"webhook {endpoint.name}: {error}") from None
        return {
            "webhook-id": key,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature,
        }
    token = endpoint.token.get_secret_value() if endpoint.token else ""
    if not _PRINTABLE.fullmatch(token):
        raise Unauthorised(f"webhook {endpoint.name}: its token is empty or has a space in it")
    if endpoint.template == "intercom":
        return {"Authorization": f"Bearer {token}"}
    if ":" not in token:
        raise Unauthorised(f"webhook {endpoint.name}: its token is not SITE_ID:API_KEY")
    return {"Authorization": f"Basic {base64.b64encode(token.encode()).decode()}"}


def _failure(name: str, answer: Answer, now: datetime) -> DeliveryFailure:
    """What a status other than 2xx means.

    A 5xx says that the answer got lost, and a gateway says so also when the server behind it has
    acted; only a 503 that names a time says that nothing was done.
    """
    status, wait = answer.status, retry_after(answer.headers, now)
    reason = f"webhook {name} answered HTTP {status}"
    if status in {401, 403}:
        return Unauthorised(reason)
    if status in _TRY_LATER or (status == 503 and wait is not None):
        return TryLater(reason, wait)
    if 300 <= status < 400:
        return Rejected(f"{reason}, and redirects are not followed")
    if 400 <= status < 500:
        return Rejected(reason)
    return Ambiguous(reason)
