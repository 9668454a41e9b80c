"""`pql explain`: why a user or account has its score."""

from __future__ import annotations

from typing import Annotated

import typer

from pql_platform.answers.explanation import explain as explain_score
from pql_platform.cli.output import AsJson, AsOf, people, print_json, print_table
from pql_platform.resources import parse_instant
from pql_platform.settings import load_settings


def explain(
    subject: Annotated[str, typer.Argument(metavar="ID", help="A user id or an account id.")],
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Explain one score: its contributions, yesterday's, and what would be enough."""
    answer = explain_score(load_settings(), subject, parse_instant(as_of) if as_of else None)
    if as_json:
        print_json(answer)
        return
    print_table(
        f"{answer['level']} {answer['id']}: {answer['score']} points "
        f"(yesterday {answer['yesterday'] if answer['yesterday'] is not None else 'unknown'}, "
        f"threshold {answer['threshold']}, {answer['version']})",
        ("signal", "category", "value", "points", "in words"),
        (
            (item["signal"], item["category"], item["value"], item["points"], item["says"])
            for item in answer["contributions"]
        ),
    )
    if answer["reason"]:
        people.print(f"It does not qualify: it {answer['reason']}.")
    people.print(answer["counterfactual"])
