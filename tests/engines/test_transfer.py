"""What a transfer carries over: every row once, and every text as it was."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import pytest
from pydantic import SecretStr
from ruamel.yaml import YAML

from pql_platform.settings import load_settings
from pql_platform.warehouse import transfer
from pql_platform.warehouse.gateways import open_postgres, open_spark
from pql_platform.warehouse.project import PROJECT
from pql_platform.warehouse.transfer import RAW_TABLES, to_postgres, to_spark

AWKWARD = ['say "hi", then\nleave', "", " ", "\\N", "NULL", "Ω 🎈 \\u0041", "'; --", "a\tb\r\n"]
AT = datetime(2026, 3, 4, 15, 0, 0, 123456, tzinfo=UTC).replace(tzinfo=None)


def test_what_is_carried_over_is_what_the_models_know() -> None:
    declared = YAML(typ="safe").load((PROJECT / "external_models.yaml").read_text(encoding="utf-8"))
    known = {table["name"]: table["columns"] for table in declared}
    assert set(known) == {table.name for table in RAW_TABLES}
    for table in RAW_TABLES:
        carried = {
            name: kind.replace("JSON", "TEXT").lower() for name, kind in table.columns.items()
        }
        assert carried.items() <= known[table.name].items()


@pytest.fixture
def source() -> duckdb.DuckDBPyConnection:
    """Raw tables with one event per awkward text, all of load 1."""
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA raw")
    for table in RAW_TABLES:
        columns = ", ".join(f"{name} {kind}" for name, kind in table.columns.items())
        connection.execute(f"CREATE TABLE {table.name} ({columns.replace('JSON', 'TEXT')})")
    add(connection, 1, AWKWARD)
    connection.execute("INSERT INTO raw.links VALUES (1, 'ann', NULL, '', 'acme')")
    connection.execute("INSERT INTO raw.clock VALUES (?)", [AT])
    connection.execute("INSERT INTO raw.personal_email_domains VALUES ('mail.example')")
    return connection


def add(connection: duckdb.DuckDBPyConnection, load_id: int, texts: list[str]) -> None:
    for number, text in enumerate(texts):
        connection.execute(
            """INSERT INTO raw.events VALUES (?, 'track', ?, ?, ?, '{"b": 1.50}', '{}', ?, 1)""",
            [f"{load_id}-{number}", text, AT, AT, load_id],
        )


@pytest.fixture
def target(postgres_url):
    url = SecretStr(postgres_url())
    with open_postgres(load_settings().model_copy(update={"warehouse_url": url})) as connection:
        yield connection


def rows(connection, table: transfer.RawTable) -> list[tuple]:
    columns = ", ".join(
        f"{name}::TEXT" if kind == "JSON" else name for name, kind in table.columns.items()
    )
    found = connection.execute(f"SELECT {columns} FROM {table.name}").fetchall()  # noqa: S608
    return sorted(found, key=repr)


@pytest.mark.engines
def test_every_row_and_every_text_arrives_as_it_was(source, target) -> None:
    written = to_postgres(source, target)
    assert written == {
        "raw.events": len(AWKWARD),
        "raw.links": 1,
        "raw.clock": 1,
        "raw.personal_email_domains": 1,
    }
    for table in RAW_TABLES:
        assert rows(target, table) == rows(source, table)


@pytest.mark.engines
def test_the_next_transfer_brings_only_what_came_since(source, target) -> None:
    to_postgres(source, target)
    add(source, 2, ["later"])
    assert to_postgres(source, target)["raw.events"] == 1
    assert to_postgres(source, target)["raw.events"] == 0
    for table in RAW_TABLES:
        assert rows(target, table) == rows(source, table)


@pytest.mark.engines
def test_the_clock_is_that_of_the_engine_once_it_has_one(source, target) -> None:
    to_postgres(source, target)
    source.execute("UPDATE raw.clock SET as_of = as_of + INTERVAL '1' DAY")
    assert to_postgres(source, target)["raw.clock"] == 0
    assert target.execute("SELECT as_of FROM raw.clock").fetchall() == [(AT,)]


@pytest.mark.engines
def test_many_rows_go_in_parts(source, target, monkeypatch) -> None:
    monkeypatch.setattr(transfer, "ROWS_AT_ONCE", 2048)
    source.execute(
        "INSERT INTO raw.personal_email_domains SELECT i || '.example' FROM range(10000) AS r(i)"
    )
    assert to_postgres(source, target)["raw.personal_email_domains"] == 10_001
    assert rows(target, RAW_TABLES[-1]) == rows(source, RAW_TABLES[-1])


@pytest.mark.engines
def test_a_transfer_that_fails_leaves_nothing_behind(source, target) -> None:
    source.execute("DROP TABLE raw.personal_email_domains")
    with pytest.raises(duckdb.CatalogException):
        to_postgres(source, target)
    assert target.execute("SELECT to_regclass('raw.events')").fetchone() == (None,)


@pytest.mark.engines
def test_spark_gets_the_same_rows_and_later_only_what_came_since(
    source, small_spark, tmp_path
) -> None:
    session = open_spark(load_settings().model_copy(update={"home": tmp_path, "gateway": "spark"}))
    try:
        session.sparkContext.setLogLevel("OFF")
        assert to_spark(source, session)["raw.events"] == len(AWKWARD)
        add(source, 2, ["later"])
        assert to_spark(source, session) == {
            "raw.events": 1,
            "raw.links": 0,
            "raw.clock": 0,
            "raw.personal_email_domains": 0,
        }
        for table in RAW_TABLES:
            columns = ", ".join(table.columns)
            found = session.sql(f"SELECT {columns} FROM {table.name}").collect()  # noqa: S608
            assert sorted(map(tuple, found), key=repr) == rows(source, table)
    finally:
        session.stop()
