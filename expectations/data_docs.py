"""The Data Docs: one page per suite as Great Expectations renders it, and an index of all suites.

Great Expectations' own site loads styles, scripts and a counting image from the internet; these
pages are whole in themselves and open from disk. They show the latest result only: the history of
a check is in Dagster.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import ChoiceLoader, DictLoader, Environment

from expectations.promises import Suite
from expectations.suites import SUITES

if TYPE_CHECKING:
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
    )

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem;
  border-bottom: 1px solid #8884; }
td table { width: auto; margin: .5rem 0; font-size: .9em; }
h5 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
.fa-check-circle::before { content: "✓"; color: #1a7f37; font-weight: bold; }
.fa-times::before { content: "✗"; color: #cf222e; font-weight: bold; }
.fa-exclamation-triangle::before { content: "!"; color: #9a6700; font-weight: bold; }
.fa-chevron-down, button, .collapse { display: none; }
.muted { opacity: .7; }
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ page_title | e }}</title>
<style>{{ style }}</style>
</head>
<body>
<p><a href="index.html">All suites</a></p>
<h1>{{ page_title | e }}</h1>
<p>{{ about | e }}</p>
{% for section in sections %}{% set section_loop = loop -%}{% include 'section.j2' %}{% endfor %}
</body>
</html>
"""

_INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>What must be true</title>
<style>{{ style }}</style>
</head>
<body>
<h1>What must be true</h1>
{% for suite, link, judged_at in suites %}
<h2>{% if link %}<a href="{{ link }}">{{ suite.name }}</a>{% else %}{{ suite.name }}{% endif %}</h2>
<p>{{ suite.about }} <span class="muted">
{%- if judged_at %}Last judged {{ judged_at }}.{% else %}Not judged yet.{% endif -%}
</span></p>
<ul>
{% for promise in suite.promises %}<li>{{ promise.sentence }}
{%- if promise.holds_deliveries %} <strong>Holds deliveries.</strong>{% endif %}</li>
{% endfor %}
</ul>
{% endfor %}
</body>
</html>
"""


@dataclass(frozen=True)
class Verdict:
    """Whether a suite passed, and when it was judged (aware UTC)."""

    passed: bool
    at: datetime


def write_data_docs(
    docs: Path,
    suite: Suite,
    judged: Mapping[str, ExpectationSuiteValidationResult],
    verdict: Verdict,
) -> Path:
    """Write the page of a suite and the index, each put in place whole; return the page.

    Args:
        docs: Folder of the Data Docs, created where it does not exist.
        suite: What was judged.
        judged: What Great Expectations found, per frame.
        verdict: Shown on top.
    """
    docs.mkdir(mode=0o700, parents=True, exist_ok=True)
    page = docs / f"{suite.name}.html"
    _put(page, _page(suite, judged, verdict))
    _put(docs / "index.html", _index(docs))
    return page


def _page(
    suite: Suite, judged: Mapping[str, ExpectationSuiteValidationResult], verdict: Verdict
) -> str:
    from great_expectations.render.components import RenderedDocumentContent
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView

    documents = [ValidationResultsPageRenderer().render(found) for found in judged.values()]
    view: Any = DefaultJinjaPageView()
    # Its page template is the one that reaches for the internet; everything else stays as it is.
    view.env.loader = ChoiceLoader([DictLoader({"page.j2": _PAGE}), view.env.loader])
    found = "every promise holds" if verdict.passed else "a promise is broken"
    rendered: str = view.render(
        RenderedDocumentContent(
            # The first section of each document is about the run, not about the data.
            sections=[section for document in documents for section in document.sections[1:]],
            renderer_type="ValidationResultsPageRenderer",
            page_title=f"{suite.name}: {found}",
        ),
        about=f"{suite.about} Judged {_moment(verdict.at)}.",
        style=_STYLE,
    )
    return rendered


def _index(docs: Path) -> str:
    suites: list[tuple[Suite, str | None, str | None]] = []
    for suite in SUITES.values():
        page = docs / f"{suite.name}.html"
        if page.exists():
            written = datetime.fromtimestamp(page.stat().st_mtime, UTC)
            suites.append((suite, page.name, _moment(written)))
        else:
            suites.append((suite, None, None))
    template = Environment(autoescape=True, trim_blocks=True).from_string(_INDEX)
    return template.render(suites=suites, style=_STYLE)


def _put(path: Path, content: str) -> None:
    # Two runs may write at once.
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(content, encoding="utf-8")
    part.replace(path)


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
