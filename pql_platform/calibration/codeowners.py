"""The owners of program files as a CODEOWNERS section, for whoever hosts the repository.

A section names people per file and takes one of them for enough; who must approve which change is
in `program_diff`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from pql_platform.calibration.program_diff import STAGES
from pql_platform.program.load import LoadedProgram

# GitHub takes @user, @organisation/team and e-mail addresses, and passes over all else in silence.
_KNOWN_AS = re.compile(r"@[A-Za-z0-9][A-Za-z0-9-]*(/[A-Za-z0-9._-]+)?|[^@\s]+@[^@\s]+\.[^@\s]+")

BEGIN = "# Owners of the PQL programs, written by `pql diff --codeowners`."


def codeowners(
    programs: Sequence[LoadedProgram], folder: PurePath, handles: Mapping[str, str]
) -> str:
    """Return one line per program file, with the owners of its stages.

    Args:
        programs: From one folder.
        folder: That folder, as seen from the root of the repository.
        handles: What the host calls an owner: `growth@` -> `@acme/growth`.
    """
    lines, unknown = [BEGIN], []
    for loaded in programs:
        owners = dict.fromkeys(getattr(loaded.program.owners, stage) for stage in STAGES)
        known = [handles.get(owner, owner) for owner in owners]
        unknown += [owner for owner in known if not _KNOWN_AS.fullmatch(owner)]
        path = str(folder / loaded.path.name).replace(" ", r"\ ")
        line = f"/{path} {' '.join(known)}"
        # GitHub ignores a whole line for one bad name: better that everybody sees it is not in use.
        lines.append(line if all(map(_KNOWN_AS.fullmatch, known)) else f"# {line}")
    for owner in dict.fromkeys(unknown):
        lines.append(f"# {owner} is no account: give --handle '{owner}=@organisation/team'")
    return "\n".join(lines) + "\n"
