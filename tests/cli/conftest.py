"""What commands leave behind: tests hold it against what was there before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pql_platform.settings import Settings
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.loading import waiting_files


@pytest.fixture
def belongings() -> Callable[[Settings], Any]:
    """Everything an installation has been given: files that wait or are kept, and rows."""

    def look(settings: Settings) -> Any:
        rows = 0
        if settings.warehouse.exists():
            with open_warehouse(settings) as connection:
                (rows,) = connection.execute("SELECT COUNT(*) FROM raw.events").fetchone() or (0,)
        kept = sorted(path.name for path in settings.archive.glob("*"))
        return [path.name for path in waiting_files(settings)], kept, rows

    return look
