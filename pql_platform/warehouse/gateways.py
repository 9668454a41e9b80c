"""Which engine computes the models (PQL_GATEWAY), and how it is reached.

One gateway per engine: its SQLMesh configuration, and the plain connection that transfer and
rescoring use. A gateway is declared only when it is chosen and its driver is installed. What the
models are is the same everywhere and not decided here; see docs/engines.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pql_platform.errors import PqlError
from pql_platform.settings import Settings
from pql_platform.warehouse.connection import attach_statement

if TYPE_CHECKING:
    import psycopg
    from pyspark.sql import SparkSession
    from sqlalchemy.engine import URL
    from sqlmesh.core.config import DuckDBConnectionConfig, GatewayConfig
    from sqlmesh.core.config.connection import PostgresConnectionConfig, SparkConnectionConfig

DRIVERS = {"duckdb": ("duckdb",), "postgres": ("psycopg", "psycopg2"), "spark": ("pyspark",)}
"""What must be importable: SQLMesh speaks psycopg2, everything of ours psycopg 3."""

ONE_WRITER = 7_051_984
"""The advisory lock on Postgres of whoever writes: transfer, build or rescoring; the number means
nothing."""

LOCAL_SPARK = "local[2]"
SPARK_CATALOG = "spark_catalog"
BROKEN_RULE = "org.apache.spark.sql.catalyst.optimizer.RemoveRedundantAliases"
"""Spark 4.1 to 4.3 (not 4.0) fail with it on a window over a table united with itself, as in
staging.identities: "previously resolved and now became unresolved". It only tidies plans."""


def gateway_config(settings: Settings) -> GatewayConfig:
    """Return the SQLMesh gateway of `settings.gateway`.

    Raises:
        PqlError: Its driver is not installed, or its address is missing or malformed.
    """
    require_driver(settings.gateway)
    from sqlmesh.core.config import DuckDBConnectionConfig, GatewayConfig

    # The unit tests of the models read and write memory, whatever the engine.
    in_memory = DuckDBConnectionConfig()
    if settings.gateway == "postgres":
        # SQLMesh keeps its state in the same database, in a schema of its own.
        return GatewayConfig(connection=_postgres_config(settings), test_connection=in_memory)
    if settings.gateway == "spark":
        # SQLMesh updates its state row by row, which Spark's tables do not allow.
        state = settings.home / "sqlmesh_state_spark.duckdb"
        return GatewayConfig(
            connection=_spark_config(settings),
            state_connection=DuckDBConnectionConfig(database=str(state)),
            test_connection=in_memory,
        )
    return GatewayConfig(
        connection=_duckdb_config(settings),
        state_connection=DuckDBConnectionConfig(database=str(settings.sqlmesh_state)),
        test_connection=in_memory,
    )


def _duckdb_config(settings: Settings) -> DuckDBConnectionConfig:
    from sqlmesh.core.config import DuckDBConnectionConfig
    from sqlmesh.core.config.connection import DuckDBAttachOptions

    class WarehouseFile(DuckDBAttachOptions):
        """The file as all others attach it.

        Opened without the size of its row groups, DuckDB merges them to its own size at the next
        checkpoint, and whoever asks for a few accounts reads most of the file again.
        """

        def to_sql(self, alias: str) -> str:
            return attach_statement(Path(self.path), alias)

    limits = {"memory_limit": settings.memory_limit} if settings.memory_limit else {}
    return DuckDBConnectionConfig(
        catalogs={
            "warehouse": WarehouseFile(type="duckdb", path=str(settings.warehouse)),
        },
        connector_config={
            **limits,
            "temp_directory": str(settings.home / "spill"),
            # One checkpoint at the end instead of one for every other model.
            "checkpoint_threshold": "1GB",
        },
    )


def require_driver(gateway: str) -> None:
    """Refuse a gateway whose driver is not installed, before anything is imported or opened.

    Raises:
        PqlError: What is missing, and how to install it.
    """
    missing = [name for name in DRIVERS[gateway] if find_spec(name) is None]
    if missing:
        raise PqlError(
            f"The {gateway} gateway needs {' and '.join(missing)}, which is not installed",
            field="PQL_GATEWAY",
            hint=f"Run `pip install 'pql-platform[{gateway}]'`",
        )


@contextmanager
def open_postgres(settings: Settings) -> Iterator[psycopg.Connection]:
    """Open the Postgres warehouse; each transaction is the caller's own to commit.

    Raises:
        PqlError: It cannot be reached, or its database orders text other than by code point, so
            that ties and minima would be broken differently than on the other engines.
    """
    require_driver("postgres")
    import psycopg

    url = _postgres_url(settings)
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        connection = psycopg.connect(plain, autocommit=True, options="-c timezone=UTC")
    except psycopg.OperationalError as error:
        raise PqlError(
            f"Postgres at {url.host} cannot be reached: {str(error).strip().splitlines()[-1]}",
            field="PQL_WAREHOUSE_URL",
            hint="Start the server or correct the address",
        ) from error
    with connection:
        _require_code_point_order(connection, url)
        yield connection


def open_spark(settings: Settings) -> SparkSession:
    """Return the Spark session of this process, the one that SQLMesh uses too.

    Locally, tables and metastore are files under PQL_HOME. With another master, the site's own
    Spark configuration (SPARK_CONF_DIR) says where they are.
    """
    require_driver("spark")
    from pyspark.sql import SparkSession

    builder = SparkSession.builder
    for key, value in _spark_options(settings).items():
        builder = builder.config(key, value)
    session: SparkSession = builder.enableHiveSupport().getOrCreate()
    return session


def _postgres_url(settings: Settings) -> URL:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    given = settings.warehouse_url
    try:
        url = make_url(given.get_secret_value()) if given is not None else None
    except ArgumentError as error:
        raise _no_postgres_url("is not a URL") from error
    if url is None:
        raise _no_postgres_url("is not set")
    if url.get_backend_name() != "postgresql" or not url.database:
        raise _no_postgres_url("does not name a Postgres database")
    return url


def _no_postgres_url(what: str) -> PqlError:
    return PqlError(
        f"The address of the Postgres warehouse {what}",
        field="PQL_WAREHOUSE_URL",
        hint="Set it to postgresql://USER:PASSWORD@HOST:5432/DATABASE",
    )


def _postgres_config(settings: Settings) -> PostgresConnectionConfig:
    from sqlmesh.core.config.connection import PostgresConnectionConfig

    url = _postgres_url(settings)
    return PostgresConnectionConfig(
        host=url.host or "localhost",
        port=url.port or 5432,
        user=url.username or "",
        password=url.password or "",
        database=url.database or "",
        application_name="pql-platform",
        **({"sslmode": url.query["sslmode"]} if "sslmode" in url.query else {}),
    )


def _require_code_point_order(connection: psycopg.Connection, url: URL) -> None:
    row = connection.execute("SELECT 'Z' < 'a' AND 'z' < 'é' AND LOWER('É') = 'é'").fetchone()
    if row != (True,):
        raise PqlError(
            f"The database {url.database} does not order text by code point, so that ties would"
            " fall differently than on other engines",
            field="PQL_WAREHOUSE_URL",
            hint=f"Create it with: createdb --template=template0 --encoding=UTF8"
            f" --locale=C.UTF-8 {url.database}",
        )


def _spark_config(settings: Settings) -> SparkConnectionConfig:
    from sqlmesh.core.config.connection import SparkConnectionConfig

    return SparkConnectionConfig(catalog=SPARK_CATALOG, config=_spark_options(settings))


def _spark_options(settings: Settings) -> dict[str, str]:
    given = settings.warehouse_url
    master = given.get_secret_value() if given is not None else LOCAL_SPARK
    options = {
        "spark.master": master,
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.optimizer.excludedRules": BROKEN_RULE,
    }
    if not master.startswith("local"):
        return options
    folder = settings.home / "spark"
    return {
        **options,
        "spark.sql.warehouse.dir": str(folder / "tables"),
        "spark.hadoop.javax.jdo.option.ConnectionURL": (
            f"jdbc:derby:;databaseName={folder / 'metastore'};create=true"
        ),
        "spark.driver.extraJavaOptions": f"-Dderby.stream.error.file={settings.home / 'derby.log'}",
        # One machine: nothing to listen for outside, and few rows per task.
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
    }
