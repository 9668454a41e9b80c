"""What gets in over HTTP: only what Slack signed within five minutes, and each request once."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.signature import Clock, SignatureVerifier
from starlette.types import ASGIApp, Message

from pql_platform.adapters import slack_listener
from pql_platform.adapters.slack_clicks import Click
from pql_platform.adapters.slack_listener import LARGEST_BODY, PATH, build_listener
from pql_platform.errors import PqlError

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
# docs.slack.dev/authentication/verifying-requests-from-slack
PUBLISHED_AT = 1531420618
PUBLISHED_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&"
    b"channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&"
    b"command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2F"
    b"T1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&"
    b"trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
PUBLISHED = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
CLICK = {
    "type": "block_actions",
    "user": {"id": "U0ANA00001", "name": "ana"},
    "channel": {"id": "C01"},
    "message": {"ts": "1.000001"},
    "response_url": "https://hooks.slack.com/actions/1",
    "actions": [
        {"action_id": "contacted", "block_id": "lead:h1", "value": "h1", "action_ts": "2.000001"}
    ],
}


def call(
    app: ASGIApp,
    path: str,
    body: bytes = b"",
    headers: list[tuple[bytes, bytes]] | None = None,
    method: str = "POST",
) -> tuple[int, bytes]:
    """One request as a server hands it over, byte by byte; returns status and body."""
    parts = [body[start : start + 65_536] for start in range(0, len(body), 65_536)] or [b""]
    sent: list[Message] = []

    async def receive() -> Message:
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": headers or [],
    }
    asyncio.run(app(scope, receive, send))
    said = b"".join(message.get("body", b"") for message in sent)
    return int(sent[0]["status"]), said


def pairs(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as a server hands them over: names in lower case."""
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


class Heard:
    """A listener over a handler that keeps what it was asked."""

    def __init__(self, verifier: SignatureVerifier | None = None) -> None:
        self.clicks: list[Click] = []
        self.told: list[tuple[str, str]] = []
        self.remembered: list[str] = []
        self.fails: Exception | None = None
        self.app = build_listener(
            SECRET, self.handle, self.remember, lambda *said: self.told.append(said), verifier
        )

    def handle(self, click: Click) -> str:
        if self.fails is not None:
            raise self.fails
        self.clicks.append(click)
        return "Recorded."

    def remember(self, signature: str) -> bool:
        self.remembered.append(signature)
        return self.remembered.count(signature) == 1

    def post(self, request: Any) -> int:
        status, said = call(self.app, PATH, request.body, pairs(request.headers))
        assert said == b"", "an answer says nothing"
        return status


@pytest.fixture
def heard() -> Heard:
    return Heard()


def flipped(text: str, position: int) -> str:
    """With one bit changed, and still of the same alphabet where that is hexadecimal."""
    return text[:position] + chr(ord(text[position]) ^ 1) + text[position + 1 :]


def test_a_signed_click_is_taken_and_answered(heard: Heard, kit: Any) -> None:
    assert heard.post(kit.signed(kit.form(CLICK))) == 200
    assert [click.handoff_id for click in heard.clicks] == ["h1"]
    assert heard.told == [("https://hooks.slack.com/actions/1", "Recorded.")]


TIMES = {"6 minutes old": -360, "301 seconds old": -301, "6 minutes ahead": 360, "1970": -(10**9)}


@pytest.mark.parametrize("case", TIMES)
def test_a_request_of_another_time_is_refused(case: str, heard: Heard, kit: Any) -> None:
    at = int(datetime.now(UTC).timestamp()) + TIMES[case]
    assert heard.post(kit.signed(kit.form(CLICK), at)) == 401
    assert heard.clicks == heard.remembered == []


@pytest.mark.parametrize("seconds", [-290, 290])
def test_within_five_minutes_clocks_may_disagree(seconds: int, heard: Heard, kit: Any) -> None:
    at = int(datetime.now(UTC).timestamp()) + seconds
    assert heard.post(kit.signed(kit.form(CLICK), at)) == 200
    assert len(heard.clicks) == 1


