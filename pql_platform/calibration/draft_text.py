"""A draft as the YAML of a program file, each figure with a comment that says where it is from.

Written by hand rather than by a dumper: people read, review and change this file, so its order, its
blank lines and its comments are part of it.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pql_platform.calibration.draft import Draft, DraftSignal

WIDTH = 100
SCHEMA = "../docs/program.schema.json"

# What YAML 1.2 reads as text without quotes, and no other reader as anything else.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*@?|[0-9]+[mhd]")
_WORDS_WITH_A_MEANING = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def draft_text(draft: Draft, now: datetime, schema: str = SCHEMA) -> str:
    """Return the text of the program file.

    Args:
        draft: What it says.
        now: When it is written, aware UTC.
        schema: Path of the JSON Schema as seen from the file, for editors.
    """
    document = draft.document()
    lines = [f"# yaml-language-server: $schema={schema}"]
    lines += _comment(
        f"Written by `pql init` on {now:%Y-%m-%d}, from {draft.source}. A start, not the truth: "
        "read each figure and change what you know better. docs/program-file.md explains each key, "
        "`pql discover` and `pql backtest` show the evidence, `pql diff` what a change would do."
    )
    for remark in draft.remarks:
        lines += _comment(f"Note: {remark}")
    for key, value in document.items():
        lines += _comments_of(key, draft)
        if key == "signals":
            lines += _signals(draft.signals, value)
        elif key in _ONE_PER_LINE:
            lines += [f"{key}:", *(f"  - {_flow(entry)}" for entry in value)]
        else:
            lines += _entry(key, value)
    return "\n".join(lines) + "\n"


_ONE_PER_LINE = ("core_events", "tiers", "routing")

_SECTIONS: Mapping[str, str] = {
    "program": "",
    "conversion": "1. The purchase that is predicted. {conversion} It counts as predicted within "
    "horizon_days of a score.",
    "value_metric": "2. The core offering, in your customers' words, and when users first get its "
    "value. {aha}",
    "core_events": "What makes a session count: work, not logging in and looking around.",
    "signals": "3. What speaks for a purchase. A signal earns its points in full at its threshold, "
    "and half of them once half_life_days have passed without it.",
    "weights": "4. What each kind of behaviour is worth; together 100. {weights}",
    "fit": "Who is no lead, whatever the score. Name your own lists too, for example\n"
    "fit: {{exclude: [students, competitors, staff, test_accounts]}}\n"
    "lists: {{competitors: [rival.com], staff: [you.com], test_accounts: [test.you.com]}}",
    "threshold": "How many of them are leads. {threshold}",
    "tiers": "5. Who acts, and by when. {tiers}",
    "routing": "{lead_owner}",
    "rollout": "shadow: everything is computed, nobody is told. Look at `pql scores` for some "
    "weeks,\nthen write {{stage: pilot, by: WHO DECIDED, on: DAY}}, and live after that.",
}


def _entry(key: str, value: Any) -> Iterator[str]:
    """A key on one line where it fits, else a line for each part."""
    line = f"{key}: {_flow(value)}"
    if len(line) <= WIDTH or not isinstance(value, Mapping):
        yield line
        return
    yield f"{key}:"
    yield from (f"  {name}: {_flow(part)}" for name, part in value.items())


def _comments_of(key: str, draft: Draft) -> list[str]:
    if key == "owners":
        return _comment("Who answers for each stage: put your own teams here.")
    if key not in _SECTIONS:
        return []
    said = _SECTIONS[key].format(
        conversion=draft.conversion.evidence,
        aha=draft.aha.evidence,
        weights=draft.weights.evidence,
        threshold=draft.threshold.evidence,
        tiers=draft.tiers.evidence,
        lead_owner=draft.lead_owner.evidence,
    )
    blank = [] if key in ("program", "routing") else [""]
    return [*blank, *_comment(said)]


def _signals(signals: Sequence[DraftSignal], written: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "signals:"
    for signal, keys in zip(signals, written, strict=True):
        yield from _comment(f"{signal.evidence} {signal.category}: {signal.because}.", indent=2)
        if signal.forced is not None:
            yield from _comment(f"FORCED although it was refused: {signal.forced}", indent=2)
        for place, (key, value) in enumerate(keys.items()):
            yield f"  {'- ' if place == 0 else '  '}{key}: {_flow(value)}"


def _comment(text: str, indent: int = 0) -> list[str]:
    """Text as comment lines; a line break in it stays one, other invisible characters go."""
    margin = " " * indent + "# "
    return [
        line
        for part in text.splitlines()
        for line in textwrap.wrap(
            "".join(char if char.isprintable() else " " for char in part),
            WIDTH,
            initial_indent=margin,
            subsequent_indent=margin,
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


def _flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_flow(part)}' for key, part in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS_WITH_A_MEANING
        # Text in JSON is text in YAML.
        return value if plain else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)
