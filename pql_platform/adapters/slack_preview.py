"""A Slack message as a page that anybody can open: what a rep would see, without Slack.

Renders the very blocks that would be posted, so a preview cannot look better than the message.
Covers the blocks and the mrkdwn that our messages use; anything else is shown as its JSON. What
the message says is `slack_blocks.py`.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from pql_platform.adapters.slack_layout import SlackMessage
from pql_platform.adapters.slack_text import plain
from pql_platform.domain.story import AlertStory
from pql_platform.domain.wording import account_name

_FENCE = re.compile(r"```(.*?)```", re.DOTALL)
_INLINE = re.compile(
    r"`(?P<code>[^`\n]+)`"
    r"|<(?P<mention>@[UW][A-Z0-9]+)>"
    r"|<(?P<link>https://[^|>\s]+)(?:\|(?P<label>[^>\n]+))?>"
    r"|(?<!\w)\*(?P<bold>[^*\n]+)\*(?!\w)"
    r"|(?<!\w)_(?P<italic>[^\n]+?)_(?!\w)"
    r"|(?<!\w)~(?P<strike>[^~\n]+)~(?!\w)"
)
_TAGS = {"bold": "strong", "italic": "em", "strike": "del"}
_QUOTE = re.compile(r"^(?:>|&gt;) ?")


def render_preview(
    message: SlackMessage, story: AlertStory | None = None, about: str = "On call"
) -> str:
    """The message as a self-contained HTML page that loads and runs nothing.

    Args:
        message: What would be posted.
        story: The lead it is about, for the page's title; None when it is about no single one.
        about: The page's title without a story.
    """
    title = unescaped(plain(account_name(story), 80)) if story else about
    return _template().render(title=title, blocks=message.blocks, fallback=unescaped(message.text))


def mrkdwn_html(text: str) -> Markup:
    """Slack's mrkdwn as HTML: code, quotes, bold, italic, strike, https links and line breaks."""
    pieces: list[Markup] = []
    for position, piece in enumerate(_FENCE.split(text)):
        if position % 2:
            pieces.append(Markup("<pre>{}</pre>").format(unescaped(piece.strip("\n"))))
        else:
            pieces.append(_paragraph(piece.strip("\n")))
    return Markup().join(pieces)


def unescaped(text: str) -> str:
    """Text without Slack's three entities, to be escaped anew for HTML."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _paragraph(text: str) -> Markup:
    html = Markup()
    quoted = False
    for position, line in enumerate(text.split("\n") if text else []):
        is_quote = bool(_QUOTE.match(line))
        if is_quote and not quoted:
            html += Markup("<blockquote>")
        elif quoted and not is_quote:
            html += Markup("</blockquote>")
        elif position:
            html += Markup("<br>")
        html += _inline(_QUOTE.sub("", line) if is_quote else line)
        quoted = is_quote
    return html + Markup("</blockquote>") if quoted else html


def _inline(text: str) -> Markup:
    html = Markup()
    end = 0
    for match in _INLINE.finditer(text):
        html += escape(unescaped(text[end : match.start()]))
        html += _formatted(match)
        end = match.end()
    return html + escape(unescaped(text[end:]))


def _formatted(match: re.Match[str]) -> Markup:
    if match["code"]:
        return Markup("<code>{}</code>").format(unescaped(match["code"]))
    if match["mention"]:
        return Markup("<strong>{}</strong>").format(match["mention"])
    if match["link"]:
        target = unescaped(match["link"])
        return Markup('<a href="{}" rel="noreferrer">{}</a>').format(
            target, unescaped(match["label"] or target)
        )
    kind = str(match.lastgroup)
    tag = Markup(_TAGS[kind])  # noqa: S704 - one of three constants
    return Markup("<{0}>{1}</{0}>").format(tag, _inline(match[kind]))


def _text_html(text: dict[str, Any]) -> Markup:
    if text["type"] == "mrkdwn":
        return mrkdwn_html(text["text"])
    return escape(unescaped(text["text"]))


def _as_json(block: dict[str, Any]) -> str:
    return json.dumps(block, ensure_ascii=False, indent=2)


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("pql_platform.adapters", package_path=""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"slack_text": _text_html, "as_json": _as_json}
    return environment.get_template("slack_preview.html.j2")
