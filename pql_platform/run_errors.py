"""What a failed step of a Dagster run said, in one line.

Dagster wraps the error of a step in its own and keeps it as text; people want the one
worded for them, else the innermost.
Who is told of it is the business of commands and sensors.
"""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from pql_platform.errors import PqlError

_OURS = f"{PqlError.__module__}.{PqlError.__qualname__}: "


def reasons(events: Iterable[dg.DagsterEvent]) -> list[str]:
    """Return what each failed step said, without a stack trace or a full stop.

    Args:
        events: Of one run; those that are no failure of a step are passed over.
    """
    found = []
    for event in events:
        if not event.is_step_failure or event.step_failure_data.error is None:
            continue
        error = event.step_failure_data.error
        # An error of ours is worded for people; what caused it is not.
        while error.cause is not None and not error.message.startswith(_OURS):
            error = error.cause
        found.append(" ".join(error.message.split()).removeprefix(_OURS).rstrip("."))
    return found
