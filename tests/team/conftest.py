"""A team to be changed in one place, and the file of the demo product's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pql_platform.program.load import LoadedProgram, load_program
from pql_platform.team.load import load_team
from pql_platform.team.schema import Team

REPOSITORY = Path(__file__).parents[2]
TEAM = """\
people:
  ann:
    name: Ann Arbor
    slack: U02ABCDEF12
    email: Ann@Sales.example
    calendar: {zone: Europe/Berlin, from: "08:00", to: "17:30", holidays: DE-BE}
    away:
      - {from: 2026-12-21, to: 2026-12-31}
    capacity_per_day: 4
    manager: mia
  bo: {name: Bo Tree, calendar: {zone: Europe/Berlin}, manager: mia}
  cy: {name: Cy Press, left: 2026-11-01}
  mia: {name: Mia Chief, approves: true}
queues:
  pool: {members: {ann: 2, bo: 1}, fallback: mia}
fallback: mia
"""


@pytest.fixture(scope="session")
def team_text() -> str:
    return TEAM


@pytest.fixture
def team_file(tmp_path: Path) -> Callable[[str | bytes], Path]:
    """Writes a team file."""

    def write(text: str | bytes) -> Path:
        path = tmp_path / "team.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


@pytest.fixture
def edited(team_file) -> Callable[..., Team]:
    """Loads the team with pieces of its text replaced: `edited((old, new), ...)`."""

    def load(*changes: tuple[str, str]) -> Team:
        text = TEAM
        for old, new in changes:
            assert old in text, f"the team no longer holds {old!r}"
            text = text.replace(old, new, 1)
        team = load_team(team_file(text))
        assert team is not None
        return team

    return load


@pytest.fixture
def boards(tmp_path: Path) -> Callable[..., LoadedProgram]:
    """Loads the demo program with pieces of its text replaced."""

    def load(*changes: tuple[str, str]) -> LoadedProgram:
        text = (REPOSITORY / "programs" / "boards.yaml").read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text, f"the demo program no longer holds {old!r}"
            text = text.replace(old, new, 1)
        path = tmp_path / "boards.yaml"
        path.write_text(text, encoding="utf-8")
        return load_program(path)

    return load


@pytest.fixture(scope="session")
def repository_team() -> Team:
    """The team of the demo product."""
    team = load_team(REPOSITORY / "team.yaml")
    assert team is not None
    return team
