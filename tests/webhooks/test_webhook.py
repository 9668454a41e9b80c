"""Webhooks as a channel: what is posted, and what each answer means."""

from __future__ import annotations

import base64
import socket
import time
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from alert_stories import NOW
from pydantic import SecretStr

from pql_platform.adapters.webhook import Endpoint, Webhooks, retry_after
from pql_platform.domain.delivery import (
    Ambiguous,
    DeliveryFailure,
    Rejected,
    TryLater,
    Unauthorised,
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_repetition_has_the_same_id_and_body_and_a_new_time(
    receiver, channel_to, webhook
) -> None:
    channel = channel_to(receiver.url)
    receiver.break_next({"fault": "accept_then_close"})
    with pytest.raises(Ambiguous):
        channel.deliver(webhook(), NOW)
    assert channel.find(webhook()) is None
    assert channel.settle_seconds == 0
    channel.deliver(webhook(), NOW + timedelta(days=3))
    first, second = receiver.requests()
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == (
        3 * 86_400
    )


@pytest.mark.parametrize("template", ["customerio", "intercom"])
def test_a_repetition_is_the_same_event_to_a_vendor(
    template, receiver, channel_to, webhook
) -> None:
    channel = channel_to(receiver.url, template)
    for days in (0, 9):
        channel.deliver(webhook(), NOW + timedelta(days=days))
    first, second = receiver.requests()
    assert first.body == second.body


def test_vendors_get_their_own_credential_and_no_signature(receiver, channel_to, webhook) -> None:
    channel_to(receiver.url, "customerio").deliver(webhook(), NOW)
    channel_to(receiver.url, "intercom").deliver(webhook(), NOW)
    customerio, intercom = receiver.requests()
    basic = base64.b64encode(b"site0815:key4711").decode()
    assert customerio.headers["authorization"] == f"Basic {basic}"
    assert intercom.headers["authorization"] == "Bearer dG9rOmludGVyY29t"
    assert "webhook-signature" not in {**customerio.headers, **intercom.headers}


@pytest.mark.parametrize(
    ("status", "headers", "failure"),
    [
        (400, {}, Rejected),
        (404, {}, Rejected),
        (409, {}, Rejected),
        (410, {}, Rejected),
        (413, {}, Rejected),
        (422, {}, Rejected),
        (451, {}, Rejected),
        (300, {}, Rejected),
        (301, {"Location": "http://169.254.169.254/latest/meta-data"}, Rejected),
        (302, {"Location": "http://127.0.0.1:1/"}, Rejected),
        (307, {"Location": "https://hooks.example/"}, Rejected),
        (308, {"Location": "/elsewhere"}, Rejected),
        (401, {}, Unauthorised),
        (403, {}, Unauthorised),
        (408, {}, TryLater),
        (425, {}, TryLater),
        (429, {}, TryLater),
        (503, {"Retry-After": "30"}, TryLater),
        (503, {}, Ambiguous),
        (503, {"Retry-After": "soon"}, Ambiguous),
        (500, {}, Ambiguous),
        (502, {"Retry-After": "30"}, Ambiguous),
        (504, {}, Ambiguous),
        (599, {}, Ambiguous),
    ],
)
def test_what_each_status_means(
    status, headers, failure, lasting_receiver, channel_to, webhook
) -> None:
    before = len(lasting_receiver.requests())
    lasting_receiver.break_next({"fault": "http", "status": status, "headers": headers})
    with pytest.raises(failure, match=f"HTTP {status}") as raised:
        channel_to(lasting_receiver.url).deliver(webhook(), NOW)
    assert type(raised.value) is failure
    assert len(lasting_receiver.requests()) == before + 1, "one request, and no redirect followed"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_every_2xx_is_a_confirmation(status, lasting_receiver, channel_to, webhook) -> None:
    headers = {"Content-Length": "0"} if status == 204 else {}
    lasting_receiver.break_next({"fault": "http", "status": status, "headers": headers})
    evidence = channel_to(lasting_receiver.url).deliver(webhook(), NOW)
    assert evidence.detail == {"status": status}


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "accept_then_close"},
        {"fault": "commit_then_timeout", "seconds": 1.5},
        {"fault": "garbage"},
        {"fault": "drip", "seconds": 0.05},
    ],
    ids=lambda fault: fault["fault"],
)
def test_without_an_answer_nobody_knows(fault, lasting_receiver, channel_to, webhook) -> None:
    lasting_receiver.break_next(fault)
    begun = time.monotonic()
    with pytest.raises(Ambiguous, match="no answer"):
        channel_to(lasting_receiver.url, timeout=0.5).deliver(webhook(), NOW)
    assert time.monotonic() - begun < 1.4, "however slowly it drips"


def test_an_answer_without_end_is_not_read(lasting_receiver, channel_to, webhook) -> None:
    lasting_receiver.break_next({"fault": "endless"})
    assert channel_to(lasting_receiver.url).deliver(webhook(), NOW).detail == {"status": 200}


def test_nobody_listening_is_certainly_not_delivered(channel_to, webhook) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        with pytest.raises(TryLater):
            channel_to(url).deliver(webhook(), NOW)


def test_a_name_that_is_not_found_is_tried_later(channel_to, webhook) -> None:
    def unknown(*_):
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    with pytest.raises(TryLater, match=r"hooks\.example was not found"):
        channel_to("https://hooks.example/", resolve=unknown).deliver(webhook(), NOW)


