"""What reps said of the alerts that a version caused, as sentences beside the next proposal.

Numbers draw the points; people know why a lead was none. So whoever decides about a version reads
both, and each frequent reason comes with the part of the program file that it speaks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from pql_platform.domain.answers import NOT_A_FIT_REASONS
from pql_platform.domain.grammar import counted, day
from pql_platform.ledger.feedback import Answers, answers_since

FEWEST_ANSWERS: Final = 5
"""Answers before anything is concluded from them."""

OFTEN: Final = 0.1
"""Share of all answered alerts from which on a reason is worth a change of the definition."""

_SPEAKS_FOR: Final = {
    "student": "a `fit.exclude` list or a `negative` for private addresses",
    "competitor": "their domains in a list of `fit.exclude`",
    "too_small": "`fit.require` on employees",
    "known": "an owner in the CRM, so that the lead goes to whoever speaks with them",
    "wrong_data": "mending the traits that the product sends",
}


def said_by_reps(conn: Connection, program: str, since: datetime) -> list[str]:
    """What reps answered since a version became live; empty while they answered little.

    Args:
        conn: The ledger.
        program: The program.
        since: When the live version became live.
    """
    answers = answers_since(conn, program, since)
    return list(_sentences(answers, since)) if answers.answered >= FEWEST_ANSWERS else []


def _sentences(answers: Answers, since: datetime) -> Iterator[str]:
    misfits = sum(answers.not_a_fit.values())
    yield (
        f"Reps answered {answers.answered} of {counted(answers.alerted, 'alert')} since "
        f"{day(since.date())}: {answers.contacted} contacted, {misfits} not a fit, "
        f"{answers.wrong_owner} with the wrong owner."
    )
    for reason, count in sorted(answers.not_a_fit.items(), key=lambda one: (-one[1], one[0])):
        if count / answers.answered >= OFTEN and reason in _SPEAKS_FOR:
            yield (
                f"{count} of them: {NOT_A_FIT_REASONS[reason].lower()}. That speaks for "
                f"{_SPEAKS_FOR[reason]}."
            )
    if answers.wrong_owner / answers.answered >= OFTEN:
        yield "The wrong owner that often speaks for other routes, or for a look at the team file."
