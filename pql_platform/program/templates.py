"""Texts with placeholders: what a rep reads of a signal, and where a rep can look.

Only the placeholders of an allow-list, and nothing that formats or reaches into their values. Who
fills them in is not known here.
"""

from __future__ import annotations

import re
from string import Formatter
from typing import Annotated

from pydantic import AfterValidator

from pql_platform.program.fields import FieldError, Line
from pql_platform.program.suggest import shown

SAYS_PLACEHOLDERS = ("value", "window_days", "threshold")
LINK_PLACEHOLDERS = ("account_id", "user_id")


def _placeholders(template: str, allowed: tuple[str, ...]) -> None:
    known = ", ".join(f"{{{name}}}" for name in allowed)
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise FieldError(f"{shown(template)}: {error}", f"Placeholders are {known}") from error
    for literal, name, form, conversion in parts:
        if name is not None and (name not in allowed or form or conversion):
            raise FieldError(
                f"unknown placeholder in {shown(template)}", f"Placeholders are {known}"
            )
        if "{" in literal or "}" in literal:
            raise FieldError(f"doubled braces in {shown(template)}", f"Placeholders are {known}")


def _as_says(template: str) -> str:
    _placeholders(template, SAYS_PLACEHOLDERS)
    return template


def _as_link(template: str) -> str:
    # Neither user:password@ nor a host that only looks like one's own.
    if not re.fullmatch(r"https://[A-Za-z0-9.-]+(:[0-9]+)?(/[^\s<>\"|]*)?", template):
        raise FieldError(f"{shown(template)} is not an https address", "Write https://...")
    _placeholders(template, LINK_PLACEHOLDERS)
    return template


Says = Annotated[Line, AfterValidator(_as_says)]
Link = Annotated[Line, AfterValidator(_as_link)]
