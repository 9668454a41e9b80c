"""Programs as model versions keep them: read back from their JSON, and compared.

What a program says, and its JSON, is `pql_platform.program`; when a version is made is `versions`.
"""

from __future__ import annotations

import json

from pydantic import ValidationError

from pql_platform.errors import PqlError
from pql_platform.ledger.versions import ModelVersion
from pql_platform.program.load import digest
from pql_platform.program.schema import Program


def program_of_version(version: ModelVersion) -> Program | None:
    """Return the program that a version was made with; None where it kept none.

    Raises:
        PqlError: This release cannot read it.
    """
    if version.program_text is None:
        return None
    try:
        return Program.model_validate(json.loads(version.program_text))
    except ValidationError as error:
        first = error.errors()[0]
        raise PqlError(
            f"The program of {version.id} cannot be read by this release ({first['msg']})",
            field=".".join(map(str, first["loc"])),
            hint="Ask the release that recorded it",
        ) from error


def keeps(version: ModelVersion, program: Program) -> bool:
    """Whether a version was made with this very program."""
    try:
        kept = program_of_version(version)
    except PqlError:
        return False  # written by another release, so this one writes it again
    return kept is not None and digest(kept) == digest(program)
