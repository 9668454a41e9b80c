"""A warehouse deployed once with the unit program, copied per test, and messages to load."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pql_platform.intake.schema import INBOX_SCHEMA
from pql_platform.settings import Settings, load_settings
from pql_platform.warehouse.building import build
from pql_platform.warehouse.check import UNIT_PROGRAM
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.deployments import deployed_models
from pql_platform.warehouse.loading import LoadCounts, load_inbox
from pql_platform.warehouse.manifest import ModelManifest
from pql_platform.warehouse.rescoring import ROLL_UPS

NOW = datetime(2026, 3, 20, 10, tzinfo=UTC)
"""The clock of most tests; the deployed warehouse is a month older and empty."""

Row = dict[str, Any]
Tables = dict[str, list[tuple[Any, ...]]]


def settings_of(home: Path, programs: Path = UNIT_PROGRAM) -> Settings:
    settings = load_settings().model_copy(update={"home": home, "programs": programs})
    settings.prepare_home()
    return settings


def message(message_id: str, at: datetime | timedelta, **given: Any) -> Row:
    """An inbox row: a track call unless told otherwise, known at once unless `received_at` says."""
    occurred = at if isinstance(at, datetime) else NOW - at
    values: Row = {"type": "track", "event": "Board Created", "received_at": occurred, **given}
    if values["type"] in ("identify", "group", "alias"):
        values["event"] = f"${values['type']}"
    content = {
        "occurred_at": occurred.replace(tzinfo=None),
        "properties": json.dumps(values.pop("properties", {})),
        "traits": json.dumps(values.pop("traits", {})),
        **values,
        "received_at": values["received_at"].replace(tzinfo=None),
    }
    digest = hashlib.sha256(repr(sorted(content.items())).encode()).hexdigest()
    return {
        "message_id": message_id,
        "source": "segment",
        "content_hash": digest,
        "file": "events.ndjson",
        "byte_offset": 0,
        **content,
    }


def put(settings: Settings, rows: Iterable[Row], name: str) -> Path:
    """Write an inbox file."""
    path = settings.inbox / name
    pq.write_table(pa.Table.from_pylist(list(rows), schema=INBOX_SCHEMA), path)
    return path


def load(connection: duckdb.DuckDBPyConnection, settings: Settings) -> LoadCounts:
    return load_inbox(connection, settings, NOW)


def tables(connection: duckdb.DuckDBPyConnection, catalog: str = "warehouse") -> Tables:
    """Every row of every model that a live pass keeps up to date, as a set in a fixed order.

    The number of a link depends on the order of arrival, so the ids themselves stand in its place.
    """
    return {
        model.model: sorted(
            connection.execute(_rows_of(connection, f"{catalog}.{model.model}")).fetchall(),
            key=repr,
        )
        for model in deployed_models(connection)
        if model.model not in ROLL_UPS
    }


def _rows_of(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    columns = [name for name, *_ in connection.execute(f"DESCRIBE {table}").fetchall()]
    if "link_id" not in columns:
        return f"FROM {table}"
    return (
        "SELECT links.user_id, links.anonymous_id, links.previous_id, links.group_id,"  # noqa: S608
        f" given.* EXCLUDE (link_id) FROM {table} AS given"
        " INNER JOIN warehouse.raw.links AS links USING (link_id)"
    )


def compute(
    connection: duckdb.DuckDBPyConnection, models: Iterable[ModelManifest], last: str
) -> None:
    """Compute models in their order, up to and with the one called `last`."""
    for model in models:
        connection.execute(f"CREATE OR REPLACE {model.kind} {model.name} AS {model.query}")
        if model.name == last:
            return


@contextmanager
def raw_tables(as_of: datetime) -> Iterator[duckdb.DuckDBPyConnection]:
    """What the models read, in memory and empty but for the clock."""
    with duckdb.connect() as connection:
        for schema in ("raw", "staging", "features", "scores"):
            connection.execute(f"CREATE SCHEMA {schema}")
        connection.execute("CREATE TABLE raw.clock AS SELECT ?::TIMESTAMP AS as_of", [as_of])
        connection.execute("CREATE TABLE raw.personal_email_domains (domain TEXT)")
        connection.execute(
            "CREATE TABLE raw.links (link_id BIGINT, user_id TEXT, anonymous_id TEXT,"
            " previous_id TEXT, group_id TEXT)"
        )
        connection.execute(
            "CREATE TABLE raw.events (message_id TEXT, type TEXT, event TEXT, link_id BIGINT,"
            " occurred_at TIMESTAMP, received_at TIMESTAMP, properties TEXT, traits TEXT)"
        )
        yield connection


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def pytest_configure(config: pytest.Config) -> None:
    # SQLMesh 0.236 warns about itself when it is imported under this version of pydantic.
    config.addinivalue_line("filterwarnings", "ignore:`json_encoders` is deprecated")


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    """The functions of this file, for tests that need several."""
    return SimpleNamespace(
        NOW=NOW,
        settings_of=settings_of,
        message=message,
        put=put,
        load=load,
        tables=tables,
        rows=rows,
        compute=compute,
        raw_tables=raw_tables,
    )


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An empty warehouse with the models of the unit program; not to be changed."""
    settings = settings_of(tmp_path_factory.mktemp("deployed"))
    with open_warehouse(settings) as connection:
        load(connection, settings)
    build(settings, NOW - timedelta(days=30))
    return settings


@pytest.fixture(scope="session")
def copied(deployed: Settings, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Settings]:
    """Makes copies of the deployed warehouse: a build takes seconds, a copy milliseconds."""

    def copy() -> Settings:
        home = tmp_path_factory.mktemp("home")
        shutil.copytree(deployed.home, home, dirs_exist_ok=True)
        return deployed.model_copy(update={"home": home})

    return copy


@pytest.fixture
def warehouse(copied: Callable[[], Settings]) -> Settings:
    return copied()


@pytest.fixture(scope="session")
def small_world() -> list[Row]:
    """Two companies and a student, with something in every table."""
    return [
        message(
            "g1",
            timedelta(days=20),
            type="group",
            user_id="ann",
            group_id="acme",
            traits={"employees": 600},
        ),
        message("a1", timedelta(days=21), event="Board Created", anonymous_id="d1"),
        message("a2", timedelta(days=20), type="identify", user_id="ann", anonymous_id="d1"),
        message("a3", timedelta(days=3), event="Board Shared", user_id="ann"),
        message("a4", timedelta(days=2), event="Board Shared", user_id="ann"),
        message("a5", timedelta(hours=5), event="Board Created", user_id="ann", group_id="acme"),
        message("a6", timedelta(hours=4), event="Board Copied", anonymous_id="d1"),
        message(
            "b1",
            timedelta(days=9),
            type="identify",
            user_id="bob",
            traits={"email": "b@bolt.example.com"},
        ),
        message("b2", timedelta(days=8), event="Board Created", user_id="bob"),
        message("b3", timedelta(days=10), event="Board Created", user_id="old_bob"),
        message("b4", timedelta(days=2), type="alias", user_id="bob", previous_id="old_bob"),
        message(
            "c1",
            timedelta(days=7),
            type="identify",
            user_id="cid",
            traits={"email": "c@cs.mit.edu"},
        ),
        message("c2", timedelta(hours=6), event="Board Created", user_id="cid"),
        message("s1", timedelta(hours=3), event="Seat Added", group_id="acme"),
    ]
