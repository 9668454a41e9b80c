"""The check of the SQLMesh project passes, and says what fails."""

from __future__ import annotations

from sqlmesh.core.console import NoopConsole, set_console

from pql_platform.warehouse import check
from pql_platform.warehouse.check import Checked, check_project, main


def test_every_model_passes_its_rules_and_its_unit_tests(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PQL_PROGRAMS", str(tmp_path / "absent.yaml"))
    monkeypatch.setenv("PQL_HOME", str(tmp_path / "untouched"))
    set_console(NoopConsole())
    checked = check_project()
    assert checked.failures == ()
    assert checked.models == 16
    assert checked.tests >= 23
    assert not (tmp_path / "untouched").exists()


def test_failures_are_printed_and_make_the_command_fail(monkeypatch, capsys) -> None:
    failed = Checked(16, 23, ("staging.users: nomissingowner: no [owner]",))
    monkeypatch.setattr(check, "check_project", lambda: failed)
    assert main() == 1
    assert "staging.users: nomissingowner: no [owner]" in capsys.readouterr().out
    monkeypatch.setattr(check, "check_project", lambda: Checked(16, 23, ()))
    assert main() == 0
    assert "16 models linted, 23 tests passed" in capsys.readouterr().out
