"""A gateway that cannot work is refused before anything is opened, in words that say what to do."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from pydantic import SecretStr

from pql_platform.errors import PqlError
from pql_platform.settings import load_settings
from pql_platform.warehouse import gateways
from pql_platform.warehouse.connection import attach_statement
from pql_platform.warehouse.gateways import gateway_config, open_postgres

NEEDS = {"postgres": "psycopg and psycopg2", "spark": "pyspark"}


def settings_for(gateway: str, url: str | None = None):
    return load_settings().model_copy(
        update={"gateway": gateway, "warehouse_url": SecretStr(url) if url else None}
    )


@pytest.mark.parametrize("gateway", list(NEEDS))
def test_a_gateway_without_its_driver_says_what_to_install(gateway, monkeypatch) -> None:
    monkeypatch.setattr(gateways, "find_spec", lambda name: None)
    with pytest.raises(PqlError) as refused:
        gateway_config(settings_for(gateway))
    assert str(refused.value) == (
        f"PQL_GATEWAY: The {gateway} gateway needs {NEEDS[gateway]}, which is not installed."
        f" Run `pip install 'pql-platform[{gateway}]'`"
    )


def test_duckdb_needs_no_address_and_keeps_its_state_apart_from_the_data() -> None:
    settings = settings_for("duckdb")
    config = gateway_config(settings)
    warehouse = config.connection.catalogs["warehouse"]
    assert warehouse.path == str(settings.warehouse)
    # Without the size of its row groups DuckDB would merge them at the next checkpoint.
    assert warehouse.to_sql("warehouse") == attach_statement(settings.warehouse)
    assert config.state_connection.database == str(settings.sqlmesh_state)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (None, "is not set"),
        ("warehouse", "is not a URL"),
        ("mysql://host/warehouse", "does not name a Postgres database"),
        ("postgresql://host", "does not name a Postgres database"),
    ],
)
def test_an_address_that_is_none_is_refused_and_never_repeated(url, says, monkeypatch) -> None:
    monkeypatch.setattr(gateways, "find_spec", lambda name: "installed")
    with pytest.raises(PqlError) as refused:
        gateway_config(settings_for("postgres", url))
    assert str(refused.value) == (
        f"PQL_WAREHOUSE_URL: The address of the Postgres warehouse {says}."
        " Set it to postgresql://USER:PASSWORD@HOST:5432/DATABASE"
    )


@pytest.mark.skipif(find_spec("psycopg2") is None, reason="psycopg2 is not installed")
def test_every_part_of_a_postgres_address_reaches_sqlmesh() -> None:
    url = "postgresql+psycopg://ana:p%40ss@db.example:6543/warehouse?sslmode=require"
    connection = gateway_config(settings_for("postgres", url)).connection
    assert (connection.host, connection.port) == ("db.example", 6543)
    assert (connection.user, connection.password) == ("ana", "p@ss")
    assert (connection.database, connection.sslmode) == ("warehouse", "require")


@pytest.mark.skipif(find_spec("psycopg2") is None, reason="psycopg2 is not installed")
def test_a_server_that_does_not_answer_is_named_without_the_password() -> None:
    settings = settings_for("postgres", "postgresql://ana:secret@127.0.0.1:9/warehouse")
    with pytest.raises(PqlError, match=r"Postgres at 127\.0\.0\.1 cannot be reached") as refused:
        open_postgres(settings).__enter__()
    assert "secret" not in str(refused.value)


@pytest.mark.engines
def test_a_database_that_orders_text_by_a_language_is_refused(postgres_url) -> None:
    url = postgres_url("TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
    with pytest.raises(PqlError, match="does not order text by code point"):
        open_postgres(settings_for("postgres", url)).__enter__()


@pytest.mark.engines
def test_a_database_that_orders_text_by_code_point_is_opened(postgres_url) -> None:
    with open_postgres(settings_for("postgres", postgres_url())) as connection:
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
