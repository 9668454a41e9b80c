"""Questions with a proposed answer: asked of a person, or all answered by the proposals.

How a guided command talks; what it asks and why is the command's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import typer
from rich.markup import escape

from pql_platform.cli.output import people, print_table, remarks
from pql_platform.errors import PqlError

Answer = TypeVar("Answer")


class Guide:
    """Talks to a person at a terminal.

    Args:
        accepts: Take every proposal and ask nothing.
        silent: Say nothing either, for machines.
    """

    def __init__(self, *, accepts: bool, silent: bool) -> None:
        self.accepts = accepts or silent
        self.silent = silent

    def step(self, number: int, title: str) -> None:
        """Begin a step."""
        self._print(f"\n{number}. {title}", style="bold")

    def say(self, text: str) -> None:
        """Say something."""
        self._print(text)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Show a table."""
        if not self.silent and rows:
            print_table("", columns, ([escape(str(cell)) for cell in row] for row in rows))

    def working(self, what: str) -> Any:
        """A spinner on standard error while something takes a while."""
        return remarks.status(what)

    def ask(self, question: str, understand: Callable[[str], Answer], proposed: Answer) -> Answer:
        """Return the answer to a question; nothing but Enter is the proposal.

        Args:
            question: What else than Enter can be answered.
            understand: Reads an answer; a PqlError says what is wrong with it, and it is asked
                again.
            proposed: The proposal.

        Raises:
            PqlError: Nobody is there to answer.
        """
        while not self.accepts:
            try:
                written = typer.prompt(
                    f"Enter accepts, or {question}", default="", show_default=False
                )
            except typer.Abort as error:
                raise PqlError(
                    "No answer came, and nothing was written",
                    hint="Give --yes to accept every proposal",
                ) from error
            if not written.strip():
                break
            try:
                return understand(written.strip())
            except PqlError as error:
                self.say(f"{error}")
        return proposed

    def _print(self, text: str, **options: Any) -> None:
        if not self.silent:
            people.print(text, highlight=False, markup=False, **options)
