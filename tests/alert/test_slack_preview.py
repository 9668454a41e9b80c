"""The preview shows what Slack would show, and runs nothing that a customer typed."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from alert_stories import NOW, realistic_story
from hypothesis import given, settings
from hypothesis import strategies as st

from pql_platform.adapters.slack_blocks import alert_message
from pql_platform.adapters.slack_layout import SlackMessage
from pql_platform.adapters.slack_oncall import oncall_message
from pql_platform.adapters.slack_preview import mrkdwn_html, render_preview
from pql_platform.domain.story import Contact

KNOWN_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "div", "span", "h1", "strong"),
    *("em", "del", "code", "pre", "br", "blockquote", "a", "hr", "details", "summary"),
}
MARKUP = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "</style><iframe src=javascript:alert(1)>",
    "{{ 7*7 }}{% raw %}",
    "<a href='https://evil.example'>Acme</a>",
]


class Page(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.targets: set[str] = set()
        self.attributes: set[str] = set()
        self.seen = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.targets |= {value or "" for name, value in attrs if name in {"href", "src"}}

    def handle_data(self, data: str) -> None:
        self.seen += data


def test_the_page_shows_what_the_message_says_and_links_only_where_it_links() -> None:
    story = realistic_story()
    page = Page(render_preview(alert_message(story, NOW), story))
    for words in (
        "Larkspur Robotics · tier 1",
        "Maya Chen hit the export limit twice",
        "31.5 of 35",
    ):
        assert words in page.seen
    assert page.targets == {story.analytics_url, story.crm_url}
    assert page.tags <= KNOWN_TAGS


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(MARKUP) | st.text(max_size=80), st.sampled_from(MARKUP) | st.text(max_size=80)
)
def test_what_a_customer_typed_never_becomes_markup(text: str, other: str) -> None:
    story = realistic_story(
        account_name=text,
        industry=other,
        contact=Contact("u", other, text, text, None, None),
        tier_reason=text,
        playbook=other,
        owner=text,
    )
    page = Page(render_preview(alert_message(story, NOW), story))
    assert page.tags <= KNOWN_TAGS
    assert page.targets <= {story.analytics_url, story.crm_url}
    assert not any(name.startswith("on") for name in page.attributes)


def test_a_name_with_an_ampersand_is_shown_as_it_is() -> None:
    story = realistic_story(account_name="Fish & <Chips>")
    assert "Fish & <Chips>" in Page(render_preview(alert_message(story, NOW), story)).seen


@pytest.mark.parametrize(
    ("mrkdwn", "html"),
    [
        (
            "*bold* and _italic_ and ~gone~",
            "<strong>bold</strong> and <em>italic</em> and <del>gone</del>",
        ),
        ("`a &amp; b`", "<code>a &amp; b</code>"),
        ("```x\n  y```", "<pre>x\n  y</pre>"),
        ("said\n>quote\nend", "said<blockquote>quote</blockquote>end"),
        ("a\nb", "a<br>b"),
        ("snake_case_name 2*3*4", "snake_case_name 2*3*4"),
        (
            "<https://a.example/?q=1&amp;r=2|Look>",
            '<a href="https://a.example/?q=1&amp;r=2" rel="noreferrer">Look</a>',
        ),
        ("<javascript:alert(1)|Look>", "&lt;javascript:alert(1)|Look&gt;"),
        ("<!channel>", "&lt;!channel&gt;"),
    ],
)
def test_mrkdwn_becomes_the_html_of_its_look(mrkdwn: str, html: str) -> None:
    assert str(mrkdwn_html(mrkdwn)) == html


def test_a_block_that_is_not_known_is_shown_as_json() -> None:
    message = SlackMessage("text", [{"type": "video", "title": "<b>"}, {"type": "divider"}], {})
    html = render_preview(message)
    assert "&#34;video&#34;" in html
    assert "<b>" not in html
    assert "<hr>" in html


def test_a_call_to_duty_has_a_page_too() -> None:
    html = render_preview(oncall_message({"title": "T", "body": "B", "severity": "high"}))
    assert "<title>Alert: On call</title>" in html
