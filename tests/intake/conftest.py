"""Event files for the tests of intake, and the inbox read back."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

LONG_AGO = 1_700_000_000


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    return tmp_path / "inbox"


@pytest.fixture
def event_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a file that looks finished long ago, so that no test waits for it to settle."""

    def write(content: bytes, name: str = "events.ndjson") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        os.utime(path, (LONG_AGO, LONG_AGO))
        return path

    return write


@pytest.fixture
def rows_in() -> Callable[[Path], list[dict[str, Any]]]:
    """Read all inbox files back, in order."""

    def read(inbox: Path) -> list[dict[str, Any]]:
        files = sorted(inbox.iterdir()) if inbox.exists() else []
        return [row for file in files for row in pq.read_table(file).to_pylist()]

    return read


@pytest.fixture
def shared_data() -> Path:
    folder = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared data are not beside this repository")
    return folder
