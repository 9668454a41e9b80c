"""Signatures: as published with the specification, and as a receiver verifies them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import runpy
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alert_stories import NOW
from pydantic import SecretStr

from pql_platform.adapters.webhook import sign

DOCS = Path(__file__).parents[2] / "docs" / "webhooks.md"

# Published with the specification: libraries/javascript/src/webhook.test.ts, "sign function works".
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EXAMPLE_ID, EXAMPLE_TIME = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
EXAMPLE_BODY = b'{"test": 2432232314}'
EXAMPLE_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

NEW_SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def _verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """What a receiver does, written from the specification alone."""
    key = base64.b64decode(secret.split("_", 1)[1])
    content = b".".join(
        [headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body]
    )
    expected = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(expected, one) for one in headers["webhook-signature"].split())


def test_the_published_example_is_signed_as_published() -> None:
    signed = sign(SecretStr(SECRET), EXAMPLE_ID, EXAMPLE_TIME, EXAMPLE_BODY)
    assert signed == EXAMPLE_SIGNATURE


def test_a_receiver_can_verify_what_it_gets(receiver, channel_to, webhook) -> None:
    evidence = channel_to(receiver.url).deliver(webhook(), NOW)
    assert evidence.reference == f"app/{webhook().key[:12]}"
    assert evidence.detail == {"status": 200}
    (request,) = receiver.requests()
    assert request.path == "/hooks/pql?from=pql"
    assert request.headers["webhook-id"] == webhook().key
    assert request.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert _verified(SECRET, request.headers, request.body)
    assert not _verified(SECRET, request.headers, request.body + b" ")
    assert not _verified(NEW_SECRET, request.headers, request.body)
    later = {**request.headers, "webhook-timestamp": str(int(NOW.timestamp()) + 1)}
    assert not _verified(SECRET, later, request.body)


def test_while_secrets_change_either_of_them_verifies(receiver, channel_to, webhook) -> None:
    channel_to(receiver.url, secret=f"{NEW_SECRET} {SECRET}").deliver(webhook(), NOW)
    (request,) = receiver.requests()
    assert len(request.headers["webhook-signature"].split()) == 2
    assert _verified(SECRET, request.headers, request.body)
    assert _verified(NEW_SECRET, request.headers, request.body)


def test_the_verification_in_the_docs_works(receiver, channel_to, webhook, tmp_path: Path) -> None:
    code = re.search(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    script = tmp_path / "verify.py"
    script.write_text(code[1], encoding="utf-8")
    verified = runpy.run_path(str(script))["verified"]
    now = datetime.now(UTC)
    for moment in (now, now - timedelta(minutes=6)):
        channel_to(receiver.url).deliver(webhook(), moment)
    fresh, old = receiver.requests()
    assert verified(fresh.headers, fresh.body, SECRET)
    assert not verified(fresh.headers, fresh.body + b" ", SECRET)
    assert not verified(fresh.headers, fresh.body, NEW_SECRET)
    assert not verified(old.headers, old.body, SECRET)
