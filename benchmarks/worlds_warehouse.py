"""Planted worlds in warehouses: one template with the models deployed, copied for each world.

A world goes through the platform's own load and scoring. Only the deployment, which needs SQLMesh
and takes seconds, is shared: the program is the same in all worlds.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from benchmarks.worlds import World
from benchmarks.worlds_truth import END, LONGEST
from pql_platform.program.load import load_program
from pql_platform.program.schema import Program
from pql_platform.settings import Settings, load_settings
from pql_platform.warehouse.building import build
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.loading import load_inbox
from pql_platform.warehouse.rescoring import rescore

PROGRAM_FILE = Path(__file__).with_name("worlds_program.yaml")
"""What a lead is in every world."""


def planted_program() -> Program:
    """The program of the planted worlds."""
    return load_program(PROGRAM_FILE).program


def deploy_template(home: Path) -> Settings:
    """An empty warehouse with the models of the program, deployed before any world began.

    Args:
        home: Where it goes; created.
    """
    settings = load_settings().model_copy(update={"home": home, "programs": PROGRAM_FILE})
    settings.prepare_home()
    before = END - timedelta(days=LONGEST + 1)
    with open_warehouse(settings) as connection:
        load_inbox(connection, settings, before)
    build(settings, before)
    return settings


@contextmanager
def warehouse_of(
    world: World, template: Settings, folder: Path
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse that holds a world, loaded and scored as of its end; gone after the block.

    Args:
        world: What happened.
        template: What `deploy_template` returned.
        folder: Where its files go meanwhile.
    """
    home = folder / f"world-{world.truth.number}"
    settings = template.model_copy(update={"home": home})
    settings.prepare_home()
    shutil.copy(template.warehouse, settings.warehouse)
    try:
        pq.write_table(world.messages, settings.inbox / f"world-{world.truth.number}.parquet")
        with open_warehouse(settings, checkpoint=False) as connection:
            load_inbox(connection, settings, END)
            rescore(connection, END)
            yield connection
    finally:
        shutil.rmtree(home)
