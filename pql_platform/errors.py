"""The one error a person is meant to read.

Everything that a user can cause or repair is raised as a `PqlError`: one line that says what is
wrong and where, one hint that says what to do next. Programming mistakes are not caught here.
"""

from __future__ import annotations

from pathlib import Path


class PqlError(Exception):
    """Something the user can repair, said in one line.

    Args:
        message: What is wrong, without a trailing full stop.
        hint: What to do next.
        file: The file at fault.
        line: Its line, counted from 1.
        field: The key, column or option at fault.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        file: str | Path | None = None,
        line: int | None = None,
        field: str | None = None,
    ) -> None:
        self.message = message
        self.hint = hint
        self.file = str(file) if file is not None else None
        self.line = line
        self.field = field
        super().__init__(str(self))

    def __str__(self) -> str:
        place = ""
        if self.file:
            place = f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        field = f"{self.field}: " if self.field else ""
        hint = f". {self.hint}" if self.hint else ""
        return f"{place}{field}{self.message}{hint}"
