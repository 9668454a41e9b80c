"""Every model can be said in the dialect of every engine we name, without loss."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import ErrorLevel, exp
from sqlglot.errors import UnsupportedError

from pql_platform.settings import load_settings
from pql_platform.warehouse.check import UNIT_PROGRAM
from pql_platform.warehouse.project import open_context

DIALECTS = ("duckdb", "postgres", "spark", "databricks", "snowflake", "bigquery", "clickhouse")

UNSAYABLE = {
    exp.Anonymous: "a function that SQLGlot does not know is passed on as it stands",
    exp.TryCast: "Postgres has no TRY_CAST: one bad value would fail the whole model",
    exp.RegexpExtract: "Postgres 15 has no REGEXP_EXTRACT",
    exp.ArgMax: "Postgres has no ARG_MAX",
    exp.ArgMin: "Postgres has no ARG_MIN",
    exp.AnyValue: "Postgres 15 has no ANY_VALUE, and which value is anybody's guess",
    exp.Filter: "Snowflake has no FILTER, and COUNT(*) in it is transpiled wrong",
    exp.TimeToStr: "formats differ",
}


@pytest.fixture(scope="module")
def queries(tmp_path_factory) -> dict[str, exp.Expression]:
    """The query of each model as SQLMesh renders it for a program that uses every key."""
    settings = load_settings().model_copy(
        update={"home": tmp_path_factory.mktemp("home"), "programs": UNIT_PROGRAM}
    )
    context = open_context(settings)
    try:
        return {
            model.name: model.render_query_or_raise()
            for model in context.models.values()
            if not model.kind.is_external
        }
    finally:
        context.close()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_model_is_said_without_loss_and_reads_back_the_same(queries, dialect) -> None:
    for name, query in queries.items():
        try:
            said = query.sql(dialect, unsupported_level=ErrorLevel.RAISE)
        except UnsupportedError as error:
            raise AssertionError(f"{name} in {dialect}: {error}") from error
        back = sqlglot.parse_one(said, dialect=dialect).sql(dialect)
        # The spelling of EXTRACT(epoch ...) is not kept.
        assert back.casefold() == said.casefold(), name


def test_no_model_uses_what_some_engine_cannot_say(queries) -> None:
    found = {
        f"{name}: {node.sql('duckdb')[:80]}": why
        for name, query in queries.items()
        for kind, why in UNSAYABLE.items()
        for node in query.find_all(kind)
    }
    assert found == {}


def test_dates_are_subtracted_by_name(queries) -> None:
    # In Spark the difference of two dates is an interval, in the others a number of days.
    found = [
        f"{name}: {node.sql('duckdb')}"
        for name, query in queries.items()
        for node in query.find_all(exp.Sub)
        if node.left.is_type("date") and node.right.is_type("date")
    ]
    assert found == []


def test_decimals_are_never_divided(queries) -> None:
    # In DuckDB the quotient of two decimals is a double, in Spark a decimal of a scale of its own.
    found = [
        f"{name}: {node.sql('duckdb')}"
        for name, query in queries.items()
        for node in query.find_all(exp.Div)
        if node.left.is_type("decimal") or node.right.is_type("decimal")
    ]
    assert found == []
