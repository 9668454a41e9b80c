"""The check of the SQLMesh project: its linter rules, its format and its unit tests.

Runs on the unit program of the project in a folder of its own, so that neither the programs nor the
data of this installation matter. What must hold of the data itself is in the audits.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from pql_platform.settings import load_settings
from pql_platform.warehouse.project import PROJECT, open_context

if TYPE_CHECKING:
    from sqlmesh import Context

UNIT_PROGRAM = PROJECT / "tests" / "program" / "unit.yaml"


@dataclass(frozen=True)
class Checked:
    """What was checked, and every failure in words; empty `failures` means that all is well."""

    models: int
    tests: int
    failures: tuple[str, ...]


def check_project() -> Checked:
    """Lint every model, check the format of every SQL file, and run every unit test.

    A project or test that cannot even be read is a failure like any other.
    """
    from sqlmesh.utils.errors import SQLMeshError

    with tempfile.TemporaryDirectory(prefix="pql-check-") as folder:
        settings = load_settings().model_copy(
            update={"home": Path(folder), "programs": UNIT_PROGRAM}
        )
        try:
            with closing(open_context(settings)) as context:
                return _check(context)
        except SQLMeshError as error:
            return Checked(0, 0, (str(error),))


def _check(context: Context) -> Checked:
    models = [model for model in context.models.values() if not model.kind.is_external]
    result = context.test()
    failures = [
        *_lint(context),
        *_unformatted(context),
        *(f"{test}: {trace.strip()}" for test, trace in (*result.failures, *result.errors)),
    ]
    return Checked(len(models), result.testsRun, tuple(failures))


def _lint(context: Context) -> list[str]:
    return [
        f"{violation.model.name}: {violation.rule.name}: {violation.violation_msg}"
        for violation in context.lint_models(raise_on_error=False)
    ]


def _unformatted(context: Context) -> list[str]:
    return [
        f"{path.relative_to(PROJECT)}: needs `sqlmesh format --append-newline`"
        for path in sorted(PROJECT.rglob("*.sql"))
        if not context.format(check=True, append_newline=True, paths=(path,))
    ]


def main() -> int:
    """Print a summary; return 1 with the failures if there are any."""
    from sqlmesh.core.console import NoopConsole, set_console

    set_console(NoopConsole())
    checked = check_project()
    console = Console()
    for failure in checked.failures:
        console.print(f"[red]failed[/red] {escape(failure)}", soft_wrap=True)
    verdict = f"run, {len(checked.failures)} failures" if checked.failures else "passed"
    console.print(f"{checked.models} models linted, {checked.tests} tests {verdict}")
    return 1 if checked.failures else 0


if __name__ == "__main__":
    sys.exit(main())
