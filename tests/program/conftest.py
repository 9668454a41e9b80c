"""The program of the demo product, to be changed in one place and loaded again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pql_platform.program.load import LoadedProgram, load_program

REPOSITORY = Path(__file__).parents[2]
DEMO_EVENTS = {
    "Signed Up", "Logged In", "Board Created", "Board Shared", "Teammate Invited",
    "Invite Accepted", "Comment Added", "Template Used", "Integration Connected", "Data Imported",
    "Export Limit Reached", "Board Limit Reached", "Premium Feature Tried",
    "Upgrade Prompt Clicked", "Plan Compared", "API Key Created", "Trial Started",
    "Subscription Started", "Subscription Canceled", "Help Article Viewed", "page:Home",
    "page:Boards", "page:Pricing",
}  # fmt: skip
"""What the demo product sends (`pql_platform/demo/catalogue.py`)."""


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def demo_events() -> frozenset[str]:
    return frozenset(DEMO_EVENTS)


@pytest.fixture(scope="session")
def boards_text() -> str:
    return (REPOSITORY / "programs" / "boards.yaml").read_text(encoding="utf-8")


@pytest.fixture
def program_file(tmp_path: Path) -> Callable[[str | bytes], Path]:
    """Writes a program file."""

    def write(text: str | bytes, name: str = "program.yaml") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


@pytest.fixture
def edited(boards_text: str, program_file) -> Callable[..., LoadedProgram]:
    """Loads the demo program with pieces of its text replaced: `edited((old, new), ...)`."""

    def load(*changes: tuple[str, str]) -> LoadedProgram:
        text = boards_text
        for old, new in changes:
            assert old in text, f"the demo program no longer holds {old!r}"
            text = text.replace(old, new, 1)
        return load_program(program_file(text))

    return load
