"""A copy of the warehouse, for work that takes minutes and must hold nobody up.

Taken while the lock is held, which takes as long as the disk needs, and thrown away afterwards.
Whoever changes the warehouse opens the file itself (`connection`).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from pql_platform.errors import PqlError
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import (
    open_file,
    open_held_warehouse,
    warehouse_lock,
)


@contextmanager
def open_copy(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a copy of the warehouse as it is at this moment; what is written to it is lost.

    Raises:
        PqlError: Nothing was computed yet, the lock was not free in time, or the disk is full.
    """
    if not settings.warehouse.exists():
        raise PqlError("There are no scores yet", hint="Load events, then run `pql run`")
    with tempfile.TemporaryDirectory(prefix="copy-", dir=settings.home) as folder:
        copy = Path(folder) / settings.warehouse.name
        with warehouse_lock(settings.home):
            with open_held_warehouse(settings):
                pass  # closing writes what is still in the log into the file
            try:
                shutil.copyfile(settings.warehouse, copy)
            except OSError as error:
                raise PqlError(
                    f"The warehouse cannot be copied ({error.strerror})",
                    file=copy,
                    hint="Calibration needs as much free space as the warehouse takes",
                ) from error
        connection = open_file(copy, settings)
        try:
            yield connection
        finally:
            connection.close()