def test_a_url_that_leads_inside_is_rejected(receiver, channel_to, webhook) -> None:
    url = receiver.url.replace("http://", "https://")
    with pytest.raises(Rejected, match="not public"):
        channel_to(url, allow_loopback=False).deliver(webhook(), NOW)
    with pytest.raises(Rejected, match="https"):
        channel_to(receiver.url, allow_loopback=False).deliver(webhook(), NOW)
    assert receiver.entries() == []


def test_proxies_of_the_environment_are_not_asked(
    receiver, channel_to, webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert channel_to(receiver.url).deliver(webhook(), NOW)


def test_an_endpoint_that_is_not_configured_is_rejected(receiver, channel_to, webhook) -> None:
    channel = channel_to(receiver.url)
    for endpoint in ("other", None, ["app"]):
        with pytest.raises(Rejected, match="no endpoint"):
            channel.deliver(webhook(endpoint=endpoint), NOW)
    assert receiver.entries() == []


@pytest.mark.parametrize(
    "secret",
    [
        None,
        "",
        " ",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw!",
        "whsec_c2hvcnQ=",
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        f"{SECRET} nonsense",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSé",
    ],
)
def test_nothing_leaves_unsigned(secret, lasting_receiver, channel_to, webhook) -> None:
    before = lasting_receiver.entries()
    with pytest.raises(Unauthorised) as refused:
        channel_to(lasting_receiver.url, secret=secret).deliver(webhook(), NOW)
    assert "MfKQ9r8G" not in _everything(refused.value)
    assert lasting_receiver.entries() == before


@pytest.mark.parametrize(
    ("template", "token"),
    [
        ("customerio", "no-colon-4711"),
        ("customerio", "site:key 4711"),
        ("intercom", "line\nbreak-4711"),
        ("intercom", "töken-4711"),
    ],
)
def test_a_token_that_cannot_be_one_is_not_sent(
    template, token, lasting_receiver, channel_to, webhook
) -> None:
    before = lasting_receiver.entries()
    with pytest.raises(Unauthorised) as refused:
        channel_to(lasting_receiver.url, template, token=token).deliver(webhook(), NOW)
    assert "4711" not in _everything(refused.value)
    assert lasting_receiver.entries() == before


@pytest.mark.parametrize("template", ["customerio", "intercom"])
def test_a_vendor_is_not_asked_without_a_token(template, lasting_receiver, webhook) -> None:
    before = lasting_receiver.entries()
    endpoint = Endpoint("app", lasting_receiver.url, template, None, None)
    with pytest.raises(Unauthorised, match="token"):
        Webhooks({"app": endpoint}, allow_loopback=True).deliver(webhook(), NOW)
    assert lasting_receiver.entries() == before


def test_an_endpoint_shows_neither_url_nor_credentials() -> None:
    secret, token = SecretStr(SECRET), SecretStr("key4711")
    shown = repr(Endpoint("app", "https://hooks.example/s3cr3t", "generic", secret, token))
    assert "name='app'" in shown
    for hidden in ("s3cr3t", "MfKQ9r8G", "key4711"):
        assert hidden not in shown


@pytest.mark.parametrize("template", ["generic", "customerio", "intercom"])
@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "accept_then_close"},
        {"fault": "garbage"},
        *({"fault": "http", "status": status} for status in (302, 400, 401, 429, 500)),
    ],
    ids=lambda fault: f"{fault['fault']}{fault.get('status', '')}",
)
def test_no_failure_holds_a_credential(
    template, fault, lasting_receiver, channel_to, webhook
) -> None:
    url = f"{lasting_receiver.url}&key=s3cr3t-of-the-url"
    channel = channel_to(url, template)
    lasting_receiver.break_next(fault)
    with pytest.raises(DeliveryFailure) as raised:
        channel.deliver(webhook(), NOW)
    said = _everything(raised.value) + repr(channel)
    basic = base64.b64encode(b"site0815:key4711").decode()
    for credential in (SECRET, "MfKQ9r8G", "key4711", basic, "dG9rOmludGVyY29t", "s3cr3t"):
        assert credential not in said


def _everything(error: BaseException) -> str:
    """All that a log of this error would show, with the errors behind it."""
    return repr(error) + "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30.0),
        (" 30 ", 30.0),
        ("0", 0.0),
        ("86401", 86_400.0),
        ("9" * 400, 86_400.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 0.0),
        (format_datetime(NOW + timedelta(days=40), usegmt=True), 86_400.0),
        (f"{NOW + timedelta(seconds=60):%a, %d %b %Y %H:%M:%S} -0000", 60.0),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("٣٠", None),
        ("Tue, 99 Foo 2026 99:99:99 GMT", None),
    ],
)
def test_how_long_a_receiver_asks_to_wait(text, seconds) -> None:
    assert retry_after({"retry-after": text}, NOW) == seconds
    assert retry_after({}, datetime.now(UTC)) is None


def test_the_wait_reaches_the_outbox(receiver, channel_to, webhook) -> None:
    receiver.break_next({"fault": "http", "status": 429, "headers": {"Retry-After": "17"}})
    with pytest.raises(TryLater) as later:
        channel_to(receiver.url).deliver(webhook(), NOW)
    assert later.value.after_seconds == 17
