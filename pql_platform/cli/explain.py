"""`pql explain`: why a user or account has its score."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.markup import escape

from pql_platform.answers.explanation import explain as explain_score
from pql_platform.cli.output import AsJson, AsOf, people, print_json, print_table
from pql_platform.resources import parse_instant
from pql_platform.settings import load_settings

BARS = "▁▂▃▄▅▆▇█"
"""Bars of equal steps from 0 to 100 points."""


def explain(
    subject: Annotated[str, typer.Argument(metavar="ID", help="A user id or an account id.")],
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Explain one score: its contributions, its last days, and what would be enough."""
    answer = explain_score(load_settings(), subject, parse_instant(as_of) if as_of else None)
    if as_json:
        print_json(answer)
        return
    print_table(
        f"{answer['level']} {answer['id']}: {answer['score']} points "
        f"(yesterday {answer['yesterday'] if answer['yesterday'] is not None else 'unknown'}, "
        f"threshold {answer['threshold']}, {answer['version']})",
        ("signal", "category", "by", "value", "points", "in words"),
        (
            (
                item["signal"],
                item["category"],
                item["user_id"],
                item["value"],
                item["points"],
                item["says"],
            )
            for item in answer["contributions"]
        ),
    )
    if answer["history"]:
        people.print(_last_days(answer["history"]), highlight=False)
    if answer["reason"]:
        people.print(f"It does not qualify: it {escape(answer['reason'])}.")
    for sentence in (answer["counterfactual"], *answer["notes"]):
        people.print(escape(sentence))


def sparkline(scores: Sequence[Decimal]) -> str:
    """One bar per score, all on the scale from 0 to 100."""
    highest = len(BARS) - 1
    return "".join(BARS[min(int(score * len(BARS) // 100), highest)] for score in scores)


def _last_days(history: Sequence[dict[str, Any]]) -> str:
    first, last = history[0], history[-1]
    bars = sparkline([day["score"] for day in history])
    return (
        f"Closing scores: {first['day']:%d %b} {first['score']} [bold]{bars}[/] "
        f"{last['score']} {last['day']:%d %b}"
    )
