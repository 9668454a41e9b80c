"""One process at a time has the warehouse, and SQL reaches nothing outside its folder."""

from __future__ import annotations

import subprocess
import sys

import duckdb
import pytest

from pql_platform.errors import PqlError
from pql_platform.warehouse.connection import open_serving, open_warehouse, warehouse_lock
from pql_platform.warehouse.deployments import deployed_models
from pql_platform.warehouse.rescoring import read_clock

HOLDER = """
import sys
from pathlib import Path
from pql_platform.warehouse.connection import warehouse_lock
with warehouse_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_told_who_holds_the_warehouse(warehouse) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(warehouse.home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(PqlError, match=f"process {holder.pid}"),
            open_warehouse(warehouse, wait_seconds=0.1),
        ):
            pass
        holder.communicate("")
    with open_warehouse(warehouse, wait_seconds=0.1) as connection:
        assert deployed_models(connection)


def test_a_holder_that_was_killed_holds_nothing(warehouse) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(warehouse.home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        holder.kill()
    with warehouse_lock(warehouse.home, wait_seconds=5):
        pass


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "COPY raw.events TO '/tmp/events.csv'",
        "ATTACH '/tmp/other.duckdb'",
        "INSTALL httpfs",
        "SELECT * FROM read_parquet('https://example.com/x.parquet')",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
    ],
)
def test_sql_reaches_nothing_outside_the_home_folder(warehouse, statement) -> None:
    with open_warehouse(warehouse) as connection, pytest.raises(duckdb.Error) as refused:
        connection.execute(statement)
    assert not isinstance(refused.value, duckdb.ParserException | duckdb.CatalogException)


def test_a_folder_whose_name_starts_alike_is_outside_too(warehouse) -> None:
    neighbour = warehouse.home.with_name(f"{warehouse.home.name}-neighbour")
    neighbour.mkdir()
    (neighbour / "secret.csv").write_text("a\n1\n")
    with open_warehouse(warehouse) as connection, pytest.raises(duckdb.Error, match="disabled"):
        connection.execute(f"SELECT * FROM read_csv('{neighbour}/secret.csv')")  # noqa: S608


def test_a_damaged_warehouse_is_an_error_with_a_way_out(warehouse) -> None:
    warehouse.warehouse.write_bytes(b"not a database" * 1000)
    with pytest.raises(PqlError, match="rebuild it from the archive"), open_warehouse(warehouse):
        pass


def test_before_anything_was_published_readers_are_told_what_to_do(warehouse) -> None:
    with pytest.raises(PqlError, match="pql run"), open_serving(warehouse):
        pass


def test_a_new_warehouse_has_no_scores_yet(kit, tmp_path) -> None:
    settings = kit.settings_of(tmp_path / "new")
    with open_warehouse(settings) as connection:
        kit.load(connection, settings)
        with pytest.raises(PqlError, match="no scores yet"):
            read_clock(connection)
        with pytest.raises(PqlError, match="not deployed yet"):
            deployed_models(connection)