def refused_requests(kit: Any) -> dict[str, Any]:
    good = kit.signed(kit.form(CLICK))
    at, signature = good.headers["x-slack-request-timestamp"], good.headers["x-slack-signature"]
    # Slack's payload written again by other code: the same JSON, other bytes.
    spaced = kit.Signed(good.body.replace(b"%3A+", b"%3A"), good.headers)
    assert spaced.body != good.body
    return {
        "wrong key": kit.signed(good.body, secret=SECRET[::-1]),
        "one bit of the body": kit.Signed(
            good.body[:-1] + bytes([good.body[-1] ^ 1]), good.headers
        ),
        "a byte more": kit.Signed(good.body + b"&", good.headers),
        "re-serialised": spaced,
        "one bit of the signature": good.with_headers(
            **{"x-slack-signature": flipped(signature, 20)}
        ),
        "half a signature": good.with_headers(**{"x-slack-signature": signature[:40]}),
        "without v0": good.with_headers(**{"x-slack-signature": signature[3:]}),
        "another version": good.with_headers(**{"x-slack-signature": "v1" + signature[2:]}),
        "upper case": good.with_headers(**{"x-slack-signature": signature.upper()}),
        "empty signature": good.with_headers(**{"x-slack-signature": ""}),
        "one bit of the time": good.with_headers(
            **{"x-slack-request-timestamp": flipped(at, len(at) - 1)}
        ),
        "time with a zero before it": good.with_headers(**{"x-slack-request-timestamp": f"0{at}"}),
        "no signature": good.with_headers(**{"x-slack-signature": None}),
        "no time": good.with_headers(**{"x-slack-request-timestamp": None}),
        "neither": good.with_headers(
            **{"x-slack-signature": None, "x-slack-request-timestamp": None}
        ),
        "time in words": kit.signed(good.body, "yesterday"),
        "time with a fraction": kit.signed(good.body, f"{at}.5"),
        "negative time": kit.signed(good.body, f"-{at}"),
        "endless time": kit.signed(good.body, "9" * 5_000),
        "time with an underscore": kit.signed(good.body, f"{at[:3]}_{at[3:]}"),
        "body that is no UTF-8": kit.Signed(b"payload=\xff\xfe", good.headers),
    }


CASES = (
    "wrong key,one bit of the body,a byte more,re-serialised,one bit of the signature,"
    "half a signature,without v0,another version,upper case,empty signature,one bit of the time,"
    "time with a zero before it,no signature,no time,neither,time in words,time with a fraction,"
    "negative time,endless time,time with an underscore,body that is no UTF-8"
).split(",")


@pytest.mark.parametrize("case", CASES)
def test_what_slack_did_not_sign_has_no_effect(case: str, heard: Heard, kit: Any) -> None:
    assert heard.post(refused_requests(kit)[case]) == 401
    assert heard.clicks == heard.remembered == heard.told == []


def test_the_table_has_every_case(kit: Any) -> None:
    assert tuple(refused_requests(kit)) == tuple(CASES)


@pytest.mark.parametrize("header", ["x-slack-signature", "x-slack-request-timestamp"])
@pytest.mark.parametrize("more", [b"\xe9", "\u0661".encode(), b"\xb2", b" "], ids=repr)
def test_a_header_that_is_no_ascii_is_refused(
    header: str, more: bytes, heard: Heard, kit: Any
) -> None:
    good = kit.signed(kit.form(CLICK))
    headers = [
        (name, value + more if name == header.encode() else value)
        for name, value in pairs(good.headers)
    ]
    assert call(heard.app, PATH, good.body, headers) == (401, b"")
    assert heard.clicks == []


@pytest.mark.parametrize("secret", ["", " ", "\n\t"])
def test_an_empty_secret_is_refused_at_the_start(secret: str) -> None:
    with pytest.raises(PqlError, match="SLACK_SIGNING_SECRET"):
        build_listener(secret, lambda _: "", lambda _: True, lambda *_: None)


class Then(Clock):  # type: ignore[misc]
    """The moment of the example in Slack's documentation."""

    def now(self) -> float:
        return float(PUBLISHED_AT)


def test_the_example_of_slacks_documentation_is_signed_and_no_other_bytes_are(kit: Any) -> None:
    heard = Heard(SignatureVerifier(SECRET, Then()))
    headers = {
        "x-slack-request-timestamp": str(PUBLISHED_AT),
        "x-slack-signature": PUBLISHED,
    }
    # It is a command, so it is let in and then not understood.
    assert heard.post(kit.Signed(PUBLISHED_BODY, headers)) == 400
    assert heard.post(kit.Signed(PUBLISHED_BODY + b" ", headers)) == 401
    assert Heard().post(kit.Signed(PUBLISHED_BODY, headers)) == 401, "it is years old"


def test_the_very_same_request_again_is_answered_and_does_nothing(heard: Heard, kit: Any) -> None:
    request = kit.signed(kit.form(CLICK))
    assert [heard.post(request) for _ in range(3)] == [200, 200, 200]
    assert len(heard.clicks) == len(heard.told) == 1


