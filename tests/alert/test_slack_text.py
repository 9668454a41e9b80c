"""Foreign text loses every power but that of being read."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pql_platform.adapters.slack_text import lines, mrkdwn, plain, safe_url, units


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("Procter & Gamble <EMEA>", "Procter &amp; Gamble &lt;EMEA&gt;"),
        ("<!channel> <@U123> <#C1|x>", "&lt;!channel&gt; &lt;\uff20U123&gt; &lt;#C1|x&gt;"),
        ("<https://evil.example|Acme>", "&lt;https[:]//evil.example|Acme&gt;"),
        ("@here @channel", "\uff20here \uff20channel"),
        ("maya@larkspur.example", "(e-mail at larkspur.example)"),
        ("Acme\u202ecilbup\u202c\u200b", "Acmecilbup"),
        ("two\nlines\tand  spaces", "two lines and spaces"),
        ("bell\x07 and \ud800 surrogate", "bell and surrogate"),
        ("filler\u3164 blank\u2800 joiner\u034f selector\ufe0f", "filler blank joiner selector"),
        ("Zoë 🦊 陈美", "Zoë 🦊 陈美"),
    ],
)
def test_foreign_text_is_shown_but_cannot_act(foreign: str, shown: str) -> None:
    assert plain(foreign, 200) == shown


def test_foreign_text_cannot_format_a_paragraph_either() -> None:
    shown = mrkdwn("*bold* _italic_ ~gone~ `code` but snake_case", 200)
    assert shown == (
        "\u2217bold\u2217 \uff3fitalic\uff3f \u223cgone\u223c \u02cbcode\u02cb but snake_case"
    )


@given(st.text(max_size=300), st.integers(8, 120))
def test_no_result_is_longer_than_its_limit_or_holds_a_half_entity(text: str, limit: int) -> None:
    for shown in (plain(text, limit), mrkdwn(text, limit)):
        assert units(shown) <= limit
        rest = shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
        assert not set("&<>@\n") & set(rest)
        assert all(unicodedata.category(character) not in {"Cc", "Cf", "Cs"} for character in rest)


def test_a_long_text_ends_in_an_ellipsis_and_a_short_one_does_not() -> None:
    assert plain("a" * 10_000, 20) == "a" * 19 + "…"
    assert plain("&" * 10_000, 20) == "&amp;&amp;&amp;…"
    assert plain("🦊" * 10_000, 20) == "🦊" * 9 + "…"
    assert plain("a" * 20, 20) == "a" * 20


def test_several_lines_stay_lines_and_the_last_says_that_more_was_there() -> None:
    assert lines("a\n\nb & c\n", 100) == "a\nb &amp; c"
    many = lines("\n".join(f"line {number}" for number in range(100)), 40)
    assert many.startswith("line 0\nline 1")
    assert many.endswith("…")
    assert units(many) <= 40


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "http://posthog.example/1",
        "javascript:alert(1)",
        "https://user:secret@posthog.example",
        "https://posthog.example/a b",
        "https://posthog.example/|Acme>",
        "https:///no-host",
        "https://[::1",
        "https://posthog.example/\u202e",
        "https://posthog.example/" + "a" * 1_000,
    ],
)
def test_a_url_that_is_not_plain_https_becomes_no_link(url: str | None) -> None:
    assert safe_url(url) is None


def test_a_plain_https_url_stays_as_it_is() -> None:
    url = "https://eu.posthog.example/project/1/groups/0/acct_1?tab=events#top"
    assert safe_url(url) == url
