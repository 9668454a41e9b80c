"""Whoever clicked is told by Slack or by nobody: a response URL leads nowhere else."""

from __future__ import annotations

from typing import Any
from urllib.request import OpenerDirector

import pytest

from pql_platform.cli.listen import tell

SLACK = "https://slack.com/api/"


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URLs that would have been asked."""
    urls: list[str] = []

    class Answer:
        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> None: ...

    def note(self: OpenerDirector, request: Any, **_: Any) -> Answer:
        urls.append(request.full_url)
        return Answer()

    monkeypatch.setattr(OpenerDirector, "open", note)
    return urls


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com/actions/T1DC2JH3J/397700885554/96rGlfmibIGlgcZRskXaIFfN",
        "https://hooks.slack.com/app/T1/2/x-y_z",
    ],
)
def test_slack_is_told(url: str, followed: list[str]) -> None:
    tell(url, "Recorded.", SLACK)
    assert followed == [url]


ELSEWHERE = [
    "",
    "x",
    "http://hooks.slack.com/actions/1",
    "https://hooks.slack.com",
    "https://hooks.slack.com:8443/actions/1",
    "https://hooks.slack.com.evil.example/actions/1",
    "https://evil.example/hooks.slack.com/actions/1",
    "https://hooks.slack.com@evil.example/actions/1",
    "https://user:secret@hooks.slack.com/actions/1",
    "https://hooks.slack.com\\@evil.example/actions/1",
    "https://evil.example#@hooks.slack.com/actions/1",
    "https://evil.example\\.hooks.slack.com/",
    "https://hooks.slack.com/actions/1\r\nHost: evil.example",
    "https://hooks.slack.com/actions/1 \t",
    "https://hooks.slack.com\t/actions/1",
    "https://[::1/actions/1",
    "https://ⓗooks.slack.com/actions/1",
    "https://127.0.0.1/actions/1",
    "http://127.0.0.1:9/response/1",
    "http://localhost/response/1",
    "http://169.254.169.254/latest/meta-data/",
    "file:///etc/passwd",
    "ftp://hooks.slack.com/actions/1",
    "//hooks.slack.com/actions/1",
]


@pytest.mark.parametrize("url", ELSEWHERE)
@pytest.mark.parametrize("base_url", [SLACK, "https://slack.example/api/"])
def test_nobody_else_is(url: str, base_url: str, followed: list[str]) -> None:
    tell(url, "Recorded.", base_url)
    assert followed == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8/response/1",
        "http://127.0.0.1:90/response/1",
        "http://127.0.0.1:9@evil.example/response/1",
        "http://127.0.0.1:9.evil.example/response/1",
        "https://127.0.0.1:9/response/1",
        "http://localhost:9/response/1",
        "http://127.0.0.1:9/response/1\nx",
        "http://127.0.0.1:9",
        "http://169.254.169.254/latest/meta-data/",
    ],
)
def test_beside_the_stand_in_there_is_no_other_way(url: str, followed: list[str]) -> None:
    tell(url, "Recorded.", "http://127.0.0.1:9/api/")
    assert followed == []


def test_a_stand_in_elsewhere_than_on_loopback_is_none(followed: list[str]) -> None:
    tell("https://slack.example/response/1", "Recorded.", "https://slack.example/api/")
    assert followed == []


def test_the_stand_in_hears_what_only_whoever_clicked_sees(slack: Any) -> None:
    tell(slack.response_url(), "Recorded.", slack.base_url)
    assert slack.told() == [
        {"text": "Recorded.", "response_type": "ephemeral", "replace_original": False}
    ]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int, slack: Any) -> None:
    elsewhere = {"Location": slack.response_url("elsewhere")}
    slack.break_next("response_url", {"fault": "http", "status": status, "headers": elsewhere})
    tell(slack.response_url("here"), "Recorded.", slack.base_url)
    assert [entry["path"] for entry in slack.requests("response_url")] == ["/response/here"]


@pytest.mark.parametrize(
    "fault",
    [{"fault": "accept_then_close"}, {"fault": "http", "status": 500}, {"fault": "cut_200"}],
    ids=str,
)
def test_an_answer_that_fails_hurts_nobody(
    fault: dict[str, Any], slack: Any, caplog: pytest.LogCaptureFixture
) -> None:
    slack.break_next("response_url", fault)
    tell(slack.response_url(), "Recorded.", slack.base_url)
    assert len(slack.told()) == 1
    if fault["fault"] != "cut_200":
        assert "could not be given" in caplog.text


def test_a_proxy_of_the_environment_is_not_asked_for_loopback(
    slack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    tell(slack.response_url(), "Recorded.", slack.base_url)
    assert len(slack.told()) == 1