DEEP = "[" * 100_000
BODIES = {
    "nothing": b"",
    "no form": b"\x00\x01",
    "another field": b"ssl_check=1",
    "two payloads": b"payload={}&payload={}",
    "many fields": b"&".join([b"a=1"] * 50),
    "broken JSON": b"payload=%7B%22type%22%3A",
    "JSON that is no object": b"payload=%5B1%5D",
    "deep JSON": b"payload=" + DEEP.encode(),
    "endless number": b"payload=" + b"9" * 10_000,
    "bytes that are no text": b"payload=\xff",
    "none of Slack's": b"payload=" + json.dumps({"type": "block_actions"}).encode(),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_body_that_cannot_be_read_is_refused(case: str, heard: Heard, kit: Any) -> None:
    body = BODIES[case]
    if case == "bytes that are no text":
        headers = kit.signed(b"").headers
        assert heard.post(kit.Signed(body, headers)) == 401, "it cannot be signed either"
    else:
        assert heard.post(kit.signed(body)) == 400
    assert heard.clicks == []


@pytest.mark.parametrize("size", [LARGEST_BODY + 1, 3 * LARGEST_BODY])
def test_a_body_over_a_megabyte_is_refused_before_it_is_looked_at(
    size: int, heard: Heard, kit: Any
) -> None:
    assert heard.post(kit.signed(b"x" * size)) == 413


def test_a_body_of_a_megabyte_is_read(heard: Heard, kit: Any) -> None:
    asked = {**CLICK, "message": {"ts": "1.000001", "text": "x" * (LARGEST_BODY - 5_000)}}
    body = kit.form(asked)
    assert LARGEST_BODY - 5_000 < len(body) <= LARGEST_BODY
    assert heard.post(kit.signed(body)) == 200
    assert len(heard.clicks) == 1


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "view_submission"},
        {"type": "shortcut"},
        {},
        {**CLICK, "actions": [{**CLICK["actions"][0], "block_id": "Xy3"}]},  # type: ignore[index]
        {
            **CLICK,
            "actions": [{"action_id": "open_0", "block_id": "f8", "url": "https://x.example"}],
        },
    ],
    ids=["view", "shortcut", "empty", "unknown row", "link"],
)
def test_what_asks_for_nothing_is_answered_and_nothing_happens(
    payload: dict[str, Any], heard: Heard, kit: Any
) -> None:
    assert heard.post(kit.signed(kit.form(payload))) == 200
    assert heard.clicks == heard.told == []


@pytest.mark.parametrize("url", [None, 7, {"url": "https://hooks.slack.com/x"}])
def test_without_a_response_url_nobody_is_told(url: object, heard: Heard, kit: Any) -> None:
    assert heard.post(kit.signed(kit.form({**CLICK, "response_url": url}))) == 200
    assert len(heard.clicks) == 1
    assert heard.told == []


def test_a_handler_that_fails_is_shown_as_failed_and_can_be_clicked_again(
    heard: Heard, kit: Any
) -> None:
    heard.fails = OSError("disk full")
    first, second = (
        kit.signed(kit.form({**CLICK, "trigger_id": str(number)})) for number in range(2)
    )
    assert heard.post(first) == 500
    heard.fails = None
    assert heard.post(second) == 200
    assert len(heard.clicks) == len(heard.told) == 1


def test_slack_is_answered_in_time_while_the_ledger_waits_and_then_whoever_clicked(
    heard: Heard, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_listener, "ANSWER_WITHIN", 0.1)
    free = threading.Event()
    order: list[str] = []
    take = heard.handle

    def waits(click: Click) -> str:
        assert free.wait(10)
        order.append("done")
        return take(click)

    app = build_listener(SECRET, waits, heard.remember, lambda *said: heard.told.append(said))

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        async def note(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                order.append("answered")
                free.set()

        await app(scope, receive, note)

    request = kit.signed(kit.form(CLICK))
    assert call(watched, PATH, request.body, pairs(request.headers)) == (200, b"")
    assert order == ["answered", "done"]
    assert [said for _, said in heard.told] == ["Recorded."]


def test_the_health_page_names_nothing_and_other_ways_in_are_closed(heard: Heard) -> None:
    assert call(heard.app, "/health", method="GET") == (200, b"ok")
    assert call(heard.app, PATH, method="GET")[0] == 405
    assert call(heard.app, "/")[0] == 404


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.text(max_size=40), st.text(max_size=80))
def test_no_header_or_body_breaks_the_check(body: bytes, timestamp: str, signature: str) -> None:
    headers = {"x-slack-request-timestamp": timestamp, "x-slack-signature": signature}
    assert not slack_listener._is_signed(SignatureVerifier(SECRET), body, headers)
