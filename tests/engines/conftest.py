"""Three worlds in DuckDB, and the models computed on each engine.

The drivers and Java are extras, so these tests skip where they are missing, and say what; with
PQL_TEST_ENGINES=required (make test-engines) they fail instead. The Postgres server is that of
tests/postgres_server.py.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from postgres_server import missing
from pydantic import SecretStr

from pql_platform.demo.simulator import write_history
from pql_platform.intake.files import take_in
from pql_platform.settings import Settings, load_settings
from pql_platform.warehouse.building import build
from pql_platform.warehouse.check import UNIT_PROGRAM
from pql_platform.warehouse.connection import open_warehouse
from pql_platform.warehouse.gateways import DRIVERS, open_postgres, open_spark
from pql_platform.warehouse.loading import load_inbox
from pql_platform.warehouse.manifest import ModelManifest, load_manifest
from pql_platform.warehouse.project import rebuild
from pql_platform.warehouse.transfer import to_postgres, to_spark

if TYPE_CHECKING:
    import psycopg

REPOSITORY = Path(__file__).parents[2]
HEDGEBOX = REPOSITORY.parent / "shared" / "data" / "hedgebox_500" / "events.ndjson.gz"

REQUIRED = "PQL_TEST_ENGINES"

Row = tuple[Any, ...]
Tables = dict[str, list[Row]]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "engines: the models on Postgres and Spark")


def need_driver(engine: str) -> None:
    for name in DRIVERS[engine]:
        if find_spec(name) is None:
            missing(f"{name} is not installed: pip install -e '.[{engine}]'", REQUIRED)
    if engine == "spark" and shutil.which("java") is None:
        missing("Spark needs Java 17: apt-get install openjdk-17-jre-headless", REQUIRED)


def import_file(path: str) -> ModuleType:
    """Import a file of some folder of tests, by its path in the repository, once."""
    name = "engines_" + path.replace("/", "_").removesuffix(".py")
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, REPOSITORY / path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def imported() -> Callable[[str], ModuleType]:
    """`import_file`, for tests."""
    return import_file


@dataclass
class World:
    """A warehouse built by DuckDB, and the same models as other engines computed them."""

    settings: Settings
    as_of: datetime
    manifest: tuple[ModelManifest, ...]
    computed: dict[str, Tables] = field(default_factory=dict)

    def on(self, engine: str, url: str | None = None) -> Settings:
        home = self.settings.home if engine == "duckdb" else self.settings.home / engine
        settings = self.settings.model_copy(
            update={
                "gateway": engine,
                "home": home,
                "warehouse_url": SecretStr(url) if url else None,
            }
        )
        settings.prepare_home()
        return settings


def in_order(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=repr)


def tables_of(manifest: tuple[ModelManifest, ...], fetch: Callable[[str], list[Row]]) -> Tables:
    """Every row of every model, its columns in the order of the manifest."""
    return {
        model.name: in_order(
            fetch(f"SELECT {', '.join(name for name, _, _ in model.columns)} FROM {model.name}")  # noqa: S608
        )
        for model in manifest
    }


def as_text(connection: psycopg.Connection) -> None:
    """Have JSON columns come as the text that they hold, as on the other engines."""
    from psycopg.types.json import set_json_loads

    set_json_loads(lambda text: text if isinstance(text, str) else text.decode(), connection)


def _write_demo(path: Path) -> datetime:
    end = datetime(2026, 3, 4, 15, tzinfo=UTC)
    write_history(path / "events.ndjson", accounts=60, days=90, seed=12, end=end)
    return end


def _write_hedgebox(path: Path) -> datetime:
    if not HEDGEBOX.exists():
        pytest.skip("shared/data/hedgebox_500 is not beside the repository")
    (path / "events.ndjson.gz").symlink_to(HEDGEBOX)
    return datetime(2024, 7, 1, tzinfo=UTC)


def _write_awkward(path: Path) -> datetime:
    end = datetime(2026, 3, 4, 15, tzinfo=UTC)
    awkward = import_file("tests/engines/awkward.py")
    awkward.write_awkward_history(path / "events.ndjson", end)
    return end


WORLDS = {
    "demo": (REPOSITORY / "programs" / "boards.yaml", _write_demo),
    "hedgebox": (REPOSITORY / "programs" / "examples" / "hedgebox.yaml", _write_hedgebox),
    "awkward": (UNIT_PROGRAM, _write_awkward),
}


@pytest.fixture(scope="session", params=list(WORLDS))
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    program, write = WORLDS[request.param]
    source = tmp_path_factory.mktemp("source")
    as_of = write(source)
    settings = load_settings().model_copy(
        update={"home": tmp_path_factory.mktemp("home"), "programs": program}
    )
    settings.prepare_home()
    (events,) = source.iterdir()
    take_in(events, settings.inbox, now=as_of)
    with open_warehouse(settings) as connection:
        load_inbox(connection, settings, as_of)
    build(settings, as_of)
    manifest = load_manifest(settings)
    with open_warehouse(settings) as connection:
        tables = tables_of(manifest, lambda query: connection.execute(query).fetchall())
    return World(settings, as_of, manifest, {"duckdb": tables})


@pytest.fixture(scope="session")
def postgres_drivers() -> None:
    """Both drivers: SQLMesh has one of its own."""
    need_driver("postgres")


@pytest.fixture(scope="session")
def postgres_url(postgres_drivers: None, postgres_server: str) -> Callable[..., str]:
    """Makes an empty database and returns its URL; `options` are those of CREATE DATABASE."""
    import psycopg

    made: list[str] = []

    def create(options: str = "") -> str:
        name = f"warehouse_{len(made)}"
        made.append(name)
        with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as server:
            server.execute(f"CREATE DATABASE {name} {options}".encode())
        return f"{postgres_server}/{name}"

    return create


def raw_of(world: World) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(world.settings.warehouse), read_only=True)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


@pytest.fixture(scope="session")
def on_postgres(postgres_url: Callable[..., str], world: World) -> Settings:
    """The world's models computed by Postgres; its settings."""
    settings = world.on("postgres", postgres_url())
    with raw_of(world) as source, open_postgres(settings) as target:
        to_postgres(source, target)
    rebuild(settings)
    with open_postgres(settings) as target:
        as_text(target)
        world.computed["postgres"] = tables_of(
            world.manifest, lambda query: target.execute(query.encode()).fetchall()
        )
    return settings


SMALL_SPARK = """
spark.sql.codegen.wholeStage          false
spark.sql.codegen.factoryMode         NO_CODEGEN
spark.sql.adaptive.enabled            false
spark.sql.shuffle.partitions          1
"""
"""For a few thousand rows: compiling a query takes Spark longer than interpreting it."""


@pytest.fixture(scope="session")
def small_spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A site configuration of Spark for small data, found as any site's is."""
    need_driver("spark")
    folder = tmp_path_factory.mktemp("spark_conf")
    (folder / "spark-defaults.conf").write_text(SMALL_SPARK, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(folder))
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")
        yield


@pytest.fixture(scope="session")
def on_spark(small_spark: None, world: World) -> Settings:
    """The world's models computed by Spark; its settings."""
    settings = world.on("spark")
    session = open_spark(settings)
    try:
        session.sparkContext.setLogLevel("OFF")
        with raw_of(world) as source:
            to_spark(source, session)
        rebuild(settings)
        world.computed["spark"] = tables_of(
            world.manifest, lambda query: [tuple(row) for row in session.sql(query).collect()]
        )
    finally:
        # The next world has a metastore of its own.
        session.stop()
    return settings
